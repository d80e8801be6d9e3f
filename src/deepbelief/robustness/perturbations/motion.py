"""The image is turned or moved as a whole; what comes in from outside has the lower bound."""

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from deepbelief.randomness import Random
from deepbelief.robustness.perturbations.base import Perturbation


def rotate(images: Tensor, level: float, random: Random, bounds: tuple[float, float]) -> Tensor:
    """Each image turns around its middle by the level in degrees, to the left or to the right at random.

    A pixel at p, measured from the middle, becomes the value at R p, with the rotation R, interpolated bilinearly.
    """
    rows, columns = images.shape[1:3]
    to_the_left = (random.uniform((len(images),)) < 0.5).to(images)
    angle = math.radians(level) * (2 * to_the_left - 1)
    sine, cosine, nothing = angle.sin(), angle.cos(), torch.zeros_like(angle)
    # PyTorch measures both directions in half sides of the image.
    across = torch.stack([cosine, -sine * (rows / columns), nothing], dim=1)
    down = torch.stack([sine * (columns / rows), cosine, nothing], dim=1)
    return _resampled(images, torch.stack([across, down], dim=1), bounds[0])


def translate(images: Tensor, level: float, random: Random, bounds: tuple[float, float]) -> Tensor:
    """Each image moves by the level in pixels: up, down, to the left or to the right at random.

    Fractions of a pixel are interpolated linearly.
    """
    rows, columns = images.shape[1:3]
    ways = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])  # across, down
    way = ways[(4 * random.uniform((len(images),)).cpu()).long()].to(images)
    distance = min(level, rows + columns)  # further away all of the image is outside, too
    place = torch.eye(2, 3).to(images).repeat(len(images), 1, 1)
    place[:, :, 2] = way * distance * (2 / torch.tensor([columns, rows]).to(images))
    return _resampled(images, place, bounds[0])


def _resampled(images: Tensor, places: Tensor, low: float) -> Tensor:
    """Images whose pixels are read at other places: an affine map for each, (n, 2, 3), as `affine_grid` takes it."""
    above = (images - low).permute(0, 3, 1, 2)  # what comes in from outside is 0 here
    grid = affine_grid(places, list(above.shape), align_corners=False)
    moved = grid_sample(above, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return moved.permute(0, 2, 3, 1) + low


ROTATION: Final = Perturbation("rotation", rotate, "degrees", (10, 20, 30, 45, 60), most=180, needs_shape=True)
TRANSLATION: Final = Perturbation("translation", translate, "pixels", (1, 2, 4, 6, 8), needs_shape=True)
