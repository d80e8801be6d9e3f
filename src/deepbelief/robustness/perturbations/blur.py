"""Gaussian blur."""

from typing import Final

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from deepbelief.randomness import Random
from deepbelief.robustness.perturbations.base import Perturbation


def blur(images: Tensor, level: float, random: Random, bounds: tuple[float, float]) -> Tensor:
    """Each pixel becomes the mean of those around it, weighted by a Gaussian whose standard deviation is the level.

    Beyond its edges the image goes on as its mirror image, so that it does not become darker. Weights are cut off at 4
    standard deviations: below 0.125 pixels nothing changes. It is computed on the CPU.
    """
    std = min(level, 4 * max(images.shape[1:3]))  # of a wider one only the cost would grow: the image is flat
    return torch.from_numpy(gaussian_filter(images.cpu().numpy(), (0, std, std, 0), mode="reflect")).to(images)


BLUR: Final = Perturbation("blur", blur, "standard deviation in pixels", (0.5, 1, 2, 3, 4), needs_shape=True)
