"""The curve: its formula, its slope and the levels of an accuracy."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepbelief.errors import SettingsError
from deepbelief.robustness import CumulativeGaussian, Logistic, PsychometricCurve, Weibull

CURVES = st.builds(
    PsychometricCurve,
    st.sampled_from([Logistic(), CumulativeGaussian(), Weibull()]),
    threshold=st.floats(0.1, 5),
    width=st.floats(0.3, 4),
    guess=st.floats(0, 0.5),
    lapse=st.floats(0, 0.4),
)


@given(CURVES)
def test_halfway_between_what_is_there_and_what_is_left(curve: PsychometricCurve) -> None:
    ends = [-1e9, 1e9] if not isinstance(curve.sigmoid, Weibull) else [0, 1e40]
    highest, middle, lowest = curve([ends[0], curve.threshold, ends[1]]).tolist()
    assert (highest, lowest) == (pytest.approx(1 - curve.lapse), pytest.approx(curve.guess))
    assert middle == pytest.approx((highest + lowest) / 2)
    assert (curve(torch.linspace(0, 10, 50)).diff() <= 0).all()


@given(CURVES, st.floats(0, 1))
def test_the_level_of_an_accuracy(curve: PsychometricCurve, accuracy: float) -> None:
    level = curve.level_of(accuracy)
    at_zero = curve([0.0]).item()
    if accuracy <= curve.guess:
        assert level == math.inf
    elif accuracy >= at_zero:
        assert level == pytest.approx(0, abs=1e-3)
    elif math.isfinite(level):
        assert curve([level]).item() == pytest.approx(accuracy, abs=1e-9)


@given(CURVES)
def test_the_slope_is_the_derivative(curve: PsychometricCurve) -> None:
    step = 1e-5 * curve.threshold
    before, after = curve([curve.threshold - step, curve.threshold + step]).tolist()
    assert curve.slope == pytest.approx((after - before) / (2 * step), rel=1e-3)


def test_impossible_curves() -> None:
    usual = {"threshold": 1.0, "width": 1.0, "guess": 0.1, "lapse": 0.1}
    for wrong in ({"threshold": 0.0}, {"threshold": math.nan}, {"width": math.inf}, {"width": -1.0}):
        with pytest.raises(SettingsError, match="give finite numbers above 0"):
            PsychometricCurve(Weibull(), **usual | wrong)
    for wrong in ({"guess": -0.1}, {"lapse": math.nan}, {"guess": 0.5, "lapse": 0.5}):
        with pytest.raises(SettingsError, match="leave no accuracy to lose"):
            PsychometricCurve(Weibull(), **usual | wrong)
    with pytest.raises(SettingsError, match=r"an accuracy of 1\.1 is none"):
        PsychometricCurve(Weibull(), **usual).level_of(1.1)
