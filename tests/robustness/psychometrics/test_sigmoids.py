"""Sigmoids against the distributions of SciPy, and what threshold, width and slope mean for each of them."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from deepbelief.robustness.psychometrics import CumulativeGaussian, Logistic, Weibull

KINDS = pytest.mark.parametrize("sigmoid", [Logistic(), CumulativeGaussian(), Weibull()])
THRESHOLDS = st.floats(0.01, 100)
WIDTHS = st.floats(0.1, 10)
SHARES = st.floats(0.001, 0.999)


def survival(sigmoid, level: float, threshold: float, width: float) -> float:
    """S, from the survival function of a distribution."""
    if isinstance(sigmoid, Weibull):
        k = math.log(math.log(0.05) / math.log(0.95)) / width
        return scipy.stats.weibull_min.sf(level, k, scale=threshold / math.log(2) ** (1 / k))
    kind = scipy.stats.logistic if isinstance(sigmoid, Logistic) else scipy.stats.norm
    return kind.sf(level, threshold, width / (kind.ppf(0.95) - kind.ppf(0.05)))


@KINDS
@given(st.floats(0, 200), THRESHOLDS, WIDTHS)
def test_they_are_survival_functions(sigmoid, level: float, threshold: float, width: float) -> None:
    found = sigmoid.share(np.array(level), np.array(threshold), np.array(width))
    assert found == pytest.approx(survival(sigmoid, level, threshold, width), rel=1e-6, abs=1e-12)


@KINDS
@given(SHARES, THRESHOLDS, WIDTHS)
def test_levels_of_shares(sigmoid, share: float, threshold: float, width: float) -> None:
    threshold, width = np.array(threshold), np.array(width)
    level = sigmoid.level(np.array(share), threshold, width)
    assert sigmoid.share(level, threshold, width) == pytest.approx(share, rel=1e-6)
    assert sigmoid.level(np.array(0.5), threshold, width) == pytest.approx(threshold)


@KINDS
@given(THRESHOLDS, WIDTHS)
def test_the_width_goes_from_95_to_5_per_cent(sigmoid, threshold: float, width: float) -> None:
    start, end = sigmoid.level(np.array([0.95, 0.05]), np.array(threshold), np.array(width))
    span = math.log(end / start) if isinstance(sigmoid, Weibull) else end - start
    assert span == pytest.approx(width, rel=1e-9)


@KINDS
@given(st.floats(0.1, 10), st.floats(0.3, 10))
def test_the_slope_is_the_derivative_at_the_threshold(sigmoid, threshold: float, width: float) -> None:
    around = threshold * np.array([1 - 1e-5, 1 + 1e-5])
    before, after = sigmoid.share(around, np.array(threshold), np.array(width))
    numeric = (after - before) / (around[1] - around[0])
    assert sigmoid.slope(np.array(threshold), np.array(width)) == pytest.approx(numeric, rel=1e-4)


def test_at_level_0_only_weibulls_is_whole() -> None:
    nothing, threshold, width = np.array(0.0), np.array(1.0), np.array(2.0)
    assert Weibull().share(nothing, threshold, width) == 1
    assert Logistic().share(nothing, threshold, width) == pytest.approx(0.95)
    assert CumulativeGaussian().share(nothing, threshold, width) == pytest.approx(0.95)
    assert Weibull().share(np.array(1e6), threshold, np.array(0.01)) == 0
