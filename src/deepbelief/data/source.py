"""The interface through which learning code reads batches of items."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Final

import torch

from deepbelief.arrays import count_missing
from deepbelief.data.order import Runs

Rows = slice | torch.Tensor
Reader = Callable[[Rows], torch.Tensor]
"""Returns the items at rows as (batch, width); valid until the next call, and not to be changed in place."""

_LOOKED_AT: Final = 1000  # items at a time


class Source(ABC):
    """Items that learning code reads batch by batch; never assumed to fit in memory.

    A source of your own needs a length, a `width` and `batch`:

    >>> class Ramp(Source):
    ...     width = 2
    ...     def __len__(self): return 1000
    ...     def batch(self, rows): return torch.arange(1000)[rows, None] / torch.tensor([1000.0, 2000.0])
    >>> Ramp().reader(3, torch.float64)(torch.tensor([0, 500]))
    tensor([[0.0000, 0.0000],
            [0.5000, 0.2500]], dtype=torch.float64)
    """

    @abstractmethod
    def __len__(self) -> int:
        """Number of items."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Number of values per item."""

    @abstractmethod
    def batch(self, rows: Rows) -> torch.Tensor:
        """The items at ``rows`` (a slice or integer positions); (batch, width), not to be changed in place."""

    @property
    def weights(self) -> torch.Tensor | None:
        """How much each item counts in learning, (items,); None: all the same."""
        return None

    @property
    def missing(self) -> float:
        """The share of all values that are missing, that is, NaN; to find out takes a look at all of them."""
        absent = sum(map(count_missing, in_batches(self, _LOOKED_AT)))
        return absent / max(1, len(self) * self.width)

    @property
    def runs(self) -> Runs | None:
        """Which items are cheap to read together; None: all orders are as cheap."""
        return None

    def expect(self, order: torch.Tensor) -> None:
        """Told which items a reader will be asked for next, (items,) on the CPU, in this order, batch by batch.

        A source may read them ahead; what it gives stays the same.
        """
        return None  # most sources have nothing to do

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        """What gives batches of up to ``size`` items as ``dtype``; a source may do it without taking new memory."""
        return lambda rows: self.batch(rows).to(dtype)


def in_batches(source: Source, size: int) -> Iterator[torch.Tensor]:
    """The items of a source in order, in batches of ``size``; the last may be smaller."""
    for start in range(0, len(source), size):
        yield source.batch(slice(start, min(start + size, len(source))))


def evenly_spaced(source: Source, items: int) -> torch.Tensor:
    """Items at equal distances all over a source, which may be sorted; again and again where it has fewer.

    Where items have weights, the distances are sums of weights, so that each item is there in proportion to its own.
    """
    return source.batch(evenly_spaced_rows(source, items))


def evenly_spaced_rows(source: Source, items: int) -> torch.Tensor:
    """The positions of `evenly_spaced` items, (items,), ascending."""
    if source.weights is None:
        return torch.arange(items) * len(source) // items
    ends = source.weights.cumsum(dim=0)
    points = (torch.arange(items, dtype=ends.dtype) + 0.5) * ends[-1] / items
    return torch.searchsorted(ends, points, right=True)


def take(values: torch.Tensor, rows: Rows, buffer: torch.Tensor | None = None) -> torch.Tensor:
    """The values at rows: a view for a slice; positions are gathered into ``buffer``, or into new memory without it."""
    if isinstance(rows, slice):
        return values[rows]
    positions = rows.to(values.device)
    if buffer is None:
        return values[positions]
    return torch.index_select(values, 0, positions, out=buffer[: len(positions)])
