"""Binary states drawn from a source's values each time they are read."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from deepbelief.data import Reader, Rows, Source
from deepbelief.randomness import Random


@final
@dataclass(frozen=True, eq=False)
class Binarised:
    """A source of values in [0, 1] taken as probabilities: every batch is drawn anew (Salakhutdinov & Murray 2008).

    Binary units have a likelihood for binary items only; grey values are the probabilities of these.
    """

    source: Source
    random: Random

    def __len__(self) -> int:
        """Number of items."""
        return len(self.source)

    @property
    def width(self) -> int:
        """Values of an item."""
        return self.source.width

    def batch(self, rows: Rows) -> Tensor:
        """Binary states for the items at `rows`, (batch, width)."""
        return self.random.bernoulli(self.source.batch(rows))

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        """A reader of batches of up to `size` items."""
        read, like = self.source.reader(size, dtype), self.source.batch(slice(0, 1))
        buffer = like.new_empty(size, self.width, dtype=dtype)

        def drawn(rows: Rows) -> Tensor:
            values = read(rows)
            return self.random.bernoulli(values, out=buffer[: len(values)])

        return drawn
