"""Random perturbations of images."""

from torch import Tensor

from deepbelief.randomness import Random


def gaussian(images: Tensor, level: float, random: Random) -> Tensor:
    """Images plus noise of mean 0 and standard deviation `level`, not clipped; clip with `clamp(*bounds)`."""
    return images + random.normal(images.shape, level).to(images)


def uniform(images: Tensor, epsilon: float, random: Random, bounds: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """Images plus noise in [-epsilon, epsilon], clipped to the bounds: as large as FGSM, but random."""
    return (images + random.uniform(images.shape, -epsilon, epsilon).to(images)).clamp_(*bounds)
