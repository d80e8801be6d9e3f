"""The checks of equilibrium: they are silent on chains and a log Z that are right, and fire on those that are not."""

import math

import pytest
import torch
from torch import Tensor

from deepbelief.errors import DataError, SettingsError
from deepbelief.learning import Drift, free_energy_drift, log_total_probability
from deepbelief.learning.rbm.equilibrium import free_energies_along
from deepbelief.likelihood import exact_log_z
from deepbelief.models.rbm import RBM, bernoulli_rbm
from deepbelief.models.units import Bernoulli, Gaussian
from deepbelief.randomness import Random
from tests.small_models import KINDS, all_states, small_rbm, some_values


def exact_samples(rbm: RBM, n: int, random: Random) -> Tensor:
    """Visible states by their exact probabilities."""
    states = all_states(rbm.visible)
    chosen = torch.multinomial(torch.softmax(-rbm.free_energy(states), dim=0), n, True)
    return states[chosen[random.permutation(n)]]


@pytest.fixture
def rbm() -> RBM:
    torch.manual_seed(0)
    return bernoulli_rbm(10, 8, Random(1), 1.0).requires_grad_(False)


def test_states_of_the_model_do_not_drift_and_chains_from_data_join_them(rbm: RBM) -> None:
    found = free_energy_drift(rbm, exact_samples(rbm, 2000, Random(2)), torch.zeros(500, 10), Random(3), steps=60)
    assert abs(found.drift) < 3 * found.drift_error
    assert abs(found.gap) < 3 * found.gap_error
    assert found.gap_error < 0.15
    assert 1 <= found.autocorrelation_time < 12


def test_states_that_are_not_the_models_drift(rbm: RBM) -> None:
    """Here those of a chain that training left behind: independent units."""
    start = Random(2).bernoulli(torch.full((2000, 10), 0.5))
    found = free_energy_drift(rbm, start, torch.zeros(500, 10), Random(3), steps=60)
    assert found.drift < -10 * found.drift_error


def test_chains_that_are_caught_at_the_data_stay_apart() -> None:
    """Of two modes, between which no chain goes, the data have one."""
    random = Random(1)
    rbm = bernoulli_rbm(12, 1, random, 0.0).requires_grad_(False)
    rbm.weights.fill_(12.0)
    rbm.visible.bias.fill_(-6.0)
    rbm.hidden.bias.fill_(-72.0)  # both modes are as likely: exchanging 0 and 1 changes nothing
    both = rbm.sample_visible(random.bernoulli(torch.full((1000, 1), 0.5)), random)
    found = free_energy_drift(rbm, both, torch.ones(1000, 12), random, steps=20)
    assert abs(found.drift) < 3 * found.drift_error
    assert abs(found.gap) < 3 * found.gap_error  # which free energies of two equal modes do not show
    rbm.hidden.bias.add_(2.0)
    caught = free_energy_drift(rbm, both, torch.ones(1000, 12), random, steps=20)
    assert caught.gap == pytest.approx(-1, abs=0.2)
    assert caught.gap_error < 0.1


def test_drift_and_gap_are_means_with_their_standard_errors() -> None:
    chains, data = (
        torch.tensor([[0.0, 1.0], [5.0, 5.0], [2.0, 7.0]]),
        torch.tensor([[0.0, 0.0], [9.0, 9.0], [3.0, 5.0]]),
    )
    found = Drift(chains, data)
    assert (found.drift, found.gap) == (4.0, -0.5)
    assert found.drift_error == pytest.approx(2.0)  # differences 2 and 6: s = sqrt(8)
    assert found.gap_error == pytest.approx(math.hypot(1.0, 2.5))


def test_free_energies_are_those_of_gibbs_chains(rbm: RBM) -> None:
    start, random = torch.zeros(3, 10), Random(7)
    expected, visible = [rbm.free_energy(start)], start
    for _ in range(4):
        visible = rbm.sample_visible(rbm.sample_hidden(visible, random), random)
        expected.append(rbm.free_energy(visible))
    assert torch.equal(free_energies_along(rbm, start, Random(7), 4), torch.stack(expected).double())
    with pytest.raises(SettingsError, match="a chain has at least 1 step, not 0"):
        free_energies_along(rbm, start, Random(7), 0)


@pytest.mark.parametrize("kind", ["Bernoulli", "Categorical", "Joint"])
def test_a_log_z_that_is_too_low_is_found_out(kind: str) -> None:
    rbm = small_rbm(kind, "Bernoulli").requires_grad_(False)
    states, exact = all_states(rbm.visible), exact_log_z(rbm)
    assert log_total_probability(rbm, states, exact) == pytest.approx(0, abs=1e-9)
    assert log_total_probability(rbm, states.repeat(3, 1), exact) == pytest.approx(0, abs=1e-9)  # distinct ones
    assert log_total_probability(rbm, states[1:], exact) < 0
    assert log_total_probability(rbm, states, exact - 0.5) == pytest.approx(0.5)


def test_only_states_have_probabilities() -> None:
    rbm = bernoulli_rbm(3, 2, Random(0))
    with pytest.raises(DataError, match="some items have grey values: draw states by as_states"):
        log_total_probability(rbm, [[0, 0.5, 1]], 0.0)
    with pytest.raises(DataError, match="the value 2 at position 1"):
        log_total_probability(rbm, [[0, 2, 1]], 0.0)
    real = RBM(Gaussian(2), Bernoulli(2), Random(0))
    with pytest.raises(SettingsError, match="real values have densities"):
        log_total_probability(real, [[0.0, 1.0]], 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_units_has_a_drift(kind: str) -> None:
    rbm, random = small_rbm(kind, "Bernoulli"), Random(1)
    start = some_values(rbm.visible, 5, random)
    assert math.isfinite(free_energy_drift(rbm, start, start, random, steps=12).gap)
