"""Estimates against their loops written out, number by number; evaluations and how they are told, figure by figure."""

import math
from itertools import pairwise

import pytest
import scipy.stats
import torch

from deepbelief.data import TensorSource
from deepbelief.likelihood import (
    AISResult,
    AISSettings,
    ais,
    as_states,
    dbn_bound,
    evaluate,
    evaluation,
    exact_log_z,
    layer_path,
)
from deepbelief.likelihood.ais import trajectory_log_z
from deepbelief.likelihood.bracket import Bracket
from deepbelief.models.annealed_path import AnnealedPath
from deepbelief.models.dbn import DBN
from deepbelief.models.rbm import RBM
from deepbelief.randomness import Random
from tests.small_models import small_rbm

SETTINGS = AISSettings.of(12, 9)


def log_mean(log_weights: torch.Tensor) -> float:
    return float(torch.logsumexp(log_weights, dim=0)) - math.log(len(log_weights))


@pytest.mark.parametrize("between", [1, 3])
@torch.no_grad()
def test_each_step_along_a_training(between: int) -> None:
    models = [small_rbm("Bernoulli", "Bernoulli", seed, 1.5) for seed in range(3)]
    path = AnnealedPath(models[0], torch.zeros(3).double())
    found = trajectory_log_z(path, models[1:], Random(5), SETTINGS, between)

    random, weights = Random(5), torch.full((9,), path.log_z0(), dtype=torch.float64)
    visible, betas = path.start(9, random), SETTINGS.betas
    for low, high in pairwise(betas):
        signal = visible @ models[0].weights
        weights = weights + path.log_ratio(visible, signal, low, high)
        visible = path.step(signal, high, random) if high < 1 else visible
    expected, here = [log_mean(weights)], models[0]
    for first, last in pairwise(models):
        for step in range(1, between + 1):
            visible = here.sample_visible(here.sample_hidden(visible, random), random)
            there = small_rbm("Bernoulli", "Bernoulli")
            for parameter, one, other in zip(there.parameters(), first.parameters(), last.parameters(), strict=True):
                parameter.copy_(one + step / between * (other - one))
            weights, here = weights + here.free_energy(visible) - there.free_energy(visible), there
        expected.append(log_mean(weights))
    assert [one.log_z for one in found] == pytest.approx(expected, rel=1e-10)
    seconds = [one.seconds for one in found]
    assert 0 < seconds[0] < seconds[1] < seconds[2] < 60


def test_along_a_training_there_are_defaults() -> None:
    models = [small_rbm("Bernoulli", "Bernoulli", seed) for seed in range(2)]
    path = AnnealedPath(models[0], torch.zeros(3).double())
    by_default, told = trajectory_log_z(path, models[1:], Random(5)), AISSettings.of(1000)
    assert [one.log_z for one in by_default] == [
        one.log_z for one in trajectory_log_z(path, models[1:], Random(5), told, between=100)
    ]


def stack(hidden: int) -> tuple[DBN, TensorSource, TensorSource]:
    dbn = DBN.from_sizes([5, 4, hidden], Random(0), weight_std=1.0).requires_grad_(False)
    return dbn, TensorSource(Random(1).uniform((30, 5))), TensorSource(Random(2).uniform((25, 5)).double())


@pytest.mark.parametrize("quick", [2**3, 2**4, 2**20])
def test_an_evaluation_written_out(monkeypatch: pytest.MonkeyPatch, quick: int) -> None:
    """With 2^4 and 2^3 states on the smaller sides of the two layers."""
    monkeypatch.setattr(evaluation, "_QUICK", quick)
    dbn, training, items = stack(3)
    found = evaluate(dbn, training, items, Random(3), SETTINGS, number=10)

    random = Random(3)
    visible = as_states(dbn.layer(1).visible, items.values[random.permutation(25)[:10]].float(), random)
    for layer in found.layers:
        path = layer_path(dbn, layer.layer, training)
        z = ais(path, random, SETTINGS)
        assert torch.equal(layer.ais.log_weights, z.log_weights)
        assert layer.exact == (exact_log_z(path.rbm) if (4, 3)[layer.layer - 1] <= math.log2(quick) else None)
    bracket = dbn_bound(dbn, path, visible, z, random, SETTINGS)
    assert torch.equal(found.bracket.upper, bracket.upper)
    assert torch.equal(found.bracket.lower, bracket.lower)
    assert found.exact_mean == pytest.approx(bracket.upper_mean + z.log_z - exact_log_z(dbn.layer(2)))


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_figures_as_text(monkeypatch: pytest.MonkeyPatch, layers: int) -> None:
    dbn, training, items = stack(3)
    dbn = DBN([*dbn.rbms, RBM(dbn.layer(2).hidden, dbn.layer(1).hidden, Random(4))][:layers])
    found = evaluate(dbn, training, items, Random(3), SETTINGS, number=10)
    bracket = found.bracket

    def interval(ends: tuple[float, float]) -> str:
        return f"{ends[0]:.2f} to {ends[1]:.2f}"

    expected, shapes = [], ["5-4", "4-3", "3-4"]
    for layer, shape in zip(found.layers, shapes, strict=False):
        name, z = f"log Z of layer {layer.layer}, {shape}", layer.ais
        chains = f"{z.effective_sample_size:.1f} of 9"
        expected.append((f"{name}, by AIS", f"{z.log_z:.2f}", interval(z.interval), chains))
        expected.append((f"{name}, exact", f"{exact_log_z(dbn.layer(layer.layer)):.2f}", "", ""))
    name = "log-likelihood" if layers == 1 else "bound of the log-likelihood"
    expected += [
        (f"{name}, upper side (AIS)", f"{bracket.upper_mean:.2f}", interval(bracket.upper_interval), ""),
        (f"{name}, log Z exact", f"{found.exact_mean:.2f}", "", ""),
        (f"{name}, lower side (RAISE)", f"{bracket.lower_mean:.2f}", interval(bracket.lower_interval), ""),
        ("between the two sides", f"{bracket.gap:.2f}", interval(bracket.gap_interval), ""),
    ]
    assert list(found.rows()) == expected
    monkeypatch.setattr(evaluation, "_QUICK", 1)
    without = evaluate(dbn, training, items, Random(3), SETTINGS, number=10)
    assert without.exact_mean is None
    assert list(without.rows()) == [row for row in expected if "exact" not in row[0]]


def test_one_item_is_enough() -> None:
    dbn, training, items = stack(3)
    assert len(evaluate(dbn, training, items, Random(3), SETTINGS, number=1).bracket.upper) == 1


def test_the_interval_of_the_gap_is_that_of_the_differences_and_of_log_z() -> None:
    upper, lower = torch.tensor([1.0, 2.5]).double(), torch.tensor([0.5, 2.25]).double()
    z = AISResult(torch.tensor([0.0, 1.0, 0.5]).double(), 1.0)
    low, high = Bracket(upper, lower, z).gap_interval
    error = scipy.stats.t.ppf(0.975, 1) * torch.tensor([0.5, 0.25]).std() / math.sqrt(2)  # of two items
    assert (low + high) / 2 == pytest.approx(0.375)
    assert (high - low) / 2 == pytest.approx(math.hypot(float(error), z.error), rel=1e-6)
