"""The fast gradient sign method (FGSM): one step along the gradient."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.randomness import Random
from deepbelief.robustness.attacks.attack import look
from deepbelief.robustness.balls import Ball, LInf
from deepbelief.robustness.losses import Loss, cross_entropy


@final
@dataclass(frozen=True)
class FGSM:
    """One step of length epsilon along the gradient of the loss (Goodfellow et al. 2015); nothing is random.

    x' = project(x + epsilon ascent(d loss / dx)), with the sign of the gradient as the ascent in `LInf`, and the
    gradient divided by its length in `L2`.
    """

    loss: Loss = cross_entropy

    def __call__(
        self, classifier: Classifier, images: Tensor, labels: Tensor, ball: Ball, random: Random | int = 0
    ) -> Tensor:
        """The image that the step leads to, for each, (n, width); the other arguments are those of `Attack`."""
        direction = ball.ascent(look(classifier, images, labels, self.loss).gradient)
        return ball.project(torch.add(images, direction, alpha=ball.epsilon), images)


def fgsm(
    classifier: Classifier, images: Tensor, labels: Tensor, epsilon: float, bounds: tuple[float, float] = (0.0, 1.0)
) -> Tensor:
    """`FGSM` of each pixel: clip(x + epsilon sign(d cross-entropy / dx)), shape of the images.

    Args:
        classifier: images (batch, width) within the bounds -> logits (batch, classes), differentiable.
        images: (n, width) within the bounds.
        labels: (n,) true classes, int64.
        epsilon: the largest change of a pixel.
        bounds: the least and the greatest value that a pixel can have.
    """
    return FGSM()(classifier, images, labels, LInf(epsilon, bounds))


def signs_and_margins(classifier: Classifier, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """`gradient_sign`, and the `margin` of each image as it is, (n,)."""
    seen = look(classifier, images, labels, cross_entropy)
    return seen.gradient.sign_(), seen.margin


def gradient_sign(classifier: Classifier, images: Tensor, labels: Tensor) -> Tensor:
    """sign(d cross-entropy(classifier(x), label) / dx), shape of the images.

    It does not depend on the size of the attack: one gradient serves every epsilon of FGSM.
    """
    return signs_and_margins(classifier, images, labels)[0]


def step(images: Tensor, signs: Tensor, epsilon: float, bounds: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """Images moved by epsilon in each pixel, clipped to the bounds: FGSM, where the signs are known already."""
    return torch.add(images, signs, alpha=epsilon).clamp_(*bounds)
