"""Priors: standard normal coordinates become the distributions that are promised."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from deepbelief.errors import SettingsError
from deepbelief.robustness import FreeGuess, Logistic, PsychometricCurve, PsychometricSettings, Weibull
from deepbelief.robustness.psychometrics.counts import checked_counts
from deepbelief.robustness.psychometrics.prior import Prior

COUNTS = checked_counts([0, 0.01, 0.1, 1], [9, 8, 5, 1], 10)
Z = st.lists(st.floats(-4, 4), min_size=4, max_size=4).map(np.array)


@given(Z)
def test_coordinates_are_quantiles(z) -> None:
    settings = PsychometricSettings(guess=FreeGuess(strength=30), lapse_prior=(2, 7))
    threshold, width, guess, lapse = Prior.of(COUNTS, 5, settings).parameters(z)
    below = scipy.stats.norm.cdf(z)
    # The levels go over log 100, so that a quarter of it is one standard deviation.
    assert threshold == pytest.approx(scipy.stats.lognorm.ppf(below[0], np.log(100) / 4, scale=0.1), rel=1e-6)
    assert width == pytest.approx(scipy.stats.lognorm.ppf(below[1], 1, scale=2), rel=1e-6)
    assert guess == pytest.approx(scipy.stats.beta.ppf(below[3], 6, 24), rel=1e-6)
    assert lapse == pytest.approx((1 - guess) * scipy.stats.beta.ppf(below[2], 2, 7), rel=1e-6)


@given(Z)
def test_accuracy_is_that_of_the_curve(z) -> None:
    prior = Prior.of(COUNTS, 4, PsychometricSettings(Logistic()))
    assert (prior.coordinates, prior.guess) == (3, 0.25)
    curve = PsychometricCurve(Logistic(), *(float(one) for one in prior.parameters(z[:3])))
    levels = np.array([0.0, 0.2, 3.0])
    assert prior.accuracy(z[:3], levels) == pytest.approx(curve(levels).numpy(), abs=1e-12)


def test_guess_is_chance_a_value_or_free() -> None:
    assert Prior.of(COUNTS, 10, PsychometricSettings()).guess == 0.1
    assert Prior.of(COUNTS, 10, PsychometricSettings(guess=0)).guess == 0
    assert Prior.of(COUNTS, 10, PsychometricSettings(guess=FreeGuess())).guess == (2, 18)
    assert Prior.of(COUNTS, 10, PsychometricSettings(guess=FreeGuess(0.5, 4))).guess == (2, 2)


def test_levels_close_together_leave_the_threshold_free() -> None:
    counts = checked_counts([1, 1.1, 1.2], [9, 8, 5], 10)
    assert Prior.of(counts, 10, PsychometricSettings()).log_threshold[1] == 1


def test_impossible_settings() -> None:
    for wrong, match in (
        ({"guess": 1.0}, "guess is 1: give a share from 0 and below 1"),
        ({"guess": float("nan")}, "guess is nan"),
        ({"lapse_prior": (0, 1)}, "give two numbers above 0"),
        ({"most_overdispersion": 1}, "give a number from 0, below 1"),
        ({"credibility": 1}, "such as 0.95"),
    ):
        with pytest.raises(SettingsError, match=match):
            PsychometricSettings(**wrong)
    for wrong, match in (({"mean": 0.0}, "above 0 and below 1"), ({"strength": 0.0}, "give a number above 0")):
        with pytest.raises(SettingsError, match=match):
            FreeGuess(**wrong)
    assert PsychometricSettings().sigmoid == Weibull()
