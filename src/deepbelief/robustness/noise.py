"""Random perturbations of images."""

from torch import Tensor

from deepbelief.randomness import Random, as_random


def gaussian(images: Tensor, level: float, random: Random | int) -> Tensor:
    """Images plus noise of mean 0 and standard deviation `level`, not clipped; clip with `clamp(*bounds)`."""
    random = as_random(random, images.device)
    return images + random.normal(images.shape, level).to(images)


def uniform(images: Tensor, epsilon: float, random: Random | int, bounds: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """Images plus noise in [-epsilon, epsilon], clipped to the bounds: as large as FGSM, but random."""
    random = as_random(random, images.device)
    return (images + random.uniform(images.shape, -epsilon, epsilon).to(images)).clamp_(*bounds)
