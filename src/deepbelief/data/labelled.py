"""A source of items joined with their labels, for a model that learns both."""

from typing import Final, final

import torch

from deepbelief.arrays import TensorLike
from deepbelief.data.dataset import Reader, Rows
from deepbelief.data.labels import as_labels
from deepbelief.data.tensor_source import SourceLike, as_source


@final
class Labelled:
    """A source with one-hot labels after the values of each item: [v, y], width + classes values.

    Args:
        source: the items; a source, tensor, NumPy array or list of lists.
        labels: one integer from 0 for each item, as a tensor, array or list.
        classes: number of classes.

    Raises:
        DataError: there is not one label for each item, or one of them is not a class.

    >>> Labelled([[0.5], [0.25]], [1, 0], 2).batch(slice(0, 2)).tolist()
    [[0.5, 0.0, 1.0], [0.25, 1.0, 0.0]]
    """

    def __init__(self, source: SourceLike, labels: TensorLike, classes: int) -> None:
        self.source: Final = as_source(source)
        self.labels: Final = as_labels(labels, len(self.source), classes)
        self.classes: Final = classes

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
        buffer = like.new_empty(size, self.width, dtype=dtype)

        def joined(rows: Rows) -> torch.Tensor:
            values = read(rows)
            return self._fill(buffer[: len(values)], values, rows)

        return joined

    def _fill(self, out: torch.Tensor, values: torch.Tensor, rows: Rows) -> torch.Tensor:
        labels = self.labels[rows if isinstance(rows, slice) else rows.to(self.labels.device)].to(out.device)
        out[:, : values.shape[1]] = values
        out[:, values.shape[1] :].zero_().scatter_(1, labels[:, None], 1.0)
        return out
