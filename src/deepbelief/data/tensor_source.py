"""Numbers in memory as a source of items."""

from typing import Final, final

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike, as_tensor
from deepbelief.data.source import Reader, Rows, Source, take
from deepbelief.errors import DataError


@final
class TensorSource(Source):
    """Numbers of the shape (items, width), such as a layer's features or a table, as a `Source`.

    Floating-point numbers keep their type, and tensors and arrays that can be written to are not copied; integers
    and booleans become float32.

    Args:
        values: a tensor, a NumPy array, or a list of lists.

    Raises:
        DataError: another shape, or values that are not real numbers.

    >>> TensorSource(torch.ones(5, 3)).batch(torch.tensor([0, 4])).shape
    torch.Size([2, 3])
    >>> TensorSource([[0, 1], [1, 1]]).batch(slice(0, 1))
    tensor([[0., 1.]])
    """

    def __init__(self, values: TensorLike) -> None:
        given = as_tensor(values, "the features").detach()
        if given.ndim != 2:
            raise DataError(
                f"features have the shape {tuple(given.shape)}; give numbers of the shape (items, width), one row for "
                "each item."
            )
        self.values: Final = given if given.is_floating_point() else given.to(torch.float32)
        """(items, width)."""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def width(self) -> int:
        """Number of features per item."""
        return self.values.shape[1]

    def batch(self, rows: Rows) -> Tensor:
        """The rows asked for, (batch, width), in the tensor's own type."""
        return take(self.values, rows)

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        raw, ready = self.values.new_empty(size, self.width), self.values.new_empty(size, self.width, dtype=dtype)

        def read(rows: Rows) -> Tensor:
            stored = take(self.values, rows, raw)
            return stored if stored.dtype == dtype else ready[: len(stored)].copy_(stored)

        return read


SourceLike = Source | TensorLike
"""A `Source`, or numbers in memory: a tensor, NumPy array or list of lists of the shape (items, width)."""


def as_source(given: SourceLike) -> Source:
    """A source as it is, and anything else as `TensorSource`."""
    return given if isinstance(given, Source) else TensorSource(given)
