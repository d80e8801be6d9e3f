"""Standardisation of real-valued data, and back to the original scale; stored with the model."""

import math
from collections.abc import Iterable, Iterator
from typing import Final, final

import torch
from torch import Tensor, nn

from deepbelief.arrays import TensorLike, as_tensor
from deepbelief.errors import DataError

_FARTHEST: Final = 10  # scales from the mean; normally distributed values never get that far


@final
class Standardisation(nn.Module):
    """z = (x - mean) / scale for each value of an item, and back.

    A value that never changes has a scale of 0: z is then always 0, and `undo` gives exactly the mean.

    Args:
        mean: shape (width,).
        scale: shape (width,), 0 or more.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    @classmethod
    def of(
        cls, batches: Iterable[TensorLike], real: Tensor | None = None, weights: Tensor | None = None
    ) -> "Standardisation":
        """From the means and standard deviations of the data, in batches of shape (batch, width), as float64.

        The scale is the standard deviation, or a tenth of the largest distance from the mean where that is more, so
        that |z| <= 10 for these data: the rare changes of a value that hardly ever changes, such as a pixel at the
        edge, would otherwise be the largest values of all. Each value has a scale of its own; for one that never
        changes it is 0. Values that are missing (NaN) are left out.

        Args:
            batches: the data.
            real: which values are real numbers, bool, (width,), such as `Units.are_real`; all of them if None. The
                others, states and counts, are left unchanged, by a mean of 0 and a scale of 1.
            weights: how much each item counts, (items,); None: all the same.

        Raises:
            DataError: there is no item, a value is infinite, or one is missing in all items.
        """
        origin: Tensor | None = None
        n, total, squares = (torch.zeros(()) for _ in range(3))
        low, high = torch.tensor(torch.inf), torch.tensor(-torch.inf)
        for batch, counts in _counted(batches, weights):
            known = ~batch.isnan()
            if origin is None:  # the first item, since squares of large numbers would hide small differences
                origin = torch.where(known[0], batch[0], batch.nanmean(dim=0).nan_to_num())
            values = torch.where(known, batch - origin, 0.0)
            n, total = n + (counts * known).sum(dim=0), total + (counts * values).sum(dim=0)
            squares = squares + (counts * values.square()).sum(dim=0)
            low = torch.minimum(low, torch.where(known, values, torch.inf).amin(dim=0))
            high = torch.maximum(high, torch.where(known, values, -torch.inf).amax(dim=0))
        if origin is None:
            raise DataError("there are no items to take means and standard deviations of.")
        if not torch.isfinite(squares).all():
            raise DataError("the data hold infinite values: clean them before they are standardised.")
        if (never := (n == 0).nonzero()).numel():
            raise DataError(f"the value at position {int(never[0])} is missing in every item: leave it out.")
        mean = total / n
        std = (squares / n - mean.square()).clamp_(min=0).sqrt()
        scale = torch.maximum(std, torch.maximum(high - mean, mean - low) / _FARTHEST)
        mean, scale = origin + mean, torch.where(high > low, scale, 0.0)
        if real is not None:
            mean, scale = torch.where(real, mean, 0.0), torch.where(real, scale, 1.0)
        return cls(mean, scale)

    @property
    def divisor(self) -> Tensor:
        """The scale, with infinity in place of 0, so that dividing by it gives 0: shape (width,)."""
        return torch.where(self.scale > 0, self.scale, math.inf)

    @property
    def log_scale(self) -> Tensor:
        """log scale_i, 0 of values that never change: (width,), float64; log p(z) - log p(x) is its sum."""
        return torch.where(self.scale > 0, self.scale, 1.0).double().log()

    def forward(self, values: Tensor) -> Tensor:
        """z, shape (batch, width); differentiable."""
        return (values - self.mean) / self.divisor

    @torch.no_grad()
    def fold_into(self, layer: nn.Linear) -> None:
        """Let a linear layer that learnt from z take x: W x + b becomes W (x - mean) / scale + b."""
        layer.weight.div_(self.divisor)
        layer.bias.sub_(layer.weight @ self.mean)

    def undo(self, standardised: Tensor) -> Tensor:
        """x, shape (batch, width)."""
        return standardised * self.scale + self.mean


def _counted(batches: Iterable[TensorLike], weights: Tensor | None) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches in float64 of items that count, and how much each counts, (batch, 1)."""
    start = 0
    for batch in map(as_tensor, batches):
        counts = torch.ones(len(batch)) if weights is None else weights[start : start + len(batch)]
        start += len(batch)
        if (counts > 0).any():
            values = batch[counts > 0].double()
            yield values, counts[counts > 0, None].to(values)
