"""Random perturbations of images in [0, 1]."""

from torch import Tensor

from deepbelief.randomness import Random


def gaussian(images: Tensor, level: float, random: Random) -> Tensor:
    """Images plus noise of mean 0 and standard deviation `level`, not clipped; clip with `clamp(0, 1)`."""
    return images + random.normal(images.shape, level).to(images)


def uniform(images: Tensor, epsilon: float, random: Random) -> Tensor:
    """Images plus noise in [-epsilon, epsilon], clipped to [0, 1]: FGSM's budget, spent without knowledge."""
    return (images + random.uniform(images.shape, -epsilon, epsilon).to(images)).clamp_(0, 1)
