"""Real-valued data on a scale that learning likes, and back; kept with the model."""

from collections.abc import Iterable
from typing import Final, final

import torch
from torch import Tensor, nn

from deepbelief.arrays import TensorLike, as_tensor
from deepbelief.errors import DataError

_FARTHEST: Final = 10  # scales from the mean; normally distributed values never come as far


@final
class Standardisation(nn.Module):
    """z = (x - mean) / scale for each value of an item, and back.

    Args:
        mean: shape (width,).
        scale: shape (width,), above 0.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    @classmethod
    def of(cls, batches: Iterable[TensorLike]) -> "Standardisation":
        """By the means and standard deviations of the data, in batches of shape (batch, width), as float64.

        The scale is the standard deviation, or a tenth of the largest distance from the mean where that is more, so
        that |z| <= 10 for these data: the rare changes of a value that hardly ever changes, such as a pixel at the
        edge, would else be the largest values of all. Each value is judged by itself, in whatever units it comes; one
        that never changes has a scale of 1.

        Raises:
            DataError: there is no item, or a value is NaN or infinite.
        """
        n, origin = 0, torch.zeros(())
        total, squares, low, high = (torch.zeros(()) for _ in range(4))
        for batch in map(as_tensor, batches):
            # From the first item on: the squares of large numbers would hide small differences.
            origin = origin if n else batch[0].double()
            values = batch.double() - origin
            n, total, squares = n + len(values), total + values.sum(dim=0), squares + values.square().sum(dim=0)
            low, high = torch.minimum(low, values.amin(dim=0)), torch.maximum(high, values.amax(dim=0))
        if not n:
            raise DataError("there are no items to take means and standard deviations of.")
        if not torch.isfinite(squares).all():
            raise DataError("the data hold NaN or infinite values: clean them before they are standardised.")
        mean = total / n
        std = (squares / n - mean.square()).clamp_(min=0).sqrt()
        scale = torch.maximum(std, torch.maximum(high - mean, mean - low) / _FARTHEST)
        return cls(origin + mean, torch.where(high > low, scale, 1.0))

    def forward(self, values: Tensor) -> Tensor:
        """z, shape (batch, width); can be differentiated."""
        return (values - self.mean) / self.scale

    def undo(self, standardised: Tensor) -> Tensor:
        """x, shape (batch, width)."""
        return standardised * self.scale + self.mean
