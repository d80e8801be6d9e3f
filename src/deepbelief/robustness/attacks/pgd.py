"""Projected gradient descent (PGD): many small steps along the gradient, from random starts."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.randomness import Random
from deepbelief.robustness.attacks.attack import Worst, look, margins
from deepbelief.robustness.attacks.climb import Climb
from deepbelief.robustness.balls import Ball, LInf
from deepbelief.robustness.losses import Loss, cross_entropy


@final
@dataclass(frozen=True)
class PGD(Climb):
    """Projected gradient descent (Madry et al. 2018).

    From a random point x_0 of the ball it goes on by x_t = project(x_t-1 + a ascent(d loss / dx)), with steps of
    a = 2.5 epsilon / `steps`, which can reach all of the ball from any start. For each image the worst of
    x_0 ... x_steps of all `restarts` is kept: the one in which a wrong class has the largest margin over the true one.

    Raises:
        SettingsError: there is no step or no start.
    """

    steps: int = 20
    restarts: int = 1
    loss: Loss = cross_entropy

    def _climb(
        self, classifier: Classifier, images: Tensor, labels: Tensor, ball: Ball, start: Tensor, worst: Worst
    ) -> None:
        point = start
        for _ in range(self.steps):
            seen = look(classifier, point, labels, self.loss)
            worst.show(point, seen.margin)
            point = torch.add(point, ball.ascent(seen.gradient), alpha=2.5 * ball.epsilon / self.steps)
            point = ball.project(point, images)
        worst.show(point, margins(classifier, point, labels))


def pgd(
    classifier: Classifier,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    steps: int,
    random: Random | int,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Tensor:
    """`PGD` of each pixel, from one start, shape of the images.

    Args:
        classifier, images, labels, epsilon, bounds: as for `fgsm`.
        steps: how many, at least 1.
        random: for the start of each image.

    Raises:
        SettingsError: there are no steps.
    """
    return PGD(steps)(classifier, images, labels, LInf(epsilon, bounds), random)
