"""What attacks have in common: how they are called, gradients with respect to images, the worst image so far."""

from typing import NamedTuple, Protocol, final

import torch
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.randomness import Random
from deepbelief.robustness.balls import Ball
from deepbelief.robustness.losses import Loss, margin

_BATCH = 2000


class Attack(Protocol):
    """Looks, for each image, for one in its ball that the classifier takes for another class."""

    def __call__(
        self, classifier: Classifier, images: Tensor, labels: Tensor, ball: Ball, random: Random | int
    ) -> Tensor:
        """The worst image found for each, (n, width).

        Args:
            classifier: images (batch, width) within the ball's bounds -> logits (batch, classes).
            images: (n, width) within the bounds.
            labels: (n,) true classes, int64.
            ball: how far an image may be moved.
            random: for whatever is drawn; a whole number is a seed.
        """


class Seen(NamedTuple):
    """What a classifier makes of images: the gradient of the loss, (n, width); the loss and the margin, (n,)."""

    gradient: Tensor
    loss: Tensor
    margin: Tensor


def look(classifier: Classifier, images: Tensor, labels: Tensor, loss: Loss, batch_size: int = _BATCH) -> Seen:
    """Go through the classifier and back, batch by batch; parameters of a model get no gradient."""
    gradients, losses, margins = [], [], []
    for part, targets in zip(torch.split(images, batch_size), torch.split(labels, batch_size), strict=True):
        inputs = part.detach().requires_grad_()
        with torch.enable_grad():
            logits = classifier(inputs)
            found = loss(logits, targets)
            (gradient,) = torch.autograd.grad(found.sum(), inputs)
        gradients.append(gradient)
        losses.append(found.detach())
        margins.append(margin(logits.detach(), targets))
    return Seen(torch.cat(gradients), torch.cat(losses), torch.cat(margins))


@torch.no_grad()
def answers(classifier: Classifier, images: Tensor) -> Tensor:
    """The logits of all images, (n, classes), batch by batch and without gradients."""
    return torch.cat([classifier(part) for part in torch.split(images, _BATCH)])


def margins(classifier: Classifier, images: Tensor, labels: Tensor) -> Tensor:
    """The `margin` of each image, (n,), without gradients."""
    return margin(answers(classifier, images), labels)


@final
class Worst:
    """For each image the one with the largest margin of all that were shown."""

    def __init__(self, images: Tensor, margin: Tensor) -> None:
        self.images, self.margin = images, margin

    def show(self, images: Tensor, margin: Tensor) -> None:
        """Keep those of these images that are worse."""
        self.images = torch.where((margin > self.margin)[:, None], images, self.images)
        self.margin = torch.maximum(margin, self.margin)

    def show_some(self, rows: Tensor, images: Tensor, margin: Tensor) -> None:
        """The same with images for some `rows` only, (rows,), which are changed in place."""
        better = margin > self.margin[rows]
        self.images[rows[better]], self.margin[rows[better]] = images[better], margin[better]
