"""What all perturbations of images share: a level with a unit, the shape of an image, and the bounds of its values."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from deepbelief.arrays import check_range
from deepbelief.errors import DataError, SettingsError
from deepbelief.randomness import Random, as_random

Apply = Callable[[Tensor, float, Random, tuple[float, float]], Tensor]
"""(images (n, rows, columns, channels), level above 0, random, (low, high)) -> new images of the same shape."""


@final
@dataclass(frozen=True)
class Perturbation:
    """One way to change images: not at all at level 0, and the more, the higher the level.

    It is called as a function of images, level and source of randomness; a seed changes images in the same way each
    time.

    >>> negative = Perturbation("negative", lambda x, level, random, bounds: sum(bounds) - x, "on or off", (1,))
    >>> negative(torch.tensor([[0.0, 50.0, 200.0]]), 1, 0, bounds=(0, 255)).tolist()
    [[255.0, 205.0, 55.0]]

    Attributes:
        name: for messages and tables.
        apply: computes the perturbed images, in float32 or float64, and leaves those it is given as they are.
        unit: what a level is measured in.
        levels: some levels to measure at, from mild to strong.
        most: the highest level that there is.
        needs_shape: where a pixel lies in its image matters; otherwise it may be unknown.
        clipped: the result is clipped to the bounds.

    Raises:
        SettingsError: a level is below 0, above `most`, or not above the one before.
    """

    name: str
    apply: Apply = field(repr=False)
    unit: str
    levels: tuple[float, ...]
    most: float = math.inf
    needs_shape: bool = False
    clipped: bool = True

    def __post_init__(self) -> None:
        for level in self.levels:
            self._check_level(level)
        if any(higher <= lower for lower, higher in itertools.pairwise((0.0, *self.levels))):
            raise SettingsError(
                f"the levels of {self.name} are {self.levels}: give positive ones, each above the one before."
            )

    def __call__(
        self,
        images: Tensor,
        level: float,
        random: Random | int,
        *,
        shape: Sequence[int] | None = None,
        bounds: tuple[float, float] = (0.0, 1.0),
    ) -> Tensor:
        """Perturbed images, (n, width), a new tensor of the type and on the device of `images`, without gradients.

        Level 0 draws nothing and returns the very values. Otherwise values are clipped to the bounds, if `clipped`.

        Args:
            images: (n, width) numbers of a float type.
            level: how much to change them, from 0 to `most`, in the `unit`.
            random: the source of randomness, or a seed; perturbations that leave nothing to chance do not draw from it.
            shape: (rows, columns) or (rows, columns, channels) of one image.
            bounds: the least and the greatest value that a pixel can have.

        Raises:
            SettingsError: an impossible level, shape or bounds, or no shape where it is needed.
            DataError: the images are not a matrix of finite numbers of a float type.
        """
        _check_images(images)
        _check_bounds(bounds)
        self._check_level(level)
        frame = self._frame(shape, images.shape[1])
        random, images = as_random(random, images.device), images.detach()
        if not level or not images.numel():
            return images.clone()
        # In narrow types the place of a pixel and the mean of an image would be rounded.
        wide = images.to(torch.promote_types(images.dtype, torch.float32)).reshape(-1, *frame)
        perturbed = self.apply(wide, float(level), random, bounds).reshape(images.shape)
        return (perturbed.clamp(*bounds) if self.clipped else perturbed).to(images)

    def _check_level(self, level: float) -> None:
        """`SettingsError` for a level that there is not, NaN and infinity among them."""
        if not (0 <= level <= self.most and math.isfinite(level)):
            wanted = f"one from 0 to {self.most:g}" if math.isfinite(self.most) else "a finite one from 0"
            raise SettingsError(f"{self.name} has no level {level:g}: give {wanted} ({self.unit}).")

    def _frame(self, shape: Sequence[int] | None, width: int) -> tuple[int, int, int]:
        """(rows, columns, channels); without a shape all values are pixels of one row."""
        if shape is None and not self.needs_shape:
            return 1, width, 1
        if shape is None:
            raise SettingsError(
                f"{self.name} depends on where pixels lie: give shape=(rows, columns), or (rows, columns, channels)."
            )
        if len(shape) not in (2, 3) or min(shape) < 1 or math.prod(shape) != width:
            raise SettingsError(
                f"images of {width} values cannot have the shape {tuple(shape)}: give (rows, columns), or "
                f"(rows, columns, channels), with the product {width}."
            )
        rows, columns, channels = (*shape, 1)[:3]
        return rows, columns, channels


def _check_images(images: Tensor) -> None:
    """`DataError` unless these are (n, width) finite numbers of a float type."""
    if images.ndim != 2:
        raise DataError(f"the images are a tensor of shape {tuple(images.shape)}: give (n, width), a row for each.")
    if not images.is_floating_point():
        raise DataError(f"the images are of type {images.dtype}: give floats, as their float() makes them.")
    check_range(images, wanted="only finite values can be perturbed")


def _check_bounds(bounds: tuple[float, float]) -> None:
    """`SettingsError` unless these are two finite numbers, the second above the first."""
    low, high = bounds
    if not (low < high and math.isfinite(high - low)):
        raise SettingsError(f"the bounds are {low:g} and {high:g}: give a finite least value and one above it.")
