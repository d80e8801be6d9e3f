"""Paired comparisons: the analysis of variance, coverage where images and trainings are samples, Holm's correction."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from deepbelief.errors import DataError
from deepbelief.robustness import compare, holm


def test_after_one_training_it_is_the_paired_t_test() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 40))
    found, expected = compare([first], [second]), stats.ttest_rel(first, second)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.ci95 == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.mean == pytest.approx((first - second).mean())


def test_where_only_trainings_differ_it_is_the_t_test_over_trainings() -> None:
    scores = np.repeat(np.random.default_rng(0).normal(0.1, 1, (5, 1)), 30, axis=1)
    found, expected = compare(scores, 0 * scores), stats.ttest_1samp(scores[:, 0], 0)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.ci95 == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_the_variance_is_that_of_the_formula() -> None:
    scores = np.random.default_rng(1).normal(size=(4, 1)) + np.random.default_rng(2).normal(size=(4, 25))
    scores += np.random.default_rng(3).normal(size=(1, 25))
    n, m = scores.shape
    rows, columns, mean = scores.mean(1), scores.mean(0), scores.mean()
    squares = np.array(
        [
            m * sum((row - mean) ** 2 for row in rows) / (n - 1),
            n * sum((column - mean) ** 2 for column in columns) / (m - 1),
            sum((scores[i, j] - rows[i] - columns[j] + mean) ** 2 for i in range(n) for j in range(m))
            / ((n - 1) * (m - 1)),
        ]
    )
    variance = (squares[0] + squares[1] - squares[2]) / (n * m)
    assert variance * n * m > squares.max()  # else the test is about something else
    freedom = (variance * n * m) ** 2 / (squares**2 / [n - 1, m - 1, (n - 1) * (m - 1)]).sum()
    expected = stats.t(freedom, mean, np.sqrt(variance)).interval(0.95)
    assert compare(scores, np.zeros_like(scores)).ci95 == pytest.approx(expected)


@pytest.mark.parametrize(("training_std", "image_std"), [(0.0, 0.0), (0.0, 2.0), (0.15, 1.0), (0.5, 0.0)])
def test_the_interval_holds_the_true_difference_in_19_of_20_cases(training_std: float, image_std: float) -> None:
    random, held, p = np.random.default_rng(0), 0, []
    for _ in range(1000):
        values = random.normal(0, 1, (5, 200)) + random.normal(0, training_std, (5, 1))
        found = compare(0.3 + values + random.normal(0, image_std, (1, 200)), np.zeros_like(values))
        held += found.ci95[0] <= 0.3 <= found.ci95[1]
        p.append(found.p)
    assert 930 <= held <= 1000
    assert held <= 985 or training_std == 0  # where trainings do not differ it is too careful, never too bold


def test_classifiers_that_do_the_same_do_not_differ() -> None:
    right = np.random.default_rng(0).integers(0, 2, (3, 50))
    assert compare(right, right).p == 1
    assert compare(right, right).ci95 == (0, 0)
    assert compare(np.ones((2, 50)), np.zeros((2, 50))).p == 0


@given(st.integers(0, 1000))
def test_who_comes_first_turns_only_the_sign(seed: int) -> None:
    first, second = np.random.default_rng(seed).integers(0, 2, (2, 3, 20))
    found, turned = compare(first, second), compare(second, first)
    assert turned.mean == -found.mean
    assert turned.ci95 == pytest.approx((-found.ci95[1], -found.ci95[0]))
    assert turned.p == pytest.approx(found.p)


@pytest.mark.parametrize(
    ("first", "second"),
    [(np.ones((2, 3)), np.ones((3, 2))), (np.ones(3), np.ones(3)), (np.ones((2, 1)), np.ones((2, 1)))],
)
def test_tables_that_do_not_fit_are_refused(first: np.ndarray, second: np.ndarray) -> None:
    with pytest.raises(DataError, match="give two tables"):
        compare(first, second)


def test_no_table_and_no_number_are_refused() -> None:
    with pytest.raises(DataError, match="give two tables"):
        compare(np.ones((0, 5)), np.ones((0, 5)))
    with pytest.raises(DataError, match="NaN or infinite"):
        compare([[1, float("nan")]], [[0, 0]])


@given(st.lists(st.floats(0, 1), max_size=6))
def test_holm_is_the_closed_test_with_bonferronis(p: list[float]) -> None:
    """A hypothesis is rejected where Bonferroni's test rejects every set of hypotheses that holds it (Marcus 1976)."""
    sets = [which for size in range(1, len(p) + 1) for which in itertools.combinations(range(len(p)), size)]
    expected = [
        max(min(1.0, len(which) * min(p[other] for other in which)) for which in sets if one in which)
        for one in range(len(p))
    ]
    assert holm(p) == pytest.approx(expected)
