"""Real-valued data on a scale that learning likes, and back; kept with the model."""

from collections.abc import Iterable
from typing import Final, final

import torch
from torch import Tensor, nn

from deepbelief.errors import DataError

_FLOOR: Final = 0.1  # of the root mean square of all standard deviations


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
    def of(cls, batches: Iterable[Tensor]) -> "Standardisation":
        """By the means and standard deviations of the data, in batches of shape (batch, width), summed in float64.

        A value that hardly ever changes, such as a pixel at the edge, is divided by a tenth of the typical standard
        deviation, not by its own: its rare changes would be the largest values of all.

        Raises:
            DataError: there is no item, or a value is NaN or infinite.
        """
        n, total, squares = 0, torch.zeros(()), torch.zeros(())
        for batch in batches:
            values = batch.double()
            n, total, squares = n + len(values), total + values.sum(dim=0), squares + values.square().sum(dim=0)
        if not n:
            raise DataError("there are no items to take means and standard deviations of.")
        if not torch.isfinite(squares).all():
            raise DataError("the data hold NaN or infinite values: clean them before they are standardised.")
        mean = total / n
        variance = (squares / n - mean.square()).clamp_(min=0)
        floor = _FLOOR * variance.mean().sqrt()
        scale = torch.where(floor > 0, variance.sqrt().clamp(min=float(floor)), 1.0)
        return cls(mean.float(), scale.float())

    def forward(self, values: Tensor) -> Tensor:
        """z, shape (batch, width); can be differentiated."""
        return (values - self.mean) / self.scale

    def undo(self, standardised: Tensor) -> Tensor:
        """x, shape (batch, width)."""
        return standardised * self.scale + self.mean
