"""An optimizer of PyTorch in the place of momentum."""

from functools import partial

import pytest
import torch

from deepbelief import DBN, Pretraining, Random, RBMSettings, RBMTraining
from deepbelief.models.rbm import RBM, bernoulli_rbm

SGD = partial(torch.optim.SGD, lr=0.1, momentum=0.5)
ADAM = partial(torch.optim.Adam, lr=0.01)
SETTINGS = RBMSettings(
    epochs=4, batch_size=20, learning_rate=0.1, initial_momentum=0.5, weight_decay=0, final_momentum=0.5
)


def patterns() -> torch.Tensor:
    return (torch.rand(100, 8, generator=torch.Generator().manual_seed(0)) < 0.3).double()


def trained(optimizer: object = None, **changes: object) -> RBM:
    rbm = bernoulli_rbm(8, 5, Random(0), weight_std=0.3).double()
    settings = RBMSettings(**{**vars(SETTINGS), **changes})
    list(RBMTraining(rbm, patterns(), settings, random=1, optimizer=optimizer).epochs())  # type: ignore[arg-type]
    return rbm


def test_sgd_is_momentum() -> None:
    for ours, theirs in zip(trained().parameters(), trained(SGD).parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_its_own_rates_count() -> None:
    same = zip(trained(ADAM).parameters(), trained(ADAM, learning_rate=0.7, weight_decay=0.3).parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in same)
    assert not torch.equal(trained(ADAM).weights, trained(partial(torch.optim.Adam, lr=0.02)).weights)


@pytest.mark.parametrize("stop_after", [1, 5])
def test_a_restored_training_ends_bit_for_bit_the_same(stop_after: int) -> None:
    def job(seed: int) -> tuple[DBN, Pretraining]:
        dbn = DBN.from_sizes([8, 5, 4], Random(seed))
        return dbn, Pretraining(dbn, patterns(), SETTINGS, random=seed, optimizer=ADAM)

    whole, training = job(0)
    list(training.epochs())
    _, interrupted = job(0)
    epochs = interrupted.epochs()
    for _ in range(stop_after):
        next(epochs)
    resumed, going_on = job(9)
    going_on.restore(interrupted.state())
    list(going_on.epochs())
    assert going_on.records == training.records
    assert all(torch.equal(one, two) for one, two in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_the_size_of_a_step_is_recorded() -> None:
    rbm = bernoulli_rbm(8, 5, Random(0), weight_std=0.3).double()
    before = rbm.weights.detach().clone()
    settings = RBMSettings(epochs=1, batch_size=100, batch_statistics=True)
    (record,) = RBMTraining(rbm, patterns(), settings, optimizer=ADAM).epochs()
    assert record.monitors["update_mean"] == pytest.approx(float((rbm.weights.detach() - before).abs().sum()))
