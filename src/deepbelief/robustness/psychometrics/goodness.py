"""Whether a psychometric curve fits the counts that it was fitted to."""

from dataclasses import dataclass
from typing import final

import numpy as np
import scipy.special
import scipy.stats
import torch
from torch import Tensor

from deepbelief.robustness.psychometrics.counts import Counts
from deepbelief.robustness.psychometrics.sigmoids import Array


@final
@dataclass(frozen=True, eq=False)
class Goodness:
    """How far the counts are from the curve of maximum likelihood.

    Attributes:
        deviance: twice the log-likelihood that is missing to a curve through every block, if the counts are binomial:
            the sum of the squared residuals.
        degrees: blocks less fitted parameters; with binomial counts of the curve, what the deviance is on average.
        residuals: signed square roots of each block's deviance, (blocks,) or (repetitions, levels) as the right answers
            were given: each about standard normal, if the curve fits and the counts are binomial.
        p_value: the probability of counts that are further from the curve, if it is right. Where levels were measured
            several times, it is that of an F test of the deviance between levels against that within them, so that
            overdispersed counts are not taken for a wrong family; otherwise that of the chi-squared distribution, for
            which overdispersion and a wrong family look alike. `None` where there are no degrees of freedom.
        largest_gap: between a measured accuracy, of all blocks of a level, and the curve.
        level_of_gap: where that is.
    """

    deviance: float
    degrees: int
    residuals: Tensor
    p_value: float | None
    largest_gap: float
    level_of_gap: float

    @property
    def dispersion(self) -> float:
        """deviance / degrees: about 1 for binomial counts of the curve; NaN without degrees of freedom."""
        return self.deviance / self.degrees if self.degrees > 0 else float("nan")


def goodness_of_fit(accuracy: Array, counts: Counts, parameters: int, shape: tuple[int, ...]) -> Goodness:
    """Compare counts with the accuracy of a curve with that many fitted parameters, both (blocks,)."""
    contributions = deviances(accuracy, counts)
    signs = np.sign(counts.right / counts.trials - accuracy)
    together, expected = _by_level(accuracy, counts)
    gaps = np.abs(together.right / together.trials - expected)
    between = float(deviances(expected, together).sum())
    within = max(float(contributions.sum()) - between, 0.0)
    return Goodness(
        float(contributions.sum()),
        len(accuracy) - parameters,
        torch.from_numpy((signs * np.sqrt(contributions)).reshape(shape)),
        _p_value(between, len(gaps) - parameters, within, len(accuracy) - len(gaps)),
        float(gaps.max()),
        float(together.levels[gaps.argmax()]),
    )


def deviances(accuracy: Array, counts: Counts) -> Array:
    """2 (k log(k / (n psi)) + (n - k) log((n - k) / (n (1 - psi)))) of each block, from 0."""
    right, wrong, log = counts.right, counts.trials - counts.right, scipy.special.xlogy
    psi = np.clip(accuracy, 1e-9, 1 - 1e-9)
    share = right / counts.trials
    return np.asarray(np.maximum(2 * (log(right, share / psi) + log(wrong, (1 - share) / (1 - psi))), 0.0))


def _by_level(accuracy: Array, counts: Counts) -> tuple[Counts, Array]:
    """The blocks of each level added up, and its accuracy."""
    levels, first, place = np.unique(counts.levels, return_index=True, return_inverse=True)
    right, trials = (np.bincount(place, weights=one).astype(np.float64) for one in (counts.right, counts.trials))
    return Counts(levels, right, trials), accuracy[first]


def _p_value(between: float, degrees_between: int, within: float, degrees_within: int) -> float | None:
    if degrees_between < 1:
        return None
    if degrees_within < 1:
        return float(scipy.stats.chi2.sf(between, degrees_between))
    # Counts cannot vary less than binomial ones do, but for chance.
    dispersion = max(within / degrees_within, 1e-12)
    return float(scipy.stats.f.sf(between / degrees_between / dispersion, degrees_between, degrees_within))
