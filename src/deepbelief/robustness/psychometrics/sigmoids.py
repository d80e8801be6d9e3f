"""Sigmoids: how the share of what a classifier can do falls from 1 to 0 as the level of a perturbation grows."""

import math
from dataclasses import dataclass
from typing import Final, Protocol, final

import numpy as np
import scipy.special
from numpy.typing import NDArray

Array = NDArray[np.float64]

# The width is measured from where a sigmoid is 0.95 to where it is 0.05.
_TAIL: Final = 0.05
_LOGISTIC_SPAN: Final = 2 * math.log((1 - _TAIL) / _TAIL)
_GAUSSIAN_SPAN: Final = 2 * float(scipy.special.ndtri(1 - _TAIL))
_WEIBULL_SPAN: Final = math.log(math.log(_TAIL) / math.log(1 - _TAIL))


class Sigmoid(Protocol):
    """A function S(x) of the level x that falls from 1 to 0.

    The threshold, above 0, is the level at which S is 1/2. The width, above 0, is the distance from where S is 0.95 to
    where it is 0.05, on the axis of the sigmoid: that of the levels, or that of their natural logarithms. All arguments
    are arrays that broadcast together.
    """

    def share(self, level: Array, threshold: Array, width: Array) -> Array:
        """S(level)."""

    def level(self, share: Array, threshold: Array, width: Array) -> Array:
        """The level at which S is `share`, above 0 and below 1; it can be below 0 on the axis of the levels."""

    def slope(self, threshold: Array, width: Array) -> Array:
        """dS / d level at the threshold, below 0."""

    def usual_width(self, highest: float) -> float:
        """The middle of the prior of the width, where levels go up to `highest`."""


@final
@dataclass(frozen=True)
class Logistic:
    """S(x) = 1 / (1 + exp((x - threshold) / s)) on the axis of the levels, with s = width / (2 log 19).

    >>> Logistic().share(np.array([1.0, 2.0, 3.0]), np.array(2.0), np.array(2.0)).round(3).tolist()
    [0.95, 0.5, 0.05]
    """

    def share(self, level: Array, threshold: Array, width: Array) -> Array:
        """S(level)."""
        return np.asarray(scipy.special.expit(_LOGISTIC_SPAN * (threshold - level) / width))

    def level(self, share: Array, threshold: Array, width: Array) -> Array:
        """threshold - s log(share / (1 - share))."""
        return np.asarray(threshold - width * scipy.special.logit(share) / _LOGISTIC_SPAN)

    def slope(self, threshold: Array, width: Array) -> Array:
        """-1 / (4 s)."""
        return -_LOGISTIC_SPAN / (4 * width)

    def usual_width(self, highest: float) -> float:
        """The highest level."""
        return highest


@final
@dataclass(frozen=True)
class CumulativeGaussian:
    """S(x) = Phi((threshold - x) / s) on the axis of the levels, with s = width / (2 Phi^-1(0.95)).

    >>> CumulativeGaussian().share(np.array([1.0, 2.0, 3.0]), np.array(2.0), np.array(2.0)).round(3).tolist()
    [0.95, 0.5, 0.05]
    """

    def share(self, level: Array, threshold: Array, width: Array) -> Array:
        """S(level)."""
        return np.asarray(scipy.special.ndtr(_GAUSSIAN_SPAN * (threshold - level) / width))

    def level(self, share: Array, threshold: Array, width: Array) -> Array:
        """threshold - s Phi^-1(share)."""
        return np.asarray(threshold - width * scipy.special.ndtri(share) / _GAUSSIAN_SPAN)

    def slope(self, threshold: Array, width: Array) -> Array:
        """-1 / (s sqrt(2 pi))."""
        return -_GAUSSIAN_SPAN / (math.sqrt(2 * math.pi) * width)

    def usual_width(self, highest: float) -> float:
        """The highest level."""
        return highest


@final
@dataclass(frozen=True)
class Weibull:
    """S(x) = 2^-(x / threshold)^k on the axis of log x, with k = log(log 20 / log(20 / 19)) / width.

    At level 0 it is exactly 1, so there only lapses are left.

    >>> sigmoid, k = Weibull(), 2.0
    >>> width = np.array(math.log(math.log(20) / math.log(20 / 19)) / k)
    >>> sigmoid.share(np.array([0.0, 1.5, 3.0]), np.array(1.5), width).round(4).tolist()
    [1.0, 0.5, 0.0625]
    """

    def share(self, level: Array, threshold: Array, width: Array) -> Array:
        """S(level)."""
        with np.errstate(divide="ignore"):  # log 0 is -inf, and S is 1
            distance = np.log(level) - np.log(threshold)
        return np.asarray(np.exp2(-np.exp(np.minimum(_WEIBULL_SPAN * distance / width, 700.0))))

    def level(self, share: Array, threshold: Array, width: Array) -> Array:
        """threshold (-log2 share)^(1 / k)."""
        return np.asarray(threshold * np.exp(width * np.log(-np.log2(share)) / _WEIBULL_SPAN))

    def slope(self, threshold: Array, width: Array) -> Array:
        """-k log(2) / (2 threshold)."""
        return -_WEIBULL_SPAN * math.log(2) / (2 * width * threshold)

    def usual_width(self, highest: float) -> float:
        """2, where k is about 2: on the axis of log x a width has no unit."""
        return 2.0
