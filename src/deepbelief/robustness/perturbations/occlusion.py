"""A part of the image is hidden."""

from typing import Final

from torch import Tensor

from deepbelief.randomness import Random
from deepbelief.robustness.perturbations.base import Perturbation
from deepbelief.robustness.squares import random_squares


def occlude(images: Tensor, level: float, random: Random, bounds: tuple[float, float]) -> Tensor:
    """A square somewhere in each image becomes `low`, as in cutout (DeVries & Taylor 2017), but all of it lies inside.

    Its side is the level times the image's shorter side, rounded to whole pixels.
    """
    rows, columns = images.shape[1:3]
    side = round(level * min(rows, columns))
    hidden = random_squares(len(images), side, rows, columns, random).to(images.device)
    return images.masked_fill(hidden, bounds[0])


OCCLUSION: Final = Perturbation(
    "occlusion", occlude, "side of the square / shorter side", (0.2, 0.3, 0.4, 0.5, 0.6), most=1, needs_shape=True
)
