"""What is believed before the counts are seen, in coordinates in which every prior is a standard normal one."""

import math
from dataclasses import dataclass
from typing import NamedTuple, Self, final

import numpy as np
import scipy.special

from deepbelief.robustness.psychometrics.counts import Counts
from deepbelief.robustness.psychometrics.settings import FreeGuess, PsychometricSettings
from deepbelief.robustness.psychometrics.sigmoids import Array, Sigmoid

_LEAST_SPREAD = 1.0  # of log threshold, in natural logarithms
_SPREAD_OF_WIDTH = 1.0


class Parameters(NamedTuple):
    """Of many curves, arrays of one shape."""

    threshold: Array
    width: Array
    guess: Array
    lapse: Array


@final
@dataclass(frozen=True)
class Prior:
    """Independent priors of the parameters, which are functions of standard normal coordinates z.

    log threshold = middle + spread z_0 is normal around the middle of the logarithms of the levels above 0, whose whole
    range is two of its standard deviations to either side, or more: log width = log usual + z_1 is normal around
    the usual width of the sigmoid; lapse / (1 - guess) = F^-1(Phi(z_2)) with the distribution function F of a Beta; and
    so is guess, with z_3, if it is free.
    """

    sigmoid: Sigmoid
    log_threshold: tuple[float, float]
    log_width: tuple[float, float]
    lapse: tuple[float, float]
    guess: float | tuple[float, float]

    @classmethod
    def of(cls, counts: Counts, classes: int, settings: PsychometricSettings) -> Self:
        """The priors that suit the levels and the settings."""
        above = counts.levels[counts.levels > 0]
        lowest, highest = math.log(above.min()), math.log(above.max())
        return cls(
            settings.sigmoid,
            ((lowest + highest) / 2, max((highest - lowest) / 4, _LEAST_SPREAD)),
            (math.log(settings.sigmoid.usual_width(above.max())), _SPREAD_OF_WIDTH),
            settings.lapse_prior,
            _guess(settings.guess, 1 / classes),
        )

    @property
    def coordinates(self) -> int:
        """Their number, 3 or 4."""
        return 4 if isinstance(self.guess, tuple) else 3

    def parameters(self, z: Array) -> Parameters:
        """(..., coordinates) -> (...) each."""
        normal = scipy.special.ndtr
        guess = self.guess
        if isinstance(guess, tuple):
            guess = scipy.special.betaincinv(*guess, normal(z[..., 3]))
        return Parameters(
            np.exp(self.log_threshold[0] + self.log_threshold[1] * z[..., 0]),
            np.exp(self.log_width[0] + self.log_width[1] * z[..., 1]),
            np.broadcast_to(guess, z.shape[:-1]),
            (1 - guess) * scipy.special.betaincinv(*self.lapse, normal(z[..., 2])),
        )

    def accuracy(self, z: Array, levels: Array) -> Array:
        """(..., coordinates) and (levels,) -> psi, (..., levels)."""
        threshold, width, guess, lapse = (one[..., None] for one in self.parameters(z))
        return np.asarray(guess + (1 - guess - lapse) * self.sigmoid.share(levels, threshold, width))


def _guess(given: float | FreeGuess | None, chance: float) -> float | tuple[float, float]:
    """The value of guess, or the two numbers of its Beta."""
    if isinstance(given, FreeGuess):
        mean = chance if given.mean is None else given.mean
        return mean * given.strength, (1 - mean) * given.strength
    return chance if given is None else given
