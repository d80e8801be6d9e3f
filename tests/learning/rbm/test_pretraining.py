"""Greedy training: layers, ragged batches, order of the images, exact resumption, divergence."""

from typing import Any

import pytest
import torch

from deepbelief.checkpoint import TrainingState, load_state, save_state
from deepbelief.data import Images, TensorSource
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.learning.rbm import pretraining
from deepbelief.learning.rbm.batches import batches
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.learning.rbm.training import RBMTraining
from deepbelief.models.dbn import DBN
from deepbelief.randomness import Random


def images(n: int = 70, width: int = 9) -> Images:
    values = Random(0, "images").uniform((n, width), 0, 255.99)
    return Images(values.to(torch.uint8), 255.0, None)


def job(
    epochs: int = 4, seed: int = 1, products: torch.dtype | None = None, **changes: object
) -> tuple[DBN, Pretraining]:
    random = Random(seed, "pretraining")
    dbn = DBN.from_sizes([9, 6, 5], random)
    settings = RBMSettings(epochs=epochs, batch_size=16, **changes)  # type: ignore[arg-type]
    return dbn, Pretraining(dbn, images(), [settings] * 2, random=random, products=products)


def weights(dbn: DBN) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in dbn.state_dict().values()]


def test_every_epoch_of_every_layer_is_recorded_and_learns(products: torch.dtype) -> None:
    _, training = job(epochs=30, products=products)
    records = list(training.epochs())
    assert [(record.layer, record.epoch) for record in records] == [
        (layer, e) for layer in (1, 2) for e in range(1, 31)
    ]
    assert records[29].reconstruction_error < records[0].reconstruction_error
    assert records[59].reconstruction_error < records[30].reconstruction_error


def test_the_best_epoch_is_that_of_the_layer_at_work() -> None:
    dbn = DBN.from_sizes([9, 6, 5], Random(0))
    settings = [RBMSettings(epochs=40, learning_rate=0.5, patience=1), RBMSettings(epochs=2)]
    training = Pretraining(dbn, images(), settings, held_out=images(20))
    assert training.best_epoch is None
    for record in training.epochs():
        scores = [one.score for one in training.records if one.layer == record.layer]
        assert None not in scores
        best = scores.index(max(scores)) + 1 if record.layer == 1 else record.epoch  # type: ignore[type-var]
        assert training.best_epoch == best
    assert [record.layer for record in training.records].count(1) < 40


@pytest.mark.parametrize(
    "options",
    [{}, {"persistent_chains": 4}]
    + [{"persistent_chains": 4, "tempering": part} for part in ({"temperatures": 3}, {"trajectory": True})],
    ids=str,
)
def test_every_negative_phase_has_the_type_of_the_products(options: dict[str, Any]) -> None:
    rbm = DBN.from_sizes([9, 6], Random(0)).layer(1)
    training = RBMTraining(rbm, images(), RBMSettings(**options), products=torch.bfloat16)
    assert training._step.phase._workspace.rbm.weights.dtype == torch.bfloat16  # type: ignore[attr-defined]


def test_layers_are_trained_on_the_frozen_means_below() -> None:
    dbn, training = job(epochs=1)
    records = training.epochs()
    next(records)
    below = weights(dbn)[:3]
    next(records)
    assert all(torch.equal(before, after) for before, after in zip(below, weights(dbn)[:3], strict=True))

    alone = DBN([dbn.layer(2)])
    again_random = Random(1, "pretraining")
    reference = DBN.from_sizes([9, 6, 5], again_random)
    first = Pretraining(
        reference, images(), [RBMSettings(epochs=1, batch_size=16)] * 2, random=again_random, layers=[1]
    )
    list(first.epochs())
    features = TensorSource(reference.encode(images().batch(slice(0, 70)), 1).detach())
    top = DBN([reference.layer(2)])
    list(Pretraining(top, features, [RBMSettings(epochs=1, batch_size=16)], random=again_random).epochs())
    assert torch.equal(top.layer(1).weights, alone.layer(1).weights)


def test_one_given_layer_leaves_the_others_alone() -> None:
    random = Random(1)
    dbn = DBN.from_sizes([9, 6, 5], random)
    before = weights(dbn)
    records = list(Pretraining(dbn, images(), [RBMSettings(epochs=2)] * 2, random=random, layers=[2]).epochs())
    after = weights(dbn)
    assert {record.layer for record in records} == {2}
    assert all(torch.equal(a, b) for a, b in zip(before[:3], after[:3], strict=True))
    assert not torch.equal(before[3], after[3])


def test_batches_cover_all_images_once() -> None:
    plain = RBMSettings(batch_size=16, shuffle=False)
    rows = [torch.arange(70)[part] for part in batches(70, plain, Random(0))]
    assert [len(part) for part in rows] == [16, 16, 16, 16, 6]
    assert torch.equal(torch.cat(rows), torch.arange(70))
    dropped = [
        torch.arange(70)[part]
        for part in batches(70, RBMSettings(batch_size=16, shuffle=False, drop_last=True), Random(0))
    ]
    assert [len(part) for part in dropped] == [16] * 4
    shuffled = torch.cat([torch.arange(70)[part] for part in batches(70, RBMSettings(batch_size=16), Random(0))])
    assert not torch.equal(shuffled, torch.arange(70))
    assert torch.equal(shuffled.sort().values, torch.arange(70))


def test_a_ragged_last_batch_is_divided_by_its_own_size() -> None:
    """One epoch over 16 + 6 images is a step on 16 and a step on 6, each averaged over its own images."""
    from deepbelief.learning.rbm.momentum import Momentum
    from deepbelief.learning.rbm.negative_phases.contrastive_divergence import ContrastiveDivergence

    settings = RBMSettings(epochs=1, batch_size=16, shuffle=False, visible_bias_from_data=False)
    ours, theirs = Random(3), Random(3)
    dbn, expected = (DBN.from_sizes([9, 4], random) for random in (ours, theirs))
    list(Pretraining(dbn, images(22), [settings], random=ours).epochs())
    phases, momentum = ContrastiveDivergence(expected.layer(1), 16), Momentum(expected.layer(1))
    for rows in (slice(0, 16), slice(16, 22)):
        statistics = phases.statistics(images(22).batch(rows), theirs)
        assert statistics.batch_size == rows.stop - rows.start
        momentum.update(statistics, 0.1, 0.5, 0.0001)
    assert torch.equal(dbn.layer(1).weights, expected.layer(1).weights)


@pytest.mark.parametrize("stop_after", [1, 3, 4, 5, 8])
def test_a_restored_training_ends_bit_for_bit_the_same(
    tmp_path: object, products: torch.dtype, stop_after: int
) -> None:
    whole, training = job(products=products)
    expected_records = list(training.epochs())

    _, interrupted = job(products=products)
    records = interrupted.epochs()
    for _ in range(stop_after):
        next(records)
    path = tmp_path / "state"  # type: ignore[operator]
    save_state(path, interrupted.state())

    resumed, going_on = job(seed=99, products=products)  # everything that matters comes from the checkpoint
    going_on.restore(load_state(path))
    assert len(list(going_on.epochs())) == 8 - stop_after
    assert going_on.records == expected_records
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(resumed), strict=True))


def test_features_that_are_not_kept_teach_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, training = job()
    list(training.epochs())
    random = Random(1, "pretraining")
    dbn = DBN.from_sizes([9, 6, 5], random)
    settings = [RBMSettings(epochs=4, batch_size=16)] * 2
    monkeypatch.setattr(pretraining, "FEATURE_BYTES", 0)
    list(Pretraining(dbn, images(), settings, random=random).epochs())
    for ours, theirs in zip(weights(dbn), weights(kept), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_persistent_chains_go_on_exactly(tmp_path: object, products: torch.dtype) -> None:
    changes = {"persistent_chains": 10, "gibbs_steps": 2, "products": products}
    whole, training = job(**changes)
    list(training.epochs())
    _, interrupted = job(**changes)
    epochs = interrupted.epochs()
    for _ in range(3):
        next(epochs)
    save_state(tmp_path / "state", interrupted.state())  # type: ignore[operator]
    resumed, going_on = job(seed=99, **changes)
    going_on.restore(load_state(tmp_path / "state"))  # type: ignore[operator]
    list(going_on.epochs())
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(resumed), strict=True))


def test_persistent_chains_raise_the_exact_likelihood(products: torch.dtype) -> None:
    patterns = torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
    random = Random(0)
    dbn = DBN.from_sizes([6, 4], random).requires_grad_(False)
    states = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 6)

    def log_likelihood() -> float:
        free = dbn.layer(1).free_energy
        return float(-free(patterns).mean() - torch.logsumexp(-free(states), dim=0))

    before = log_likelihood()
    settings = RBMSettings(
        epochs=200,
        batch_size=20,
        learning_rate=0.1,
        learning_rate_to_zero=True,
        persistent_chains=200,
        gibbs_steps=3,
        final_momentum=0.5,
        weight_decay=0.005,
    )
    list(Pretraining(dbn, TensorSource(patterns.repeat(20, 1)), [settings], random=random, products=products).epochs())
    assert before < -3.5  # 6 nats' worth of states, hardly told apart
    assert log_likelihood() > -1.2  # at best log(1/2) = -0.69


def test_training_with_narrow_products_learns_as_much() -> None:
    def errors(products: torch.dtype) -> list[float]:
        random = Random(1, "pretraining")
        dbn = DBN.from_sizes([9, 6, 5], random)
        settings = [RBMSettings(epochs=20, batch_size=50, learning_rate_to_zero=True, final_momentum=0.5)] * 2
        records = list(Pretraining(dbn, images(1000), settings, random=random, products=products).epochs())
        assert dbn.layer(1).weights.dtype == torch.float32
        return [sum(record.reconstruction_error for record in records[end - 10 : end]) for end in (20, 40)]

    assert errors(torch.bfloat16) == pytest.approx(errors(torch.float32), rel=0.1)


def test_divergence_is_noticed() -> None:
    _, training = job(learning_rate=1e30)
    with pytest.raises(DeepBeliefError, match=r"layer 1 diverged at epoch \d+ .* try a tenth of the learning rate"):
        list(training.epochs())


def test_what_does_not_fit_is_refused() -> None:
    random = Random(0)
    dbn = DBN.from_sizes([9, 6, 5], random)
    with pytest.raises(SettingsError, match="sees 9 values, the data have 8"):
        Pretraining(dbn, images(width=8), [RBMSettings()] * 2, random=random)
    with pytest.raises(SettingsError, match="2 layers need 2 settings, not 1"):
        Pretraining(dbn, images(), [RBMSettings()], random=random)
    with pytest.raises(SettingsError, match="70 images fill no batch of 128"):
        Pretraining(dbn, images(), [RBMSettings(drop_last=True)] * 2, random=random)
    with pytest.raises(SettingsError, match="layers 1 to 2, not 3"):
        Pretraining(dbn, images(), [RBMSettings()] * 2, random=random, layers=[3])


def test_states_hold_no_more_than_tensors_and_json() -> None:
    _, training = job(epochs=1)
    next(training.epochs())
    state = training.state()
    assert isinstance(state, TrainingState)
    assert all(isinstance(tensor, torch.Tensor) for tensor in state.tensors.values())
