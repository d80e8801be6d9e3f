"""Estimates of a DBN's likelihood against enumeration: without bias, above the bound, and near with enough steps."""

import dataclasses
import itertools
import math

import pytest
import torch
from torch import Tensor

from deepbelief.data import TensorSource
from deepbelief.errors import DataError, SettingsError
from deepbelief.likelihood import (
    AISResult,
    AISSettings,
    ChainSettings,
    Estimate,
    dbn_estimate,
    evaluate,
    upper_side,
)
from deepbelief.likelihood.evaluation import Evaluation
from deepbelief.likelihood.posterior import Posterior
from deepbelief.models.dbn import DBN
from deepbelief.models.standardisation import Standardisation
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, Joint, ReLU, Units
from deepbelief.randomness import Random
from tests.small_models import exact_log_probabilities, some_values, tiny_dbn, top_log_z

LAYERS: dict[str, list[Units]] = {
    "binary": [Bernoulli(4), Bernoulli(4), Bernoulli(3)],
    "deeper": [Bernoulli(4), Bernoulli(3), Bernoulli(2), Bernoulli(3)],
    "real values": [Gaussian(3), Bernoulli(3), Bernoulli(2), Categorical(1, 3)],
    "counts": [ReLU(2), Bernoulli(4), ReLU(2)],
    "several kinds": [Joint(Bernoulli(2), Categorical(1, 3)), Bernoulli(4), Gaussian(2)],
}
dbns = pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)


def errors(dbn: DBN, item: Tensor, number: int, settings: ChainSettings, seed: int = 0) -> Tensor:
    """log of estimate / p(v) for many estimates of one item, with the exact log Z."""
    found = dbn_estimate(dbn, item.expand(number, -1), top_log_z(dbn), Random(seed), settings)
    return found.values - exact_log_probabilities(dbn, item[None])


def assert_unbiased(logs: Tensor) -> None:
    ratio = logs.exp()
    assert abs(ratio.mean() - 1) < 3.5 * ratio.std() / math.sqrt(len(ratio))
    assert ratio.std() > 0.02  # there was something to average


@pytest.mark.parametrize("steps", [1, 2, 5])
@dbns
def test_estimates_of_the_probability_have_no_bias(layers: list[Units], steps: int) -> None:
    dbn = tiny_dbn(*layers)
    (item,) = some_values(dbn.layer(1).visible, 1, Random(3))
    assert_unbiased(errors(dbn, item, 5_000, ChainSettings(steps, search=1)))


@dbns
def test_estimates_of_its_log_and_of_its_inverse_have(layers: list[Units]) -> None:
    dbn = tiny_dbn(*layers)
    (item,) = some_values(dbn.layer(1).visible, 1, Random(3))
    logs = errors(dbn, item, 10_000, ChainSettings(1, search=0))
    inverse = torch.exp(-logs)
    assert logs.mean() < -3 * logs.std() / 100  # on average below log p(v)
    assert inverse.mean() > 1 + 3 * inverse.std() / 100


@pytest.mark.parametrize("search", [0, 4])
def test_any_search_for_a_likely_state_leaves_them_without_bias(search: int) -> None:
    dbn = tiny_dbn(*LAYERS["deeper"])
    (item,) = some_values(dbn.layer(1).visible, 1, Random(3))
    assert_unbiased(errors(dbn, item, 20_000, ChainSettings(2, search), seed=1))


@dbns
def test_more_steps_come_from_below_to_the_likelihood_itself(layers: list[Units]) -> None:
    dbn, random = tiny_dbn(*layers), Random(5)
    items = some_values(dbn.layer(1).visible, 20, random)
    exact, z, many = exact_log_probabilities(dbn, items).mean(), top_log_z(dbn), items.repeat(30, 1)
    bound = upper_side(dbn, many, z, random).mean()
    short, long = (dbn_estimate(dbn, many, z, random, ChainSettings(steps)).mean for steps in (1, 60))
    assert short < long
    assert bound < long - 0.02
    assert long == pytest.approx(float(exact), abs=0.02)


def test_the_order_of_the_units_makes_no_difference_to_their_mean() -> None:
    dbn, turned = (tiny_dbn(Bernoulli(4), Bernoulli(4), Bernoulli(3), Bernoulli(3)) for _ in range(2))
    (item,) = some_values(dbn.layer(1).visible, 1, Random(3))
    orders = [torch.randperm(size, generator=torch.Generator().manual_seed(size)) for size in dbn.sizes]
    for number, (below, above) in enumerate(itertools.pairwise(orders), start=1):
        old, new = dbn.layer(number), turned.layer(number)
        new.weights.copy_(old.weights[below][:, above])
        new.visible.bias.copy_(old.visible.bias[below])
        new.hidden.bias.copy_(old.hidden.bias[above])
    exact, settings = exact_log_probabilities(dbn, item[None]), ChainSettings(2, search=1)
    torch.testing.assert_close(exact_log_probabilities(turned, item[None, orders[0]]), exact)
    first, other = errors(dbn, item, 20_000, settings), errors(turned, item[orders[0]], 20_000, settings)
    assert not torch.equal(first, other)
    assert_unbiased(first)
    assert_unbiased(other)


def test_an_estimate_written_out() -> None:
    """For one item: the search, the state that the others start from, those after it, and those before it."""
    dbn, steps, search, places = tiny_dbn(*LAYERS["deeper"]), 5, 2, set()
    item = some_values(dbn.layer(1).visible, 1, Random(3))
    for seed in range(12):
        random, posterior = Random(seed), Posterior(dbn, item)
        special = posterior.recognise(random)
        for temperature in (2 / 3, 1 / 3):
            special = posterior.sweep(special, random, temperature=temperature)
        place = int(random.uniform((1,)) * steps)
        start = posterior.sweep(special, random, backwards=True)
        states, now = [start], start
        for _ in range(place + 1, steps):
            states.append(now := posterior.sweep(now, random))
        now = start
        for _ in range(place):
            states.insert(0, now := posterior.sweep(now, random, backwards=True))
        mean = torch.stack([posterior.log_transition(state, special).exp() for state in states]).mean()
        expected = posterior.log_joint(special) - mean.log() - 1.5
        found = dbn_estimate(dbn, item, 1.5, Random(seed), ChainSettings(steps, search))
        torch.testing.assert_close(found.values, expected)
        places.add(place)
    assert {0, steps - 1} < places


def test_blocks_and_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepbelief.likelihood.estimate._ROWS", 3)
    dbn, heard = tiny_dbn(*LAYERS["binary"]), []
    items = some_values(dbn.layer(1).visible, 7, Random(3))
    settings = ChainSettings(40)
    found = dbn_estimate(dbn, items, top_log_z(dbn), 0, settings, lambda *told: heard.append(told))
    torch.testing.assert_close(found.values, exact_log_probabilities(dbn, items), rtol=0, atol=0.1)
    assert heard[-1] == ("Chains", 7 * 40, 7 * 40)
    assert heard[0] == ("Chains", 3, 7 * 40)
    assert sorted(heard) == heard


def test_a_single_layer_has_nothing_to_estimate() -> None:
    dbn = tiny_dbn(Gaussian(3), Bernoulli(3))
    dbn.standardisation = Standardisation(torch.ones(3), torch.full((3,), 2.0)).double()
    items = some_values(dbn.layer(1).visible, 5, Random(3))
    expected = exact_log_probabilities(dbn, (items - 1) / 2) - 3 * math.log(2)
    torch.testing.assert_close(dbn_estimate(dbn, items, top_log_z(dbn), 0).values, expected)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_standardised_density_is_one_of_the_values_given(depth: int) -> None:
    dbn = tiny_dbn(Gaussian(1), *[Bernoulli(2)] * depth)
    dbn.standardisation = Standardisation(torch.tensor([5.0]), torch.tensor([3.0])).double()
    grid = torch.linspace(-60, 70, 4001, dtype=torch.float64)[:, None]
    found = dbn_estimate(dbn, grid, top_log_z(dbn), Random(0), ChainSettings(10)).values
    assert torch.trapezoid(found.exp(), grid[:, 0]) == pytest.approx(1, abs=1e-6 if depth == 1 else 0.01)


def test_log_z_by_ais_is_taken_with_its_error() -> None:
    dbn = tiny_dbn(*LAYERS["binary"])
    items = some_values(dbn.layer(1).visible, 9, Random(3))
    z = AISResult(Random(1).normal((50,), 0.5).double(), 0.0)
    with_error, without = (dbn_estimate(dbn, items, one, 0, ChainSettings(3)) for one in (z, z.log_z))
    assert torch.equal(with_error.values, without.values)
    torch.testing.assert_close(without.values, dbn_estimate(dbn, items, 0.0, 0, ChainSettings(3)).values - z.log_z)
    low, high = without.interval
    half = 2.306004135 * float(with_error.values.std()) / 3  # t of 0.975 with 8 degrees of freedom
    assert (low, high) == pytest.approx((without.mean - half, without.mean + half))
    assert with_error.interval[1] - with_error.mean == pytest.approx(math.hypot(half, z.error))
    assert math.isnan(Estimate(items[:1, 0], 0.0).interval[0])


def test_what_cannot_be_estimated_is_refused() -> None:
    dbn = DBN.from_units([Bernoulli(3), ReLU(2), Bernoulli(2)], Random(0))
    with pytest.raises(SettingsError, match="layer 1 has ReLU units, but the likelihood of a DBN is estimated only"):
        dbn_estimate(dbn, torch.zeros(1, 3), 0.0, 0)
    data, short = TensorSource(torch.zeros(4, 3)), AISSettings.of(2, 2)
    with pytest.raises(SettingsError, match="layer 1 has ReLU units"):
        evaluate(dbn, data, data, 0, short, progress=pytest.fail, estimate=ChainSettings())
    assert evaluate(dbn, data, data, 0, short).estimate is None
    binary = DBN.from_sizes([3, 2, 2], Random(0))
    with pytest.raises(DataError, match=r"item 0 has the value 2 at position 1"):
        dbn_estimate(binary, [[0, 2, 0]], 0.0, 0)
    with pytest.raises(SettingsError, match="the units have 3 values"):
        dbn_estimate(binary, [[0, 1]], 0.0, 0)
    with pytest.raises(SettingsError, match="has at least 1 step, not 0"):
        ChainSettings(steps=0)
    with pytest.raises(SettingsError, match="takes 0 sweeps or more, not -1"):
        ChainSettings(search=-1)


# In an evaluation.


def small_evaluation(layers: list[int], estimate: ChainSettings | None) -> Evaluation:
    dbn = DBN.from_sizes(layers, Random(0), weight_std=1.0).requires_grad_(False)
    data = TensorSource(Random(1).uniform((30, layers[0])))
    return evaluate(dbn, data, data, Random(3), AISSettings.of(12, 9), number=10, estimate=estimate)


def test_an_evaluation_shows_the_estimate_after_all_else() -> None:
    without, found = (small_evaluation([5, 4, 3], one) for one in (None, ChainSettings(30)))
    assert without.estimate is None
    assert torch.equal(found.bracket.lower, without.bracket.lower)
    rows, before = list(found.rows()), list(without.rows())
    assert rows[: len(before)] == before
    assert found.estimate is not None
    mean, (low, high) = found.estimate.mean, found.estimate.interval
    exact = mean + found.layers[-1].ais.log_z - (found.layers[-1].exact or 0.0)
    assert rows[len(before) :] == [
        ("log-likelihood, by chains (AIS)", f"{mean:.2f}", f"{low:.2f} to {high:.2f}", ""),
        ("log-likelihood, by chains, log Z exact", f"{exact:.2f}", "", ""),
    ]
    top = dataclasses.replace(found.layers[-1], exact=None)
    unknown = Evaluation([found.layers[0], top], found.bracket, found.estimate)
    assert [name for name, *_ in unknown.rows()][-1] == "log-likelihood, by chains (AIS)"
    assert small_evaluation([5, 4], ChainSettings()).estimate is None  # it has no bound


def test_an_estimate_below_the_bound_warns() -> None:
    found = small_evaluation([5, 4, 3], ChainSettings(30))
    assert found.warnings == found.bracket.warnings
    low = Estimate(found.bracket.upper - 0.01, found.bracket.z)
    warned = Evaluation(found.layers, found.bracket, low).warnings
    assert warned[:-1] == found.bracket.warnings
    assert "is below its bound, so it is too low: take chains of more steps" in warned[-1]
