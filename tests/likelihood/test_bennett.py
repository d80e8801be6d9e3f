"""Bennett's acceptance ratio against exact ratios, and its error against the scatter of many estimates."""

import copy
import math

import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.likelihood import LogRatio, bennett
from deepbelief.models.rbm import RBM
from deepbelief.randomness import Random
from tests.small_models import PAIRS, log_z, small_rbm

differences = st.lists(st.floats(-30, 30), min_size=1, max_size=20).map(lambda one: torch.tensor(one).double())


def gaussians(n: int, m: int, random: Random, mean: float = 1.2, std: float = 0.8) -> LogRatio:
    """Of exp(-x^2 / 2) and exp(-(x - mean)^2 / (2 std^2) - 3): the ratio is log(std) - 3."""

    def difference(x: Tensor) -> Tensor:
        return (x - mean) ** 2 / (2 * std**2) + 3 - x**2 / 2

    first, second = random.normal((n,)).double(), mean + std * random.normal((m,)).double()
    return bennett(difference(first), difference(second))


@pytest.mark.parametrize(("n", "m"), [(400, 400), (1000, 100), (100, 1000)])
def test_estimates_scatter_around_the_truth_as_their_error_says(n: int, m: int) -> None:
    random = Random(0)
    found = [gaussians(n, m, random) for _ in range(400)]
    scores = [(one.value - math.log(0.8) + 3) / one.standard_error for one in found]
    assert abs(sum(scores) / 400) < 0.3
    assert scipy.stats.tstd(scores) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
@torch.no_grad()
def test_two_rbms(visible: str, hidden: str) -> None:
    first, random = small_rbm(visible, hidden, 4), Random(1)
    second = copy.deepcopy(first)
    second.weights.mul_(0.3)

    def difference(rbm: RBM) -> Tensor:
        """F_1 - F_0 of states of one of the two, drawn by long chains."""
        v = rbm.visible.sample(torch.zeros(4_000, rbm.visible.size).double(), random)
        for _ in range(30):
            v = rbm.sample_visible(rbm.sample_hidden(v, random), random)
        return second.free_energy(v) - first.free_energy(v)

    found = bennett(difference(first), difference(second))
    assert abs(found.value - float(log_z(second) - log_z(first))) < 4 * found.standard_error
    assert found.standard_error < 0.05


@given(differences, differences)
def test_it_solves_its_equation(first: Tensor, second: Tensor) -> None:
    c, m = bennett(first, second).value, math.log(len(first) / len(second))
    left, right = torch.sigmoid(-(first + c) - m).sum(), torch.sigmoid(second + c + m).sum()
    torch.testing.assert_close(left, right, rtol=1e-6, atol=1e-9)


@given(differences, differences, st.floats(-1e3, 1e3))
def test_exchanged_models_turn_the_sign_and_a_constant_goes_through(
    first: Tensor, second: Tensor, constant: float
) -> None:
    found, turned = bennett(first, second), bennett(-second, -first)
    assert turned.value == pytest.approx(-found.value, abs=1e-6)
    assert turned.standard_error == pytest.approx(found.standard_error, rel=1e-3, abs=1e-6)
    assert bennett(first + constant, second + constant).value == pytest.approx(found.value - constant, abs=1e-6)


def test_models_without_overlap_have_no_small_error() -> None:
    assert bennett(torch.full((50,), 300.0), torch.full((50,), -300.0)).standard_error > 1e6
    assert bennett(torch.full((5,), 1e4), torch.full((5,), -1e4)).standard_error == math.inf


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_what_is_not_finite_gives_nan(odd: float) -> None:
    found = bennett(torch.tensor([0.0, odd]), torch.tensor([0.0]))
    assert math.isnan(found.value)
    assert math.isnan(found.standard_error)


def test_no_states_are_refused() -> None:
    with pytest.raises(SettingsError, match="at least 1 state of each of the two models"):
        bennett(torch.ones(3), torch.ones(0))
