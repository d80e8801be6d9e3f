"""Likelihoods of items of which values are missing: these are summed out."""

import itertools

import pytest
import torch
from torch import Tensor

from deepbelief import DBN, Bernoulli, Gaussian, Random
from deepbelief.errors import DataError, SettingsError
from deepbelief.likelihood import (
    AISSettings,
    ChainSettings,
    ImportanceSettings,
    ais,
    as_states,
    dbn_bound,
    dbn_estimate,
    dbn_importance,
    evaluate,
    exact_log_probability,
    exact_log_z,
    layer_path,
    log_likelihood,
    upper_side,
)
from deepbelief.models import RBM, AnnealedPath, Standardisation, Units
from deepbelief.models.missing import known_variables
from tests.small_models import (
    KINDS,
    all_states,
    exact_log_probabilities,
    small_rbm,
    some_values,
    tiny_dbn,
    top_log_z,
)

NAN = torch.nan
FINITE = [kind for kind in KINDS if KINDS[kind]().states is not None]


def with_missing(units: Units, n: int) -> Tensor:
    """Items of which each variable is missing in some; nothing is missing in the first, everything in the last."""
    random = Random(3, "missing")
    values = some_values(units, n, random).double()
    missing = random.uniform((n, len(units.variable_sizes))) < 0.5
    missing[0], missing[-1] = False, True
    values[missing[:, units.variable_of_each()]] = NAN
    return values


def completions(units: Units, item: Tensor) -> Tensor:
    """All items with the known values of this one."""
    states = all_states(units)
    known = ~item.isnan()
    return states[(states[:, known] == item[known]).all(dim=1)]


def by_enumeration(rbm: RBM, items: Tensor) -> Tensor:
    """log p of the known values as a sum over all completions."""
    sums = [torch.logsumexp(-rbm.free_energy(completions(rbm.visible, item)), dim=0) for item in items]
    return torch.stack(sums) - exact_log_z(rbm)


@pytest.mark.parametrize(("visible", "hidden"), list(itertools.product([*FINITE, "ReLU"], FINITE)))
def test_exact_probabilities_are_sums_over_completions(visible: str, hidden: str) -> None:
    rbm = small_rbm(visible, hidden)
    items = with_missing(rbm.visible, 6)
    found = exact_log_probability(rbm, items)
    torch.testing.assert_close(found, by_enumeration(rbm, items).detach(), atol=1e-8, rtol=0)
    assert float(found[-1]) == pytest.approx(0, abs=1e-9)


def test_a_missing_real_value_is_integrated_over() -> None:
    rbm = small_rbm("Gaussian", "Bernoulli")
    item = torch.tensor([0.3, NAN, -0.2], dtype=torch.float64)
    grid = torch.linspace(-30, 30, 60_001, dtype=torch.float64)
    filled = item.repeat(len(grid), 1)
    filled[:, 1] = grid
    whole = torch.logsumexp(-rbm.free_energy(filled).detach(), dim=0) + torch.log(grid[1] - grid[0]) - exact_log_z(rbm)
    assert float(exact_log_probability(rbm, item[None])) == pytest.approx(float(whole), abs=1e-6)


@pytest.mark.parametrize("visible", ["Bernoulli", "Categorical", "Gaussian", "Joint"])
def test_both_sides_of_an_rbm_come_to_the_truth(visible: str) -> None:
    rbm = small_rbm(visible, "Bernoulli", scale=1.0).requires_grad_(False)
    path = AnnealedPath(rbm, torch.zeros_like(rbm.visible.bias))
    items = with_missing(rbm.visible, 4)
    settings = AISSettings.of(200, chains=2000, chains_per_item=1000)
    found = log_likelihood(path, items, ais(path, 0, settings), 1, settings)
    truth = exact_log_probability(rbm, items)
    torch.testing.assert_close(found.upper, truth, atol=0.06, rtol=0)
    torch.testing.assert_close(found.lower, truth, atol=0.06, rtol=0)
    whole = exact_log_probability(rbm, items[:1])
    torch.testing.assert_close(found.upper[0] + found.z.log_z - exact_log_z(rbm), whole[0])  # without any chain


def known_of(dbn: DBN, items: Tensor) -> Tensor:
    """Exact log p of the known values of a DBN."""
    units = dbn.layer(1).visible
    return torch.stack(
        [torch.logsumexp(exact_log_probabilities(dbn, completions(units, item)), dim=0) for item in items]
    )


@pytest.mark.parametrize("visible", ["Bernoulli", "Categorical", "Joint"])
def test_a_deep_likelihood_comes_to_the_truth(visible: str) -> None:
    dbn = tiny_dbn(KINDS[visible](), Bernoulli(3), Bernoulli(2))
    items = with_missing(dbn.layer(1).visible, 5)
    truth, log_z = known_of(dbn, items), top_log_z(dbn)
    for found in (
        dbn_importance(dbn, items, log_z, 0, ImportanceSettings(20_000)),
        dbn_estimate(dbn, items, log_z, 0, ChainSettings(600)),
    ):
        torch.testing.assert_close(found.values, truth, atol=0.06, rtol=0)


def test_the_bound_is_below_the_truth() -> None:
    dbn = tiny_dbn(Bernoulli(4), Bernoulli(3), Bernoulli(2))
    item = torch.tensor([[1.0, NAN, 0.0, NAN]], dtype=torch.float64)
    path, truth = layer_path(dbn, 2, torch.rand(20, 4)), float(known_of(dbn, item))
    settings = AISSettings.of(100, chains=500)
    found = dbn_bound(dbn, path, item.repeat(3000, 1), ais(path, 0, settings), 1, settings)
    bound = float(upper_side(dbn, item.repeat(20_000, 1), top_log_z(dbn), 0).mean())
    assert truth - 1 < bound < truth
    assert found.upper_mean == pytest.approx(bound, abs=0.05) and found.lower_mean == pytest.approx(bound, abs=0.08)


def test_densities_are_of_the_original_values() -> None:
    """Twice as wide a scale of a value that is known halves the density, and of one that is missing changes nothing."""
    dbn = tiny_dbn(Gaussian(2), Bernoulli(3), Bernoulli(2))
    items = torch.tensor([[0.5, NAN], [NAN, 0.5], [0.5, 0.5], [NAN, NAN]], dtype=torch.float64)
    plain = dbn_importance(dbn, items, 0.0, 0).values
    dbn.standardisation = Standardisation(torch.zeros(2).double(), torch.tensor([2.0, 1.0]).double())
    scaled = dbn_importance(dbn, items * torch.tensor([2.0, 1.0]), 0.0, 0).values
    change = torch.tensor([0.5, 1, 0.5, 1], dtype=torch.float64).log()
    torch.testing.assert_close(scaled, plain + change)


def test_an_evaluation_takes_items_with_missing_values() -> None:
    dbn = DBN.from_units([Gaussian(3), Bernoulli(4)], Random(0), weight_std=0.5).requires_grad_(False)
    items = with_missing(dbn.layer(1).visible, 30).float()
    found = evaluate(dbn, items, items, 0, AISSettings.of(100, 50), number=20)
    assert found.bracket.gap < 1 and found.exact_mean is not None
    assert found.bracket.upper.isfinite().all() and found.bracket.lower.isfinite().all()


def test_states_of_missing_values_stay_missing() -> None:
    values = torch.tensor([[0.5, NAN, 1.0]]).repeat(200, 1)
    states = as_states(Bernoulli(3), values, 0)
    assert torch.equal(states.isnan(), values.isnan()) and set(states[:, 0].tolist()) == {0.0, 1.0}
    assert known_variables(Bernoulli(3), states)[0].tolist() == [True, False, True]


def test_what_cannot_be_summed_out_is_told() -> None:
    dbn, items = tiny_dbn(Bernoulli(3), Bernoulli(2)), torch.tensor([[1.0, NAN, 0.0]])
    for fails in (lambda: upper_side(dbn, items, 0.0, 0), lambda: dbn_estimate(dbn, items, 0.0, 0)):
        with pytest.raises(DataError, match="item 0 has the value nan at position 1"):
            fails()
    with pytest.raises(SettingsError, match="the 3 Gaussian hidden units have too many states to add up"):
        exact_log_probability(small_rbm("Bernoulli", "Gaussian"), items)
