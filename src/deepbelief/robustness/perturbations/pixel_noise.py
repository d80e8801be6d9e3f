"""Noise: every pixel changes at random, by itself."""

from typing import Final

from torch import Tensor

from deepbelief.randomness import Random
from deepbelief.robustness import noise
from deepbelief.robustness.perturbations.base import Perturbation

_SHARE_OF_RANGE: Final = (0.2, 0.4, 0.6, 0.8, 1.0)


def gaussian(images: Tensor, level: float, random: Random, bounds: tuple[float, float]) -> Tensor:
    """x + level (high - low) z, with z of mean 0 and standard deviation 1; not clipped."""
    low, high = bounds
    return noise.gaussian(images, level * (high - low), random)


def uniform(images: Tensor, level: float, random: Random, bounds: tuple[float, float]) -> Tensor:
    """clip(x + level (high - low) u), with u uniform in [-1, 1]."""
    low, high = bounds
    return noise.uniform(images, level * (high - low), random, bounds)


def salt_and_pepper(images: Tensor, level: float, random: Random, bounds: tuple[float, float]) -> Tensor:
    """Each pixel, in all its channels, becomes `low` or `high` with probability level / 2 each, or stays as it is."""
    low, high = bounds
    drawn = random.uniform((*images.shape[:3], 1)).to(images.device)
    return images.masked_fill(drawn < level, high).masked_fill(drawn < level / 2, low)


def shot(images: Tensor, level: float, random: Random, bounds: tuple[float, float]) -> Tensor:
    """Pictures taken with little light: few photons are counted, and their number is left to chance.

    Where N photons are expected from a pixel of the value `high`, one of the value x becomes low + (high - low) k / N,
    with k ~ Poisson(N (x - low) / (high - low)). That has the mean x and the variance (x - low) (high - low) / N. The
    level is 1 / sqrt(N), a pixel's standard deviation at the value `high`, before clipping, as a share of the range.
    """
    low, high = bounds
    photons = max(level, 1e-9) ** -2  # NumPy draws no Poisson numbers of a mean above 9e18
    light = ((images - low) / (high - low)).clamp_(0, 1)
    return low + (high - low) / photons * random.poisson(light * photons)


GAUSSIAN: Final = Perturbation("gaussian", gaussian, "standard deviation / range", _SHARE_OF_RANGE, clipped=False)
CLIPPED_GAUSSIAN: Final = Perturbation("clipped-gaussian", gaussian, "standard deviation / range", _SHARE_OF_RANGE)
UNIFORM: Final = Perturbation("uniform", uniform, "largest change / range", _SHARE_OF_RANGE)
SALT_AND_PEPPER: Final = Perturbation(
    "salt-and-pepper", salt_and_pepper, "share of the pixels", (0.1, 0.2, 0.3, 0.4, 0.5), most=1
)
SHOT: Final = Perturbation("shot", shot, "standard deviation of white / range", (0.15, 0.3, 0.45, 0.6, 0.75))
