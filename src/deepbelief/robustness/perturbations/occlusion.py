"""A part of the image is hidden."""

from typing import Final

import torch
from torch import Tensor

from deepbelief.randomness import Random
from deepbelief.robustness.perturbations.base import Perturbation


def occlude(images: Tensor, level: float, random: Random, bounds: tuple[float, float]) -> Tensor:
    """A square somewhere in each image becomes `low`, as in cutout (DeVries & Taylor 2017), but all of it lies inside.

    Its side is the level times the image's shorter side, rounded to whole pixels.
    """
    rows, columns = images.shape[1:3]
    side = round(level * min(rows, columns))
    free = torch.tensor([rows - side + 1, columns - side + 1])
    top, left = (random.uniform((len(images), 2)).cpu() * free).long().to(images.device).T
    hidden = _stretch(top, side, rows)[:, :, None, None] & _stretch(left, side, columns)[:, None, :, None]
    return images.masked_fill(hidden, bounds[0])


def _stretch(start: Tensor, length: int, size: int) -> Tensor:
    """(n, size): whether a place lies among the `length` places that begin at `start`, (n,)."""
    place = torch.arange(size, device=start.device)
    return (place >= start[:, None]) & (place < start[:, None] + length)


OCCLUSION: Final = Perturbation(
    "occlusion", occlude, "side of the square / shorter side", (0.2, 0.3, 0.4, 0.5, 0.6), most=1, needs_shape=True
)
