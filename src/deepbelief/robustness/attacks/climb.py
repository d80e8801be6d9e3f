"""Attacks that climb a loss along its gradient, from random points of the ball: what PGD and APGD share."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.errors import SettingsError
from deepbelief.randomness import Random, as_random
from deepbelief.robustness.attacks.attack import Worst
from deepbelief.robustness.balls import Ball
from deepbelief.robustness.losses import Loss


@dataclass(frozen=True)
class Climb(ABC):
    """Of all points that are seen on the way, from all `restarts`, the one with the largest margin is kept.

    Raises:
        SettingsError: there is no step or no start.
    """

    steps: int
    restarts: int
    loss: Loss

    def __post_init__(self) -> None:
        if self.steps < 1 or self.restarts < 1:
            raise SettingsError(
                f"{type(self).__name__} takes at least one step and one start, not {self.steps} and {self.restarts}: "
                "give more."
            )

    def __call__(
        self, classifier: Classifier, images: Tensor, labels: Tensor, ball: Ball, random: Random | int
    ) -> Tensor:
        """The worst image found for each, (n, width); the arguments are those of `Attack`."""
        random = as_random(random, images.device)
        worst = Worst(images, torch.full_like(images[:, 0], -torch.inf))
        for _ in range(self.restarts):
            self._climb(classifier, images, labels, ball, ball.start(images, random), worst)
        return worst.images

    @abstractmethod
    def _climb(
        self, classifier: Classifier, images: Tensor, labels: Tensor, ball: Ball, start: Tensor, worst: Worst
    ) -> None:
        """From one start; `worst` is shown all points."""
