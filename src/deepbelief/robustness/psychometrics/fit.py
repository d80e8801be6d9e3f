"""Fits a psychometric curve to counts, with credible intervals."""

import math
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from deepbelief.arrays import TensorLike, as_tensor
from deepbelief.errors import SettingsError
from deepbelief.robustness.psychometrics.counts import checked_counts
from deepbelief.robustness.psychometrics.curve import PsychometricCurve, check_accuracy, levels_of
from deepbelief.robustness.psychometrics.goodness import Goodness, goodness_of_fit
from deepbelief.robustness.psychometrics.modes import maximum_likelihood
from deepbelief.robustness.psychometrics.posterior import Posterior, find_posterior
from deepbelief.robustness.psychometrics.prior import Prior
from deepbelief.robustness.psychometrics.settings import PsychometricSettings
from deepbelief.robustness.psychometrics.sigmoids import Array

_FAR: Final = 2.0  # times the highest level, or one over it times the lowest: further away the prior decides
_FEW: Final = 400  # effective points
_UNLIKELY: Final = 0.01
_VISIBLE: Final = 0.01  # of accuracy
_NEAR_THE_END: Final = 0.2  # of the sigmoid


class Estimate(NamedTuple):
    """The median of the posterior, and the ends of its credible interval, between which it has equal tails."""

    value: float
    low: float
    high: float


class Band(NamedTuple):
    """For drawing: levels, the posterior's median of accuracy at each, and its credible interval; (levels,) each."""

    levels: Tensor
    accuracy: Tensor
    low: Tensor
    high: Tensor


@final
@dataclass(frozen=True, eq=False)
class PsychometricFit:
    """A fitted psychometric curve psi(x) = guess + (1 - guess - lapse) S(x; threshold, width).

    Levels beyond twice the highest measured one, and below half of the lowest above 0, are given as infinity and 0, be
    they values or ends of intervals: there the counts say nothing, only the prior does.

    Attributes:
        threshold: the level at which S is 1/2.
        width: the distance from where S is 0.95 to where it is 0.05, on the axis of the sigmoid.
        slope: d psi / d level at the threshold, below 0.
        lapse: the error at level 0, but for what S has lost there.
        guess: the accuracy left at the highest levels; without uncertainty where it was not free.
        overdispersion: eta, the standard deviation of the accuracy of a block over sqrt(psi (1 - psi)).
        curve: the mode of the posterior, in the coordinates in which the priors are normal.
        maximum_likelihood: the curve that makes binomial counts likeliest, without priors. Where the likelihood grows
            without end, its parameters are far away and mean nothing.
        goodness: how well that curve fits.
        log_evidence: log p(right answers | settings) in nats: of several sigmoids the one with more is to be preferred,
            by the difference of it (3 nats are odds of 20 to 1).
        beyond: where the interval of the threshold leaves the levels above 0: "above" the highest (accuracy did not
            fall far enough), "below" the lowest (it fell before it), "both", or "no".
        warnings: what there is to be careful about, in sentences.
    """

    threshold: Estimate
    width: Estimate
    slope: Estimate
    lapse: Estimate
    guess: Estimate
    overdispersion: Estimate
    curve: PsychometricCurve
    maximum_likelihood: PsychometricCurve
    goodness: Goodness
    log_evidence: float
    beyond: Literal["no", "above", "below", "both"]
    warnings: tuple[str, ...]
    _summary: "_Summary" = field(repr=False)

    def band(self, levels: TensorLike) -> Band:
        """Accuracy at these levels, (levels,), with its credible interval."""
        along = as_tensor(levels, "the levels").detach().double().cpu().reshape(-1)
        found = [self._summary.accuracy(level) for level in along.tolist()]
        columns = torch.tensor(found, dtype=torch.float64).reshape(-1, 3).T
        return Band(along, *columns.unbind())

    def level_at(self, accuracy: float) -> Estimate:
        """The level at which accuracy has fallen to a value: 0 if it was never higher, infinity if it stays above.

        Raises:
            SettingsError: it is not between 0 and 1.
        """
        check_accuracy(accuracy)
        parameters = self._summary.posterior.parameters
        return self._summary.level(levels_of(accuracy, self.curve.sigmoid, *parameters))


@final
@dataclass(frozen=True, eq=False)
class _Summary:
    """Medians and intervals of a posterior."""

    posterior: Posterior
    prior: Prior
    credibility: float
    lowest: float  # level above 0
    highest: float

    def of(self, values: Array) -> Estimate:
        """Of a quantity with these values at the points of the posterior."""
        tail = (1 - self.credibility) / 2
        return Estimate(*self.posterior.quantiles(values, np.array([0.5, tail, 1 - tail])).tolist())

    def level(self, values: Array) -> Estimate:
        """Of a level: what is far from those that were measured is 0 or infinity."""
        far = _FAR * self.highest
        found = self.of(np.minimum(values, 10 * far))
        return Estimate(*(math.inf if one > far else 0.0 if one < self.lowest / _FAR else one for one in found))

    def slope(self) -> Estimate:
        """d psi / d level at the threshold."""
        threshold, width, guess, lapse = self.posterior.parameters
        return self.of((1 - guess - lapse) * self.prior.sigmoid.slope(threshold, width))

    def left_at_the_highest(self) -> float:
        """S at the highest level."""
        parameters = self.posterior.parameters
        return self.of(self.prior.sigmoid.share(np.array(self.highest), parameters.threshold, parameters.width)).value

    def accuracy(self, level: float) -> Estimate:
        """psi at a level."""
        threshold, width, guess, lapse = self.posterior.parameters
        share = self.prior.sigmoid.share(np.array(level), threshold, width)
        return self.of(guess + (1 - guess - lapse) * share)


def fit_psychometric(
    levels: TensorLike,
    right: TensorLike,
    trials: TensorLike,
    classes: int,
    settings: PsychometricSettings | None = None,
) -> PsychometricFit:
    """Fit the accuracy of a classifier under a perturbation by a psychometric curve (Wichmann & Hill 2001).

    The posterior of threshold, width, lapse and overdispersion (Schuett, Harmeling, Macke & Wichmann 2016), with weak
    priors around the levels (`PsychometricSettings`), computed by importance sampling with evenly spread points: the
    same counts give the same fit. With thousands of trials a level, even a small misfit of the family exceeds what
    binomial counts allow; it is then counted as overdispersion, which widens the intervals. With few levels, and
    without repetitions, overdispersion cannot be told from chance, and the intervals are wider than binomial counts
    need: where those are certain, set `most_overdispersion` to 0.

    What an interval is for: blocks, that is levels and repetitions, are taken as independent. Where all levels use the
    same test images, it is that of other draws of the perturbation rather than of other images. Repetitions are of one
    classifier. Where each is a training of its own, whole curves differ: fit each by itself, and take the mean of the
    thresholds and its interval.

    Args:
        levels: (levels,) of the perturbation, from 0; 3 different ones at least.
        right: how many answers were right, (levels,), or (repetitions, levels).
        trials: out of how many: one number, or one for each entry of `right`, or for each level.
        classes: of the classifier; chance is 1 / classes.
        settings: family, guess and priors; without them `PsychometricSettings()`.

    Raises:
        DataError: levels, right answers or trials that are not what they should be, or fewer than 3 levels.
        SettingsError: there are fewer than 2 classes.

    >>> fit = fit_psychometric([0, 0.2, 0.4, 0.6, 0.8, 1], [90, 88, 75, 54, 31, 16], 100, classes=10)
    >>> [round(one, 2) for one in fit.threshold], fit.beyond
    ([0.63, 0.56, 0.7], 'no')
    >>> band = fit.band([0.3, 0.5])
    >>> bool((band.low < band.accuracy).all()), fit.warnings
    (True, ())
    """
    if classes < 2:
        raise SettingsError(f"a classifier of {classes} classes has nothing to tell apart: give 2 or more.")
    settings = settings or PsychometricSettings()
    counts = checked_counts(levels, right, trials)
    prior = Prior.of(counts, classes, settings)
    posterior = find_posterior(prior, counts, settings.most_overdispersion)
    above = counts.levels[counts.levels > 0]
    summary = _Summary(posterior, prior, settings.credibility, float(above.min()), float(above.max()))
    likeliest = maximum_likelihood(prior, counts)
    shape = tuple(as_tensor(right).shape)
    goodness = goodness_of_fit(prior.accuracy(likeliest, counts.levels), counts, prior.coordinates, shape)
    threshold = summary.level(posterior.parameters.threshold)
    beyond = _beyond(threshold, summary)
    return PsychometricFit(
        threshold,
        summary.of(posterior.parameters.width),
        summary.slope(),
        summary.of(posterior.parameters.lapse),
        summary.of(posterior.parameters.guess),
        summary.of(posterior.eta),
        _curve(prior, posterior.mode),
        _curve(prior, likeliest),
        goodness,
        posterior.log_evidence,
        beyond,
        tuple(_warnings(beyond, goodness, summary)),
        summary,
    )


def _curve(prior: Prior, z: Array) -> PsychometricCurve:
    return PsychometricCurve(prior.sigmoid, *(float(one) for one in prior.parameters(z)))


def _beyond(threshold: Estimate, summary: _Summary) -> Literal["no", "above", "below", "both"]:
    if threshold.high > summary.highest:
        return "both" if threshold.low < summary.lowest else "above"
    return "below" if threshold.low < summary.lowest else "no"


def _warnings(beyond: str, goodness: Goodness, summary: _Summary) -> list[str]:
    found = []
    if beyond in ("above", "both"):
        found.append(
            f"accuracy may fall to halfway only above the highest level, {summary.highest:g}: measure at higher ones."
        )
    if beyond in ("below", "both"):
        found.append(
            f"accuracy may fall to halfway already below the lowest level above 0, {summary.lowest:g}: measure at "
            "lower ones."
        )
    if goodness.p_value is not None and goodness.p_value < _UNLIKELY and goodness.largest_gap > _VISIBLE:
        found.append(
            f"the family of curves does not fit well: at level {goodness.level_of_gap:g} accuracy is "
            f"{goodness.largest_gap:.3f} away from the curve (deviance {goodness.deviance:.0f} for {goodness.degrees} "
            "degrees of freedom); try another sigmoid or guess, and compare log_evidence."
        )
    left = summary.left_at_the_highest()
    if isinstance(summary.prior.guess, tuple) and left > _NEAR_THE_END:
        found.append(
            f"guess is free, but {left:.0%} of the way down to it is left at the highest level, {summary.highest:g}: "
            "measure at higher levels, or give guess a value."
        )
    if summary.posterior.effective_points < _FEW:
        found.append(
            f"the posterior was found by {summary.posterior.effective_points:.0f} effective points only: its intervals "
            "are rough."
        )
    return found
