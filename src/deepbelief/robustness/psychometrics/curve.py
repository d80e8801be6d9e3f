"""The psychometric curve: accuracy as a function of the level of a perturbation."""

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from deepbelief.arrays import TensorLike, as_tensor
from deepbelief.errors import SettingsError
from deepbelief.robustness.psychometrics.sigmoids import Array, Sigmoid


@final
@dataclass(frozen=True)
class PsychometricCurve:
    """psi(x) = guess + (1 - guess - lapse) S(x; threshold, width): accuracy at the level x, which falls as x grows.

    The threshold is the level at which the sigmoid S is 1/2: there accuracy is halfway between 1 - lapse, which it has
    without any perturbation, and guess, which is left at the highest levels.

    >>> from deepbelief.robustness.psychometrics import Logistic
    >>> curve = PsychometricCurve(Logistic(), threshold=0.5, width=0.4, guess=0.1, lapse=0.1)
    >>> [round(one, 3) for one in curve(torch.tensor([0.0, 0.5, 1.0])).tolist()]
    [0.899, 0.5, 0.101]
    >>> round(curve.slope, 2), round(curve.level_of(0.75), 3)
    (-2.94, 0.4)

    Raises:
        SettingsError: the threshold or the width is not above 0, or guess and lapse are no shares with a sum below 1.
    """

    sigmoid: Sigmoid
    threshold: float
    width: float
    guess: float
    lapse: float

    def __post_init__(self) -> None:
        if not (0 < self.threshold < math.inf and 0 < self.width < math.inf):
            raise SettingsError(f"threshold {self.threshold:g} and width {self.width:g}: give finite numbers above 0.")
        if not (self.guess >= 0 and self.lapse >= 0 and self.guess + self.lapse < 1):
            raise SettingsError(
                f"guess {self.guess:g} and lapse {self.lapse:g} leave no accuracy to lose: give shares from 0 whose "
                "sum is below 1."
            )

    def __call__(self, levels: TensorLike) -> Tensor:
        """Accuracy at these levels, of their shape, float64."""
        return torch.from_numpy(self.at(as_tensor(levels, "the levels").detach().double().cpu().numpy()))

    def at(self, levels: Array) -> Array:
        """The same for arrays of NumPy."""
        share = self.sigmoid.share(levels, np.array(self.threshold), np.array(self.width))
        return self.guess + (1 - self.guess - self.lapse) * share

    @property
    def slope(self) -> float:
        """d psi / d level at the threshold, below 0."""
        falling = self.sigmoid.slope(np.array(self.threshold), np.array(self.width))
        return (1 - self.guess - self.lapse) * float(falling)

    def level_of(self, accuracy: float) -> float:
        """The level at which accuracy has fallen to this value: 0 if it never was higher, infinity if it stays above.

        Raises:
            SettingsError: it is not between 0 and 1.
        """
        check_accuracy(accuracy)
        parameters = (np.array(one) for one in (self.threshold, self.width, self.guess, self.lapse))
        return float(levels_of(accuracy, self.sigmoid, *parameters))


def check_accuracy(accuracy: float) -> None:
    """`SettingsError` unless it is a share."""
    if not 0 <= accuracy <= 1:
        raise SettingsError(f"an accuracy of {accuracy:g} is none: give a share from 0 to 1.")


def levels_of(accuracy: float, sigmoid: Sigmoid, threshold: Array, width: Array, guess: Array, lapse: Array) -> Array:
    """`PsychometricCurve.level_of` of many curves; the arrays broadcast together."""
    share = (accuracy - guess) / (1 - guess - lapse)
    inside = np.clip(share, 1e-12, 1 - 1e-12)
    level = np.maximum(sigmoid.level(inside, threshold, width), 0.0)
    return np.where(share <= 0, np.inf, np.where(share >= 1, 0.0, level))
