"""Attacks found on one classifier and tried on another."""

from dataclasses import dataclass
from typing import final

from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.randomness import Random
from deepbelief.robustness.attacks.attack import Attack
from deepbelief.robustness.balls import Ball


@final
@dataclass(frozen=True)
class Transfer:
    """The images that an attack finds for a `surrogate`, whatever classifier is attacked (Papernot et al. 2017).

    It needs nothing of the classifier, not even its answers; where it beats an attack that follows the classifier's own
    gradients, these mislead.
    """

    surrogate: Classifier
    attack: Attack

    def __call__(
        self, classifier: Classifier, images: Tensor, labels: Tensor, ball: Ball, random: Random | int
    ) -> Tensor:
        """The worst image found for each, (n, width); the arguments are those of `Attack`."""
        return self.attack(self.surrogate, images, labels, ball, random)
