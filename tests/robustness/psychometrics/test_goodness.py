"""Goodness of fit: deviances by their definition, and what is and is not taken for a wrong family."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from deepbelief.robustness.psychometrics.counts import Counts, checked_counts
from deepbelief.robustness.psychometrics.goodness import deviances, goodness_of_fit

ACCURACY = np.array([0.9, 0.85, 0.7, 0.5, 0.3, 0.15])


@given(st.integers(1, 500), st.floats(0, 1), st.floats(0.01, 0.99))
def test_a_deviance_is_twice_what_is_missing_to_the_best(trials: int, share: float, accuracy: float) -> None:
    right = round(trials * share)
    counts = Counts(np.zeros(1), np.array([float(right)]), np.array([float(trials)]))
    missing = scipy.stats.binom.logpmf(right, trials, right / trials) - scipy.stats.binom.logpmf(
        right, trials, accuracy
    )
    assert deviances(np.array([accuracy]), counts)[0] == pytest.approx(2 * missing, rel=1e-6, abs=1e-6)


def test_residuals_have_the_sign_of_the_gap_and_the_shape_of_the_answers() -> None:
    right = np.array([[90, 80, 75, 50, 30, 15], [95, 85, 60, 50, 30, 14]])
    counts = checked_counts(np.arange(6), right, 100)
    found = goodness_of_fit(np.tile(ACCURACY, 2), counts, 3, (2, 6))
    assert found.residuals.shape == (2, 6)
    assert found.residuals.sign().tolist() == [[0, -1, 1, 0, 0, 0], [1, 0, -1, 0, 0, -1]]
    assert found.residuals.square().sum().item() == pytest.approx(found.deviance)
    assert (found.degrees, found.dispersion) == (9, pytest.approx(found.deviance / 9))
    assert (found.largest_gap, found.level_of_gap) == (pytest.approx(0.025), pytest.approx(0))


def p_values(eta: float, bent: float, repetitions: int, n: int = 400) -> np.ndarray:
    """Of counts around a curve that is not fitted, from a curve that is bent by so much."""
    random, nu, found = np.random.default_rng(0), 1 / max(eta, 1e-4) ** 2 - 1, []
    truth = ACCURACY + bent * np.array([0, 1, -1, 1, -1, 1])
    for _ in range(n):
        drawn = random.beta(truth * nu, (1 - truth) * nu, (repetitions, 6))
        counts = checked_counts(np.arange(6), random.binomial(2000, drawn), 2000)
        found.append(goodness_of_fit(np.tile(ACCURACY, repetitions), counts, 0, (repetitions, 6)).p_value)
    return np.array(found)


def test_p_values_of_the_right_curve_are_uniform() -> None:
    for eta, repetitions in ((0.0, 1), (0.05, 4)):
        assert scipy.stats.kstest(p_values(eta, 0.0, repetitions), "uniform").pvalue > 0.001


def test_a_wrong_curve_is_seen() -> None:
    assert np.median(p_values(0.0, 0.03, 1)) < 1e-3
    assert np.median(p_values(0.05, 0.06, 4)) < 0.05
    # Overdispersion looks like a wrong curve where nothing was repeated.
    assert np.median(p_values(0.05, 0.0, 1)) < 1e-3


def test_as_many_levels_as_parameters_say_nothing() -> None:
    counts = checked_counts([0, 1, 2], [9, 5, 1], 10)
    found = goodness_of_fit(np.array([0.9, 0.5, 0.2]), counts, 3, (3,))
    assert found.p_value is None
    assert np.isnan(found.dispersion)
