"""Attacks that know the model: the fast gradient sign method."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

Classifier = Callable[[Tensor], Tensor]
"""(batch, width) values in [0, 1] -> (batch, classes) logits."""


def gradient_sign(classifier: Classifier, images: Tensor, labels: Tensor, batch_size: int = 2000) -> Tensor:
    """sign(d cross-entropy(classifier(x), label) / dx), shape of the images.

    It does not depend on the size of the attack: one gradient serves every epsilon. Only the images' gradient is
    computed, the model's parameters stay untouched.
    """
    signs = []
    for part, targets in zip(torch.split(images, batch_size), torch.split(labels, batch_size), strict=True):
        inputs = part.detach().requires_grad_()
        with torch.enable_grad():
            loss = cross_entropy(classifier(inputs), targets, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, inputs)
        signs.append(gradient.sign_())
    return torch.cat(signs)


def step(images: Tensor, signs: Tensor, epsilon: float) -> Tensor:
    """Images moved by epsilon in each pixel, clipped to [0, 1]."""
    return torch.add(images, signs, alpha=epsilon).clamp_(0, 1)


def fgsm(classifier: Classifier, images: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    """Fast gradient sign method (Goodfellow et al. 2015): clip(x + epsilon sign(d loss / dx)), shape of the images.

    Args:
        classifier: images (batch, width) in [0, 1] -> logits (batch, classes), differentiable.
        images: (n, width) in [0, 1].
        labels: (n,) true classes, int64.
        epsilon: the largest change of a pixel.
    """
    return step(images, gradient_sign(classifier, images, labels), epsilon)
