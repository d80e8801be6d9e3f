"""The fit: it finds curves again, says what it does not know, and holds the truth as often as it promises."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

from deepbelief.robustness import (
    CumulativeGaussian,
    FreeGuess,
    Logistic,
    PsychometricCurve,
    PsychometricFit,
    PsychometricSettings,
    Weibull,
    fit_psychometric,
)

LEVELS = np.linspace(0, 1, 9)
CURVES = [
    PsychometricCurve(Weibull(), 0.5, 1.5, 0.1, 0.1),
    PsychometricCurve(Logistic(), 0.4, 0.5, 0.25, 0.05),
    PsychometricCurve(CumulativeGaussian(), 0.6, 0.6, 0.5, 0.02),
]
NAMES = ("threshold", "width", "slope", "lapse")


def exact(curve: PsychometricCurve, trials: int = 100_000, levels=LEVELS) -> np.ndarray:
    """As many right answers as the curve expects, rounded."""
    return np.round(curve(levels).numpy() * trials)


def fitted(curve: PsychometricCurve, right, trials: int, levels=LEVELS, **settings) -> PsychometricFit:
    return fit_psychometric(
        levels, right, trials, round(1 / curve.guess), PsychometricSettings(curve.sigmoid, **settings)
    )


@pytest.mark.parametrize("curve", CURVES)
def test_curves_are_found_again(curve: PsychometricCurve) -> None:
    fit = fitted(curve, exact(curve), 100_000)
    for name in NAMES:
        estimate = getattr(fit, name)
        true = getattr(curve, name)
        assert estimate.low < true < estimate.high
        assert estimate.value == pytest.approx(true, rel=0.05, abs=2e-3)
        for found in (fit.curve, fit.maximum_likelihood):
            assert getattr(found, name) == pytest.approx(true, rel=0.05, abs=2e-3)
    assert fit.guess == (pytest.approx(curve.guess),) * 3
    assert (fit.beyond, fit.warnings) == ("no", ())
    assert fit.goodness.deviance < 0.01
    accuracy = curve.level_of(0.7)
    level = fit.level_at(0.7)
    assert level.low < accuracy < level.high


def test_of_several_families_the_right_one_has_the_most_evidence_and_others_are_warned_of() -> None:
    right = exact(PsychometricCurve(Weibull(), 0.5, 2.5, 0.1, 0.1), 10_000)
    fits = [fit_psychometric(LEVELS, right, 10_000, 10, PsychometricSettings(kind)) for kind in (Weibull(), Logistic())]
    assert fits[0].log_evidence > fits[1].log_evidence + 3
    assert fits[0].warnings == ()
    assert "does not fit well" in " ".join(fits[1].warnings)
    assert fits[1].overdispersion.low > fits[0].overdispersion.value
    assert fits[1].threshold.high - fits[1].threshold.low > 2 * (fits[0].threshold.high - fits[0].threshold.low)


def test_another_unit_of_the_levels_changes_only_the_unit() -> None:
    for curve in CURVES[:2]:
        right = exact(curve, 200)
        one, other = fitted(curve, right, 200), fitted(curve, right, 200, 1000 * LEVELS)
        assert other.threshold == pytest.approx([1000 * value for value in one.threshold], rel=1e-3)
        assert other.slope == pytest.approx([value / 1000 for value in one.slope], rel=1e-3)
        assert other.lapse == pytest.approx(one.lapse, rel=1e-3)
        assert other.log_evidence == pytest.approx(one.log_evidence, abs=1e-3)


def test_order_does_not_matter_and_repetitions_count_as_trials_where_counts_are_binomial() -> None:
    curve, right = CURVES[0], exact(CURVES[0], 100)
    order = np.random.default_rng(0).permutation(9)
    one = fitted(curve, right, 100, most_overdispersion=0)
    other = fitted(curve, right[order], 100, LEVELS[order], most_overdispersion=0)
    assert other.threshold == pytest.approx(one.threshold, rel=1e-6)
    twice = fitted(curve, np.stack([right, right]), 100, most_overdispersion=0)
    together = fitted(curve, 2 * right, 200, most_overdispersion=0)
    assert twice.threshold == pytest.approx(together.threshold, rel=1e-6)
    assert twice.goodness.residuals.shape == (2, 9)
    assert twice.overdispersion == (0, 0, 0)


def test_a_higher_credibility_is_a_longer_interval() -> None:
    right = exact(CURVES[0], 100)
    narrow, wide = (fitted(CURVES[0], right, 100, credibility=share).threshold for share in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.value == wide.value < narrow.high < wide.high


def test_the_band_is_that_of_the_accuracy() -> None:
    fit = fitted(CURVES[0], exact(CURVES[0], 100), 100)
    levels = torch.linspace(0, 2, 21)
    band = fit.band(levels)
    assert torch.equal(band.levels, levels.double())
    assert (band.low < band.accuracy).all() and (band.accuracy < band.high).all()
    assert (band.accuracy.diff() < 0).all()
    assert 1 - band.accuracy[0].item() == pytest.approx(fit.lapse.value, abs=1e-9)
    assert (band.low[0].item(), band.high[0].item()) == pytest.approx((1 - fit.lapse.high, 1 - fit.lapse.low))
    measured = exact(CURVES[0], 100)[4] / 100
    assert band.low[5].item() < measured < band.high[5].item()  # level 0.5
    half = fit.level_at(float(fit.band([0.5]).accuracy))
    assert half.value == pytest.approx(0.5, abs=1e-3)
    assert fit.level_at(1.0) == (0, 0, 0)
    assert fit.level_at(0.1) == (math.inf,) * 3


def test_a_free_guess_is_found_where_levels_reach_it_and_warned_of_elsewhere() -> None:
    curve = PsychometricCurve(Weibull(), 0.4, 1.2, 0.03, 0.1)
    free = {"guess": FreeGuess()}
    reached = fit_psychometric(LEVELS, exact(curve, 10_000), 10_000, 10, PsychometricSettings(**free))
    assert reached.guess.low < 0.03 < reached.guess.high < 0.06
    assert reached.warnings == ()
    early = LEVELS / 2.5
    missed = fit_psychometric(early, exact(curve, 100, early), 100, 10, PsychometricSettings(**free))
    assert "guess is free, but" in " ".join(missed.warnings)
    assert missed.guess.high - missed.guess.low > 0.1


@pytest.mark.parametrize("sigmoid", [Weibull(), Logistic()])
@pytest.mark.parametrize("right", [[90] * 9, [50, 55, 60, 65, 70, 75, 80, 85, 90], [100] * 9])
def test_accuracy_that_does_not_fall_or_even_rises_has_no_threshold(sigmoid, right: list[int]) -> None:
    fit = fit_psychometric(LEVELS, right, 100, 10, PsychometricSettings(sigmoid))
    assert (fit.beyond, fit.threshold.high) == ("above", math.inf)
    assert fit.threshold.value > 1.5
    assert fit.threshold.low > 0.5
    assert "measure at higher ones" in fit.warnings[0]


def test_accuracy_that_was_lost_before_the_first_level() -> None:
    fit = fit_psychometric(LEVELS[1:], [10] * 8, 100, 10)
    assert (fit.beyond, fit.threshold.value, fit.threshold.low) == ("below", 0, 0)
    assert fit.threshold.high < 0.15
    assert "measure at lower ones" in fit.warnings[0]
    known = fit_psychometric(LEVELS, [90] + [10] * 8, 100, 10)
    assert known.beyond == "below"
    assert known.lapse.low < 0.1 < known.lapse.high
    with_level_0 = fit_psychometric(LEVELS, [10] * 9, 100, 10)  # a classifier that knows nothing
    assert with_level_0.beyond in ("below", "both")
    assert with_level_0.lapse.value > 0.7


def test_intervals_hold_the_truth_as_often_as_they_promise() -> None:
    """A small version of `benchmarks/interval_coverage.py`."""
    random, held = np.random.default_rng(1), dict.fromkeys(NAMES, 0)
    observers, eta = 60, 0.04
    for number in range(observers):
        curve = PsychometricCurve(
            Weibull(), random.uniform(0.3, 0.75), random.uniform(1, 3), 0.1, random.uniform(0.02, 0.2)
        )
        accuracy = curve(LEVELS).numpy()
        if number % 2:
            accuracy = random.beta(accuracy * (1 / eta**2 - 1), (1 - accuracy) * (1 / eta**2 - 1))
        fit = fitted(curve, random.binomial(2000, accuracy), 2000)
        for name in NAMES:
            estimate = getattr(fit, name)
            held[name] += estimate.low <= getattr(curve, name) <= estimate.high
    for count in held.values():
        assert scipy.stats.binomtest(count, observers, 0.95).pvalue > 0.01, held
