"""Joint training: every layer learns from every batch, by the features that the layers below it have at that moment."""

from typing import Any

import pytest
import torch
from torch import Tensor

from deepbelief import DBN, Gaussian, Random, RBMSettings
from deepbelief.errors import DataError, SettingsError
from deepbelief.learning import DivergedError, JointTraining, Pretraining
from deepbelief.models.units import Bernoulli
from deepbelief.models.views import standardise

SIZES = [6, 5, 4, 3]
sigmoid = torch.sigmoid


def items(n: int = 23) -> Tensor:
    return Random(0, "items").uniform((n, SIZES[0])).double()


def network(seed: int = 1) -> DBN:
    return DBN.from_sizes(SIZES, Random(seed), weight_std=0.3).double()


def parameters(dbn: DBN) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in dbn.parameters()])


def test_it_is_the_loop_of_its_formulas() -> None:
    """CD-1 in each layer, on the means that the layer below had before its own update."""
    dbn, data, random = network(), items(), Random(2)
    settings = RBMSettings(
        epochs=3, batch_size=10, momentum_switch=1, visible_bias_from_data=False, learning_rate_decay=0.5
    )
    layers = [[one.detach().clone() for one in (rbm.weights, rbm.visible.bias, rbm.hidden.bias)] for rbm in dbn.rbms]
    velocities = [[torch.zeros_like(one) for one in layer] for layer in layers]
    for epoch in range(1, 4):
        rate, momentum = 0.1 / (1 + 0.5 * (epoch - 1)), 0.5 if epoch == 1 else 0.95
        for rows in random.permutation(23).split(10):
            v = data[rows]
            for (w, b, c), velocity in zip(layers, velocities, strict=True):
                p = sigmoid(v @ w + c)
                v_model = random.bernoulli(sigmoid(random.bernoulli(p) @ w.T + b))
                p_model = sigmoid(v_model @ w + c)
                gradients = (v.T @ p - v_model.T @ p_model, (v - v_model).sum(dim=0), (p - p_model).sum(dim=0))
                for one, step, gradient, decay in zip((w, b, c), velocity, gradients, (0.0001, 0, 0), strict=True):
                    step.mul_(momentum).add_(rate * (gradient / len(v) - decay * one))
                    one += step
                v = p
    training = JointTraining(dbn, data, settings, random=Random(2))
    records = list(training.epochs())
    assert [(record.epoch, record.layer) for record in records] == [(e, n) for e in (1, 2, 3) for n in (1, 2, 3)]
    assert records == training.records
    assert training.best_epoch == 3
    for rbm, written in zip(dbn.rbms, layers, strict=True):
        for found, expected in zip((rbm.weights, rbm.visible.bias, rbm.hidden.bias), written, strict=True):
            torch.testing.assert_close(found.detach(), expected, rtol=0, atol=1e-12)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"persistent_chains": 7},
    {"centring": True, "binarise": True},
    {"dropout": 0.4, "shuffle": False},
    {"sparsity_cost": 1.0, "sparsity_target": 0.1, "batch_statistics": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_single_layer_learns_as_ever(options: dict[str, Any]) -> None:
    settings, ends = RBMSettings(epochs=2, batch_size=10, **options), []
    for kind in (Pretraining, JointTraining):
        dbn = DBN.from_sizes([6, 5], Random(1)).double()
        list(kind(dbn, items(), settings, random=Random(2), held_out=items(5)).epochs())
        ends.append(parameters(dbn))
    assert torch.equal(*ends)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_it_goes_on_exactly_where_it_stopped(options: dict[str, Any]) -> None:
    settings = RBMSettings(epochs=4, batch_size=10, **options)

    def job() -> tuple[DBN, JointTraining]:
        dbn = network()
        return dbn, JointTraining(dbn, items(), settings, random=Random(2), held_out=items(5))

    whole, training = job()
    expected = list(training.epochs())
    first, stopped = job()
    epochs = stopped.epochs()
    for _ in range(3 * 2):
        next(epochs)
    second, resumed = job()
    resumed.restore(stopped.state())
    assert resumed.records == expected[:6]
    list(resumed.epochs())
    assert torch.equal(parameters(second), parameters(whole))
    assert resumed.records == expected
    assert not torch.equal(parameters(first), parameters(whole))


def test_dropped_units_are_there_for_the_layer_above() -> None:
    """With dropout the features are those of all units together: here layer 2 sees them in its only batch."""
    data, seen = items(), []
    for dropout in (0.0, 0.5):
        dbn = network()
        before = dbn.encode(data, 1)
        settings = RBMSettings(epochs=1, batch_size=23, learning_rate=1e-9, dropout=dropout)
        training = JointTraining(dbn, data, settings)
        learn = training._layers[1].learn
        training._layers[1].learn = lambda values, *share, learn=learn: (seen.append(values.clone()), learn(values))[1]  # type: ignore[method-assign]
        list(training.epochs())
        torch.testing.assert_close(seen[-1][:, 0].sort().values, before[:, 0].detach().sort().values)


def test_real_values_are_standardised_for_the_first_layer() -> None:
    data = items() * 50 + 1000
    dbn = DBN.from_units([Gaussian(6), Bernoulli(5), Bernoulli(4)], Random(0)).double()
    standardise(dbn, data)
    list(JointTraining(dbn, data, RBMSettings(epochs=3, batch_size=10, learning_rate=0.01)).epochs())
    assert dbn.reconstruct(data).mean().item() == pytest.approx(1025, abs=10)


def test_if_one_layer_diverges_all_go_back() -> None:
    dbn, data = network(), items()
    settings = [RBMSettings(epochs=3, batch_size=10, learning_rate=rate) for rate in (0.1, 0.1, 0.1)]
    training = JointTraining(dbn, data, settings, random=Random(2))
    epochs = training.epochs()
    for _ in range(3):
        next(epochs)
    good = parameters(dbn)
    training._layers[1]._energy_at_start = -1e9  # from now on nothing is within the limit
    with pytest.raises(DivergedError, match="layer 2 diverged at epoch 2"):
        list(epochs)
    assert torch.equal(parameters(dbn), good)


def test_settings_that_do_not_fit_together() -> None:
    dbn, data = network(), items()
    for other in ({"epochs": 3}, {"batch_size": 5}, {"shuffle": False}, {"drop_last": True}):
        same = {"epochs": 2, "batch_size": 10}
        settings = [RBMSettings(**same), RBMSettings(**same), RBMSettings(**{**same, **other})]
        with pytest.raises(SettingsError, match=f"the same batches: give them the same {next(iter(other))}"):
            JointTraining(dbn, data, settings)
    with pytest.raises(SettingsError, match="set patience to 0"):
        JointTraining(dbn, data, RBMSettings(patience=2), held_out=data)
    with pytest.raises(SettingsError, match="3 layers need 3 settings, not 2"):
        JointTraining(dbn, data, [RBMSettings()] * 2)
    with pytest.raises(DataError, match="item 0 has the value"):
        JointTraining(dbn, data + 5, RBMSettings())
