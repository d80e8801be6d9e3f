"""How a psychometric curve is fitted, as values that are checked when they are made."""

import math
from dataclasses import dataclass, field
from typing import final

from deepbelief.errors import SettingsError
from deepbelief.robustness.psychometrics.sigmoids import Sigmoid, Weibull


@final
@dataclass(frozen=True)
class FreeGuess:
    """The accuracy left at the highest levels is fitted, too, with the prior Beta(mean strength, (1 - mean) strength).

    Args:
        mean: of the prior; without it, chance, which is 1 / classes.
        strength: of the prior, in trials: with 20, and chance at 0.1, the prior reaches from 0.01 to 0.26.

    Raises:
        SettingsError: the mean is not between 0 and 1, or the strength is not above 0.
    """

    mean: float | None = None
    strength: float = 20.0

    def __post_init__(self) -> None:
        if self.mean is not None and not 0 < self.mean < 1:
            raise SettingsError(f"the prior of guess has the mean {self.mean:g}: give a number above 0 and below 1.")
        if not 0 < self.strength < math.inf:
            raise SettingsError(f"the prior of guess has the strength {self.strength:g}: give a number above 0.")


@final
@dataclass(frozen=True)
class PsychometricSettings:
    """What is taken for granted before a curve is fitted.

    Args:
        sigmoid: the family of curves.
        guess: the accuracy left at the highest levels. Without a word it is chance, 1 / classes, which every classifier
            has on a balanced test set that no longer tells it anything, even one that always gives the same answer. It
            is 0 for an adversarial attack. `FreeGuess()` fits it, which needs levels at which nothing is left.
        lapse_prior: (a, b) of the prior Beta(a, b) of lapse / (1 - guess), where lapse is the error at level 0. The
            default has the mean 1/6 and hardly any weight above 0.6.
        most_overdispersion: eta is looked for up to this value; 0 takes the counts for binomial.
        credibility: of all intervals.

    Raises:
        SettingsError: a value is impossible.
    """

    sigmoid: Sigmoid = field(default_factory=Weibull)
    guess: float | FreeGuess | None = None
    lapse_prior: tuple[float, float] = (1.0, 5.0)
    most_overdispersion: float = 0.5
    credibility: float = 0.95

    def __post_init__(self) -> None:
        if isinstance(self.guess, int | float) and not 0 <= self.guess < 1:
            raise SettingsError(f"guess is {self.guess:g}: give a share from 0 and below 1.")
        if not all(0 < one < math.inf for one in self.lapse_prior):
            raise SettingsError(f"lapse_prior is {self.lapse_prior}: give two numbers above 0.")
        if not 0 <= self.most_overdispersion < 1:
            raise SettingsError(f"most_overdispersion is {self.most_overdispersion:g}: give a number from 0, below 1.")
        if not 0 < self.credibility < 1:
            raise SettingsError(
                f"credibility is {self.credibility:g}: give a number above 0 and below 1, such as 0.95."
            )
