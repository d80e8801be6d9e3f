"""Likelihoods against enumeration: exact log Z, AIS and RAISE for every pair of units, the DBN's bound, the bracket."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from deepbelief.data import TensorSource
from deepbelief.errors import DataError, SettingsError
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.likelihood import (
    AISResult,
    AISSettings,
    Bracket,
    ais,
    as_states,
    dbn_bound,
    evaluate,
    exact_log_z,
    layer_path,
    log_likelihood,
    raise_bound,
    trajectory_log_z,
    upper_side,
)
from deepbelief.models.annealed_path import AnnealedPath, base_rate_bias
from deepbelief.models.dbn import DBN
from deepbelief.models.rbm import RBM, bernoulli_rbm
from deepbelief.models.standardisation import Standardisation
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, ReLU, Units
from deepbelief.randomness import Random
from tests.small_models import (
    PAIRS,
    all_states,
    exact_log_probabilities,
    log_z,
    randomise,
    small_rbm,
    some_values,
    tiny_dbn,
)

pairs = pytest.mark.parametrize(("visible", "hidden"), PAIRS)


def path_to(rbm: RBM) -> AnnealedPath:
    """A path from base rates other than the RBM's own."""
    return AnnealedPath(rbm, base_rate_bias(rbm.visible, [some_values(rbm.visible, 50, Random(9))]))


@torch.no_grad()
def brute_force_log_z(rbm: RBM) -> float:
    """Every joint state by its energy, which is quadratic along real units: their integral is a Gaussian's."""
    if isinstance(rbm.visible, Gaussian):
        return float(torch.logsumexp(_integrals(lambda v, h: rbm.energy(v, h), rbm.visible, rbm.hidden), dim=0))
    if isinstance(rbm.hidden, Gaussian):
        return float(torch.logsumexp(_integrals(lambda h, v: rbm.energy(v, h), rbm.hidden, rbm.visible), dim=0))
    v, h = all_states(rbm.visible), all_states(rbm.hidden)
    return float(torch.logsumexp(-rbm.energy(v.repeat(len(h), 1), h.repeat_interleave(len(v), dim=0)), dim=0))


def _integrals(energy: Callable[[Tensor, Tensor], Tensor], real: Units, other: Units) -> Tensor:
    """For each state y of the other units, log of the integral of exp(-energy(x, y)) over x; slopes by differences."""
    y, n = all_states(other), real.size
    unit = torch.eye(n, dtype=torch.float64)

    def at(x: Tensor) -> Tensor:
        return energy(x.expand(len(y), -1), y)

    zero = at(torch.zeros(n, dtype=torch.float64))
    slope = torch.stack([(at(e) - at(-e)) / 2 for e in unit], dim=1)
    curvature = torch.stack([at(e) + at(-e) - 2 * zero for e in unit], dim=1)  # diagonal: real units are not joined
    return -zero + (slope.square() / curvature / 2 + torch.log(2 * math.pi / curvature) / 2).sum(dim=1)


@pytest.fixture(scope="module")
def stripes() -> Tensor:
    """Rows and columns of a 4x4 picture."""
    grid = torch.zeros(8, 4, 4)
    for k in range(4):
        grid[k, k], grid[4 + k, :, k] = 1, 1
    return grid.view(8, 16)


@pytest.fixture(scope="module")
def trained(stripes: Tensor) -> RBM:
    """An RBM of 16 pixels and 8 hidden units that has learnt the stripes: eight modes."""
    random = Random(0, "stripes")
    dbn = DBN.from_sizes([16, 8], random, weight_std=0.1)
    settings = RBMSettings(epochs=100, batch_size=50, learning_rate=0.1, final_momentum=0.5, persistent_chains=50)
    list(Pretraining(dbn, TensorSource(stripes.repeat(50, 1)), [settings], random=random).epochs())
    return dbn.layer(1).requires_grad_(False)


def stripes_path(rbm: RBM, stripes: Tensor) -> AnnealedPath:
    return AnnealedPath(rbm, base_rate_bias(rbm.visible, [stripes]))


# log Z, exactly.


@pairs
def test_exact_log_z_is_the_sum_over_all_joint_states(visible: str, hidden: str) -> None:
    rbm = small_rbm(visible, hidden)
    assert exact_log_z(rbm) == pytest.approx(brute_force_log_z(rbm), abs=1e-9)


def test_blocks_and_sides_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(1)
    rbm = randomise(bernoulli_rbm(9, 6, random), random)
    expected = log_z(rbm).item()
    monkeypatch.setattr("deepbelief.likelihood.exact._BLOCK", 9 * 7)  # 7 of 64 states at a time
    assert exact_log_z(rbm) == pytest.approx(expected, abs=1e-10)
    turned = RBM(rbm.hidden, rbm.visible, random).double()
    turned.weights.data = rbm.weights.data.T
    assert exact_log_z(turned) == pytest.approx(expected, abs=1e-10)
    assert exact_log_z(rbm.float()) == pytest.approx(expected, abs=1e-5)
    assert rbm.weights.dtype == torch.float32  # it works on a copy


def test_too_many_states_are_refused_with_the_way_out() -> None:
    for rbm in (
        bernoulli_rbm(30, 26, Random(0)),
        RBM(Gaussian(3), Bernoulli(26), Random(0)),
        RBM(Categorical(9, 10), ReLU(2), Random(0)),
    ):
        with pytest.raises(SettingsError, match=r"more than 2\^25 terms on either side .*estimate it by AIS"):
            exact_log_z(rbm)


# The path, and AIS.


@pairs
def test_neighbours_on_the_path_differ_by_their_energies(visible: str, hidden: str) -> None:
    """The ratio of f_high and f_low by brute force: the path's energies summed over the hidden side."""
    rbm = small_rbm(visible, hidden)
    path, low, high = path_to(rbm), 0.35, 0.8
    v = some_values(rbm.visible, 5, Random(1))

    def log_f(beta: float) -> Tensor:
        scaled = small_rbm(visible, hidden)
        with torch.no_grad():
            scaled.weights.mul_(beta)
            scaled.hidden.bias.mul_(beta)
            scaled.visible.bias.copy_(beta * rbm.visible.bias + (1 - beta) * path.base_bias)
        return -scaled.free_energy(v)

    expected = log_f(high) - log_f(low)
    torch.testing.assert_close(path.log_ratio(v, v @ rbm.weights, low, high), expected, rtol=1e-10, atol=1e-10)
    base = small_rbm(visible, hidden)
    with torch.no_grad():
        base.weights.zero_()
        base.hidden.bias.zero_()
        base.visible.bias.copy_(path.base_bias)
    assert path.log_z0() == pytest.approx(exact_log_z(base), abs=1e-10)


@pairs
def test_ais_finds_log_z(visible: str, hidden: str) -> None:
    rbm = small_rbm(visible, hidden)
    found = ais(path_to(rbm), Random(5), AISSettings.of(250, chains=300))
    error = abs(found.log_z - exact_log_z(rbm))
    assert error < 0.05
    assert error < 3 * found.error / 1.96
    assert found.log_weights.dtype == torch.float64


@pytest.mark.parametrize(("visible", "hidden"), [("Bernoulli", "Bernoulli"), ("Gaussian", "Bernoulli")])
def test_estimates_of_z_have_no_bias_however_few_temperatures(visible: str, hidden: str) -> None:
    rbm = small_rbm(visible, hidden)
    found = ais(path_to(rbm), Random(4), AISSettings((0.0, 0.5, 1.0), chains=100_000))
    relative = torch.exp(found.log_weights - exact_log_z(rbm))
    assert abs(relative.mean() - 1) < 3.5 * relative.std() / math.sqrt(100_000)
    assert relative.std() > 0.05  # there was something to weigh


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rbm = small_rbm("Bernoulli", "Bernoulli", scale=1.0)
    truth, random, path, runs = exact_log_z(rbm), Random(5), path_to(rbm), 150
    inside = 0
    for _ in range(runs):
        low, high = ais(path, random, AISSettings.of(10, chains=40)).interval
        inside += low < truth < high
    assert scipy.stats.binomtest(inside, runs, 0.95).pvalue > 0.001


def test_effective_chains_and_intervals_of_known_weights() -> None:
    even = AISResult(torch.full((50,), 700.0, dtype=torch.float64), 0.0)
    assert even.effective_sample_size == pytest.approx(50)
    assert even.log_z == pytest.approx(700)
    assert even.error == 0
    one = AISResult(torch.tensor([0.0] * 9 + [900.0], dtype=torch.float64), 0.0)
    assert one.effective_sample_size == pytest.approx(1)
    assert one.log_z == pytest.approx(900 - math.log(10))
    weights = Random(0).normal((30,)).double() * 0.1
    few = AISResult(weights[:3], 0.0)
    spread = (weights[:3].exp() / weights[:3].exp().mean()).std()
    assert few.error == pytest.approx(
        4.302652730 * float(spread) / math.sqrt(3)
    )  # t of 0.975 with 2 degrees of freedom
    low, high = AISResult(weights, 0.0).interval
    means = np.random.default_rng(0).choice(weights.exp().numpy(), (10_000, 30)).mean(axis=1)  # the bootstrap
    assert (low, high) == pytest.approx(np.log(np.quantile(means, (0.025, 0.975))), abs=0.01)


def test_single_precision_weighs_as_double_does() -> None:
    random = Random(6)
    rbm = bernoulli_rbm(200, 150, random, weight_std=0.3)
    path, double = AnnealedPath(rbm, random.normal((200,))), bernoulli_rbm(200, 150, random).double()
    double.load_state_dict(rbm.state_dict())
    precise = AnnealedPath(double, path.base_bias.double())
    visible, betas = path.start(20, random), AISSettings.of(1000).betas
    difference = torch.zeros(20, dtype=torch.float64)
    with torch.no_grad():
        for low, high in pairwise(betas):
            signal, exact = visible @ rbm.weights, visible.double() @ double.weights
            difference += path.log_ratio(visible, signal, low, high)
            difference -= precise.log_ratio(visible.double(), exact, low, high)
            visible = path.step(signal, high, random)
    assert difference.abs().max() < 0.005
    assert abs(difference.mean()) < 0.001


def test_the_default_recipe_is_that_of_salakhutdinov_and_murray() -> None:
    betas = np.array(AISSettings().betas)
    assert len(betas) == 14_501
    assert np.all(np.diff(betas) > 0)
    assert [int((betas <= end + 1e-12).sum()) - 1 for end in (0.5, 0.9, 1.0)] == [500, 4500, 14_500]
    np.testing.assert_allclose(np.diff(betas)[[0, 500, 4500]], [1e-3, 1e-4, 1e-5], rtol=1e-6)
    for temperatures in (1, 2, 3, 29, 1000):
        betas = np.array(AISSettings.of(temperatures).betas)
        assert len(betas) == temperatures + 1
        assert (betas[0], betas[-1]) == (0, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"betas": (0.0, 0.7, 0.5, 1.0)}, "must ascend from 0 to 1"),
        ({"betas": (0.0, 0.5, 0.5, 1.0)}, "must ascend from 0 to 1"),
        ({"betas": (0.5, 1.0)}, "must ascend from 0 to 1"),
        ({"betas": ()}, "must ascend from 0 to 1"),
        ({"chains": 1}, "at least 2 chains"),
        ({"chains_per_item": 0}, "at least 1 chain for each item"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        AISSettings(**settings)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="at least 1 temperature, not 0"):
        AISSettings.of(0)
    assert AISSettings.of(3, 20, 5).chains_per_item == 5
    assert AISSettings.of(3) == AISSettings(betas=AISSettings.of(3).betas)


def test_progress_is_shown_until_the_end() -> None:
    rbm, heard = small_rbm("Bernoulli", "Bernoulli"), []
    ais(path_to(rbm), Random(0), AISSettings.of(250, 2), lambda what, *how_far: heard.append((what, *how_far)))
    assert heard == [("AIS", 100, 250), ("AIS", 200, 250), ("AIS", 250, 250)]
    heard.clear()
    ais(path_to(rbm), Random(0), AISSettings.of(1, 2), lambda *told: heard.append(told))
    raise_bound(path_to(rbm), [[0.0] * 3] * 2, 0, AISSettings.of(150), lambda *told: heard.append(told))
    assert heard == [("AIS", 1, 1), ("RAISE", 100, 150), ("RAISE", 150, 150)]


# RAISE, and the bracket.


@pairs
def test_raise_is_just_below_the_likelihood(visible: str, hidden: str) -> None:
    rbm, random = small_rbm(visible, hidden), Random(7)
    h = rbm.hidden.sample(torch.zeros(400, rbm.hidden.size, dtype=torch.float64), random)
    for _ in range(30):  # items such as the model has
        v = rbm.sample_visible(h, random)
        h = rbm.sample_hidden(v, random)
    exact = -rbm.free_energy(v).detach() - exact_log_z(rbm)
    gap = exact - raise_bound(path_to(rbm), v, random, AISSettings.of(100))
    assert -3 * gap.std() / 20 < gap.mean() < 0.2


def test_raise_is_exact_in_the_mean_of_probabilities() -> None:
    """With many chains an item's estimate becomes the probability that AIS's chains end there, counted here."""
    rbm, random, n = small_rbm("Bernoulli", "Bernoulli", scale=1.5), Random(8), 200_000
    path, betas = path_to(rbm), (0.0, 0.3, 1.0)
    visible = path.start(n, random)
    with torch.no_grad():
        for beta in betas[1:]:
            visible = path.step(visible @ rbm.weights, beta, random)
    numbers = (visible @ torch.tensor([4.0, 2.0, 1.0], dtype=torch.float64)).long()
    counts = torch.bincount(numbers, minlength=8)
    bounds = raise_bound(path, all_states(rbm.visible), random, AISSettings(betas, chains_per_item=20_000))
    expected = bounds.exp()
    assert expected.sum() == pytest.approx(1, abs=0.02)
    assert float((counts - expected * n).abs().max()) < 0.01 * n
    single = raise_bound(path, all_states(rbm.visible).repeat(2000, 1), random, AISSettings(betas))
    assert (single.view(2000, 8).mean(dim=0) < bounds + 0.01).all()


def test_the_sides_of_a_trained_rbm_hold_the_truth(trained: RBM, stripes: Tensor) -> None:
    path, settings, truth = stripes_path(trained, stripes), AISSettings.of(1000, 100), exact_log_z(trained)
    items = stripes.repeat(8, 1)
    z = ais(path, Random(1), settings)
    both = log_likelihood(path, items, z, Random(2), settings)
    exact = float((-trained.free_energy(items)).double().mean()) - truth
    assert exact > -4  # it has learnt: of 16 independent pixels it would be -9
    assert abs(z.log_z - truth) < 0.05
    assert both.upper_mean == pytest.approx(exact, abs=0.05)
    assert both.lower_mean - 3 * float(both.lower.std()) / 8 < exact
    assert exact - both.lower_mean < 1
    assert both.gap == pytest.approx(both.upper_mean - both.lower_mean)
    assert not both.warnings


def test_a_wide_bracket_says_so() -> None:
    good, poor = (AISResult(torch.tensor([0.0] * 99 + [top]).double(), 0.0) for top in (0.0, 50.0))
    two = torch.zeros(2).double()
    assert not Bracket(two, two - 2.9, good).warnings
    assert "the two sides are 3.1 nats apart" in Bracket(two, two - 3.1, good).warnings[0]
    assert "rests on 1.0 of 100 chains and is likely too low" in Bracket(two, two, poor).warnings[0]
    even = [AISResult(torch.tensor([0.0] * (100 - n) + [50.0] * n).double(), 0.0) for n in (9, 11)]
    assert [len(Bracket(two, two, z).warnings) for z in even] == [1, 0]  # a tenth of the chains


@pytest.mark.parametrize("chains", [2, 4, 10, 29])
def test_few_effective_chains_warn_however_few_there_are(chains: int) -> None:
    two, even = torch.zeros(2).double(), torch.zeros(chains).double()
    one = torch.cat([even[1:], two[:1] + 50])
    assert f"rests on 1.0 of {chains} chains" in Bracket(two, two, AISResult(one, 0.0)).warnings[0]
    assert len(Bracket(two, two, AISResult(even, 0.0)).warnings) == (chains < 3)


def test_figures_that_are_no_numbers_warn() -> None:
    two, good = torch.zeros(2).double(), AISResult(torch.zeros(100).double(), 0.0)
    for wrong in (math.nan, math.inf, -math.inf):
        bad = AISResult(torch.full((100,), wrong).double(), 0.0)
        for both in (Bracket(two + wrong, two, good), Bracket(two, two + wrong, good), Bracket(two, two, bad)):
            assert [sentence.split(" and ")[0] for sentence in both.warnings] == ["the figures are NaN or infinite"]


def test_intervals_of_the_bracket_add_items_and_chains() -> None:
    random = Random(0)
    upper, z = random.normal((200,)).double() - 90, AISResult(random.normal((100,), 0.3).double(), 0.0)
    both = Bracket(upper, upper - 1, z)
    items = scipy.stats.t.interval(0.95, 199, upper.mean(), scipy.stats.sem(upper))
    assert both.lower_interval == pytest.approx((items[0] - 1, items[1] - 1))
    assert both.upper_interval[1] - both.upper_mean == pytest.approx(math.hypot(items[1] - upper.mean(), z.error))
    assert both.gap_interval == pytest.approx((1 - z.error, 1 + z.error))
    assert math.isnan(Bracket(upper[:1], upper[:1], z).lower_interval[0])


@pytest.mark.parametrize("units", [Bernoulli(3), Categorical(1, 3)])
def test_grey_values_are_drawn_as_probabilities(units: Units) -> None:
    units.bias.data.normal_(generator=torch.Generator().manual_seed(0))
    grey = torch.tensor([[0.2, 0.5, 0.3]])
    states = as_states(units, grey.expand(20_000, -1), Random(0))
    assert set(states.unique().tolist()) == {0, 1}
    torch.testing.assert_close(states.mean(dim=0), grey[0], rtol=0, atol=0.015)
    assert torch.equal(as_states(units, states, Random(1)), states)
    assert torch.equal(as_states(Gaussian(3), grey, Random(0)), grey)
    with pytest.raises(DataError, match=r"item 0 has the value 1\.5 at position 1, but [\w ]+ units takes? "):
        as_states(units, grey + torch.tensor([0.0, 1.0, 0.0]), Random(0))


# Along a training.


def test_log_z_along_a_training(trained: RBM, stripes: Tensor) -> None:
    random = Random(3)
    first = bernoulli_rbm(16, 8, random, 0.01)
    halfway = bernoulli_rbm(16, 8, random)
    for half, low, high in zip(halfway.parameters(), first.parameters(), trained.parameters(), strict=True):
        half.data.copy_((low + high).detach() / 2)
    before = [parameter.clone() for parameter in first.parameters()]
    path = stripes_path(first, stripes)
    found = trajectory_log_z(path, [halfway, trained], random, AISSettings.of(50, 200), between=400)
    for result, model in zip(found, (first, halfway, trained), strict=True):
        assert result.log_z == pytest.approx(exact_log_z(model), abs=0.1)
        assert abs(result.log_z - exact_log_z(model)) < 3.5 * result.error / 1.96 + 1e-4
    assert all(torch.equal(*both) for both in zip(before, first.parameters(), strict=True))
    with pytest.raises(SettingsError, match="at least 1 step"):
        trajectory_log_z(path, [trained], random, between=0)


# The DBN.


@pytest.mark.parametrize("visible", [Bernoulli(4), Gaussian(3), ReLU(2)])
def test_the_bound_of_a_deep_network_is_below_its_likelihood(visible: Units) -> None:
    dbn, random = tiny_dbn(visible, Bernoulli(3), Categorical(1, 3), Bernoulli(2)), Random(12)
    items = some_values(dbn.layer(1).visible, 4, random)
    path = layer_path(dbn, 3, TensorSource(items))
    exact_z = AISResult(torch.full((10,), exact_log_z(dbn.layer(3)), dtype=torch.float64), 0.0)
    both = dbn_bound(dbn, path, items.repeat(3000, 1), exact_z, random, AISSettings.of(30))
    exact = exact_log_probabilities(dbn, items)
    for side in (both.upper, both.lower):
        assert (side.view(3000, 4).mean(dim=0) < exact).all()
    # As probabilities the samples give the likelihood itself.
    mean = torch.logsumexp(both.upper.view(3000, 4), dim=0) - math.log(3000)
    torch.testing.assert_close(mean, exact, rtol=0, atol=0.1)


def test_base_rates_are_those_of_all_of_a_sorted_source() -> None:
    sorted_ = TensorSource(torch.cat([torch.ones(10_000, 2), torch.zeros(10_000, 2)]))
    path = layer_path(DBN.from_sizes([2, 3], Random(0)), 1, sorted_)
    assert path.base_bias.abs().max() < 1e-3  # half of them are on


def test_the_bound_is_the_likelihood_where_recognition_is_exact() -> None:
    """An RBM on top that is the lower one upside down: together they are the lower one."""
    dbn = tiny_dbn(Bernoulli(4), Bernoulli(3), Bernoulli(4))
    low, top = dbn.layer(1), dbn.layer(2)
    top.weights.copy_(low.weights.T)
    top.visible.bias.copy_(low.hidden.bias)
    top.hidden.bias.copy_(low.visible.bias)
    items = all_states(low.visible)
    exact_z = AISResult(torch.full((10,), exact_log_z(top), dtype=torch.float64), 0.0)
    both = dbn_bound(dbn, layer_path(dbn, 2, TensorSource(items)), items, exact_z, Random(0), AISSettings.of(10))
    torch.testing.assert_close(both.upper, -low.free_energy(items) - exact_log_z(low), rtol=1e-10, atol=1e-10)
    with pytest.raises(SettingsError, match="must lead to the RBM on top"):
        dbn_bound(dbn, layer_path(dbn, 1, TensorSource(items)), items, exact_z, Random(0))


def test_a_standardised_density_is_one_of_the_values_given() -> None:
    dbn = tiny_dbn(Gaussian(1), Bernoulli(2))
    dbn.standardisation = Standardisation(torch.tensor([5.0]), torch.tensor([3.0])).double()
    grid = torch.linspace(-60, 70, 4001, dtype=torch.float64)[:, None]
    exact_z = AISResult(torch.full((10,), exact_log_z(dbn.layer(1)), dtype=torch.float64), 0.0)
    both = dbn_bound(dbn, layer_path(dbn, 1, TensorSource(grid)), grid, exact_z, Random(0), AISSettings.of(2))
    assert torch.trapezoid(both.upper.exp(), grid[:, 0]) == pytest.approx(1, abs=1e-6)


def test_an_evaluation_has_every_layer_and_both_sides(trained: RBM, stripes: Tensor) -> None:
    random, shown = Random(0), []
    dbn = DBN([trained, bernoulli_rbm(8, 4, random)]).requires_grad_(False)
    data = TensorSource(stripes.repeat(10, 1))

    def show(what: str, done: int, total: int) -> None:
        shown.append((what, done == total))

    found = evaluate(dbn, data, data, random, AISSettings.of(100, 50), number=30, progress=show)
    assert [layer.shape for layer in found.layers] == [(16, 8), (8, 4)]
    for layer in found.layers:
        assert layer.exact == pytest.approx(exact_log_z(dbn.layer(layer.layer)))
        assert layer.ais.log_z == pytest.approx(layer.exact, abs=0.3)
    assert len(found.bracket.upper) == 30
    top = found.layers[-1]
    assert found.exact_mean == pytest.approx(found.bracket.upper_mean + top.ais.log_z - exact_log_z(dbn.layer(2)))
    assert [name for name, *_ in found.rows()][-1] == "between the two sides"
    assert {what for what, last in shown if last} == {"AIS of layer 1", "AIS of layer 2", "RAISE"}
    with pytest.raises(SettingsError, match="the DBN sees 16 values, the data have 8"):
        evaluate(dbn, data, TensorSource(torch.zeros(3, 8)), random)
    with pytest.raises(SettingsError, match="100 of 0 items have no likelihood to measure: give at least 1"):
        evaluate(dbn, data, TensorSource(torch.zeros(0, 16)), random)
    with pytest.raises(SettingsError, match="0 of 80 items have no likelihood"):
        evaluate(dbn, data, data, random, number=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_same_on_a_gpu() -> None:
    rbm = small_rbm("Bernoulli", "Bernoulli")
    truth = exact_log_z(rbm)
    rbm.to("cuda")
    path = AnnealedPath(rbm, torch.zeros_like(rbm.visible.bias))
    random, settings = Random(0, device="cuda"), AISSettings.of(300, 400)
    z = ais(path, random, settings)
    assert exact_log_z(rbm) == pytest.approx(truth)
    assert z.log_z == pytest.approx(truth, abs=0.05)
    items = torch.zeros(50, 3, device="cuda", dtype=torch.float64)
    assert math.isfinite(log_likelihood(path, items, z, random, settings).lower_mean)


@torch.no_grad()
def test_the_upper_side_alone_is_that_of_the_bracket() -> None:
    dbn, random = DBN.from_sizes([6, 5, 4], Random(0), weight_std=1.0).double(), Random(1)
    visible = random.bernoulli(torch.full((9, 6), 0.5, dtype=torch.float64))
    path = AnnealedPath(dbn.layer(2), torch.zeros(5, dtype=torch.float64))
    settings = AISSettings.of(20, 10)
    z = ais(path, random, settings)
    both = dbn_bound(dbn, path, visible, z, Random(2), settings)
    torch.testing.assert_close(upper_side(dbn, visible, z.log_z, Random(2)), both.upper)
