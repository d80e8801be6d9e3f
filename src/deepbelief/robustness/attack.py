"""White-box attacks: the fast gradient sign method (FGSM) and projected gradient descent (PGD)."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from deepbelief.arrays import Classifier
from deepbelief.errors import SettingsError
from deepbelief.randomness import Random, as_random
from deepbelief.robustness.noise import uniform


def gradient_sign(classifier: Classifier, images: Tensor, labels: Tensor, batch_size: int = 2000) -> Tensor:
    """sign(d cross-entropy(classifier(x), label) / dx), shape of the images.

    It does not depend on the size of the attack: one gradient serves every epsilon. Only the images' gradient is
    computed, the model's parameters stay untouched.
    """
    return signs_and_margins(classifier, images, labels, batch_size)[0]


def signs_and_margins(
    classifier: Classifier, images: Tensor, labels: Tensor, batch_size: int = 2000
) -> tuple[Tensor, Tensor]:
    """`gradient_sign`, and the margin of the best wrong class, (n,): its logit minus that of the true class.

    An image is classified rightly where its margin is below 0.
    """
    signs, margins = [], []
    for part, targets in zip(torch.split(images, batch_size), torch.split(labels, batch_size), strict=True):
        inputs = part.detach().requires_grad_()
        with torch.enable_grad():
            logits = classifier(inputs)
            (gradient,) = torch.autograd.grad(cross_entropy(logits, targets, reduction="sum"), inputs)
        signs.append(gradient.sign_())
        logits, true = logits.detach(), targets[:, None]
        margins.append(logits.scatter(1, true, -torch.inf).amax(dim=1) - logits.gather(1, true).squeeze(1))
    return torch.cat(signs), torch.cat(margins)


def step(images: Tensor, signs: Tensor, epsilon: float, bounds: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """Images moved by epsilon in each pixel, clipped to the bounds."""
    return torch.add(images, signs, alpha=epsilon).clamp_(*bounds)


def fgsm(
    classifier: Classifier, images: Tensor, labels: Tensor, epsilon: float, bounds: tuple[float, float] = (0.0, 1.0)
) -> Tensor:
    """Fast gradient sign method (Goodfellow et al. 2015): clip(x + epsilon sign(d loss / dx)), shape of the images.

    Args:
        classifier: images (batch, width) within the bounds -> logits (batch, classes), differentiable.
        images: (n, width) within the bounds.
        labels: (n,) true classes, int64.
        epsilon: the largest change of a pixel.
        bounds: the least and the greatest value that a pixel can have.
    """
    return step(images, gradient_sign(classifier, images, labels), epsilon, bounds)


def pgd(
    classifier: Classifier,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    steps: int,
    random: Random | int,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Tensor:
    """Projected gradient descent (Madry et al. 2018): many small steps of FGSM, shape of the images.

    From x_0 = clip(x + u), u uniform in [-epsilon, epsilon], it goes on by
    x_t = clip(x_t-1 + a sign(d loss / dx)), where `clip` keeps within epsilon of x and within the bounds. Steps of
    a = 2.5 epsilon / steps can reach all of this region from any start. For each image the worst of x_0 ... x_steps is
    kept: the one in which a wrong class has the largest margin over the true one.

    Args:
        classifier, images, labels, epsilon, bounds: as for `fgsm`.
        steps: how many, at least 1.
        random: for the start of each image.

    Raises:
        SettingsError: there are no steps.
    """
    random = as_random(random, images.device)
    if steps < 1:
        raise SettingsError(f"PGD takes at least one step, not {steps}.")
    low, high = (images - epsilon).clamp_(*bounds), (images + epsilon).clamp_(*bounds)
    worst = point = uniform(images, epsilon, random, bounds)
    signs, margin = signs_and_margins(classifier, point, labels)
    for _ in range(steps):
        point = torch.add(point, signs, alpha=2.5 * epsilon / steps).clamp_(low, high)
        signs, found = signs_and_margins(classifier, point, labels)
        worst = torch.where((found > margin)[:, None], point, worst)
        margin = torch.maximum(found, margin)
    return worst
