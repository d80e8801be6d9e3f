"""Contrast, brightness and negatives: each value changes by the same rule, wherever its pixel lies."""

from typing import Final

import torch
from torch import Tensor

from deepbelief.randomness import Random
from deepbelief.robustness.perturbations.base import Perturbation


def lower_contrast(images: Tensor, level: float, random: Random, bounds: tuple[float, float]) -> Tensor:
    """(1 - level) x + level m, with m the mean of all values of the image: at level 1 nothing else is left."""
    return torch.lerp(images, images.mean(dim=(1, 2, 3), keepdim=True), level)


def brighten(images: Tensor, level: float, random: Random, bounds: tuple[float, float]) -> Tensor:
    """x + level (high - low)."""
    low, high = bounds
    return images + level * (high - low)


def invert(images: Tensor, level: float, random: Random, bounds: tuple[float, float]) -> Tensor:
    """(1 - level) x + level (low + high - x): flat grey at 0.5, the negative at 1 (Hosseini et al. 2017)."""
    low, high = bounds
    return torch.lerp(images, low + high - images, level)


CONTRAST: Final = Perturbation("contrast", lower_contrast, "share that is lost", (0.3, 0.5, 0.7, 0.8, 0.9), most=1)
BRIGHTNESS: Final = Perturbation("brightness", brighten, "added light / range", (0.1, 0.2, 0.3, 0.4, 0.5), most=1)
INVERSION: Final = Perturbation(
    "inversion", invert, "share of the way to the negative", (0.2, 0.4, 0.6, 0.8, 1), most=1
)
