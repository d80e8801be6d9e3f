"""Linear CKA: its definition, what it does not see, and its two ways to be computed."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.insight import cka_matrix, linear_cka, relative_change
from deepbelief.randomness import Random

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.tuples(st.integers(3, 12), st.integers(1, 8), st.integers(1, 8))  # items, units of one and of the other


def two(seed: int, n: int, units: int, others: int) -> tuple[Tensor, Tensor]:
    """Representations that have a little in common."""
    random = Random(seed)
    one, noise = random.normal((n, units)).double(), random.normal((n, others)).double()
    return one + 3, noise + one @ random.normal((units, others)).double() - 1


def by_definition(one: Tensor, other: Tensor) -> float:
    """tr(K H L H) / sqrt(tr(K H K H) tr(L H L H)) with K = X X^T, L = Y Y^T and H what takes the mean away."""
    n = len(one)
    centring = torch.eye(n).double() - 1 / n
    k, m = (values @ values.T @ centring for values in (one, other))
    return float((k @ m).trace() / ((k @ k).trace() * (m @ m).trace()).sqrt())


@given(SEEDS, SIZES)
def test_it_is_its_definition_by_whichever_products_are_smaller(seed: int, sizes: tuple[int, int, int]) -> None:
    one, other = two(seed, *sizes)
    found = linear_cka(one, other)
    assert found == pytest.approx(by_definition(one, other), rel=1e-8)
    assert -1e-12 <= found <= 1 + 1e-12
    assert found == pytest.approx(linear_cka(other, one), rel=1e-12)


@given(SEEDS, SIZES, st.floats(0.01, 100), st.floats(-10, 10))
def test_it_does_not_see_turns_mirrors_scales_and_shifts(
    seed: int, sizes: tuple[int, int, int], scale: float, shift: float
) -> None:
    one, other = two(seed, *sizes)
    turn, _ = torch.linalg.qr(Random(seed, "turn").normal((sizes[1], sizes[1])).double())
    moved = scale * one @ turn + shift
    assert linear_cka(moved, other) == pytest.approx(linear_cka(one, other), rel=1e-6)
    assert linear_cka(moved, one) == pytest.approx(1, rel=1e-9)
    assert linear_cka(-one, one) == pytest.approx(1, rel=1e-9)


def test_it_sees_a_change_of_single_axes() -> None:
    values = Random(0).normal((200, 5)).double()
    assert linear_cka(values * torch.tensor([1, 1, 1, 1, 9.0]), values) < 0.7


@pytest.mark.parametrize(("n", "units"), [(2000, 100), (50, 400)])
def test_independent_values_have_as_little_in_common_as_their_numbers_say(n: int, units: int) -> None:
    random = Random(1)
    found = linear_cka(random.normal((n, units)), random.normal((n, units)))
    assert found == pytest.approx(units / (n + units), rel=0.1)


@pytest.mark.parametrize(("n", "units"), [(10**6, 2), (3, 10**6)])
def test_neither_many_items_nor_many_units_make_a_product_that_no_memory_holds(n: int, units: int) -> None:
    values = Random(0).normal((n, units))
    assert linear_cka(values, values.flip(1)) == pytest.approx(1, rel=1e-4)


def test_each_is_compared_with_each() -> None:
    many = [*two(3, 9, 4, 2), *two(4, 9, 30, 1)]
    matrix = cka_matrix(many)
    for row, one in enumerate(many):
        for column, other in enumerate(many):
            assert float(matrix[row, column]) == pytest.approx(by_definition(one, other), rel=1e-8)


def test_what_is_the_same_for_all_items_is_like_nothing() -> None:
    values = Random(0).normal((6, 3))
    assert math.isnan(linear_cka(torch.full((6, 2), 0.5), values))
    assert math.isnan(linear_cka(values[:1], values[:1]))


def test_other_items_are_refused() -> None:
    values = Random(0).normal((6, 3))
    with pytest.raises(SettingsError, match=r"representations of \[6, 5\] items cannot be compared"):
        linear_cka(values, values[:5])


def test_a_change_is_relative_to_what_was_before() -> None:
    before = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    assert relative_change(before, before) == 0
    assert relative_change(before, 3 * before) == pytest.approx(2)
    assert relative_change(before, before.flip(1)) == pytest.approx(math.sqrt(2))  # which CKA does not see
    assert linear_cka(before, before.flip(1)) == pytest.approx(1)
