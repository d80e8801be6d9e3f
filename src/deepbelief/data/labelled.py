"""Items and their labels in one row, for a model that learns both."""

from dataclasses import dataclass
from typing import final

import torch

from deepbelief.data.dataset import Reader, Rows, Source
from deepbelief.errors import DataError


@final
@dataclass(frozen=True, eq=False)
class Labelled:
    """A source with one-hot labels after the values of each item: [v, y], width + classes values.

    Raises `DataError` if there is not one label for each item, or one of them is no class.

    >>> from deepbelief.data import Features
    >>> Labelled(Features(torch.tensor([[0.5], [0.25]])), torch.tensor([1, 0]), 2).batch(slice(0, 2)).tolist()
    [[0.5, 0.0, 1.0], [0.25, 1.0, 0.0]]
    """

    source: Source
    labels: torch.Tensor
    classes: int

    def __post_init__(self) -> None:
        if self.labels.shape != (len(self.source),):
            raise DataError(
                f"{len(self.source)} items have {len(self.labels)} labels; give exactly one label per item."
            )
        if len(self.labels):
            low, high = (int(bound) for bound in self.labels.aminmax())
            if low < 0 or high >= self.classes:
                raise DataError(f"labels range from {low} to {high}; number the {self.classes} classes from 0.")

    def __len__(self) -> int:
        return len(self.source)

    @property
    def width(self) -> int:
        """Values of an item, and classes."""
        return self.source.width + self.classes

    def batch(self, rows: Rows) -> torch.Tensor:
        """The items at ``rows`` with their labels, (batch, width + classes)."""
        values = self.source.batch(rows)
        return self._fill(values.new_empty(len(values), self.width), values, rows)

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        """A reader of batches of up to ``size`` items."""
        read = self.source.reader(size, dtype)
        like = self.source.batch(slice(0, 0))
        room = like.new_empty(size, self.width, dtype=dtype)

        def joined(rows: Rows) -> torch.Tensor:
            values = read(rows)
            return self._fill(room[: len(values)], values, rows)

        return joined

    def _fill(self, room: torch.Tensor, values: torch.Tensor, rows: Rows) -> torch.Tensor:
        labels = self.labels[rows if isinstance(rows, slice) else rows.to(self.labels.device)].to(room.device)
        room[:, : values.shape[1]] = values
        room[:, values.shape[1] :].zero_().scatter_(1, labels[:, None], 1.0)
        return room
