"""Sources made from other sources: binary states drawn from values, and items with their labels."""

from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike
from deepbelief.data.dataset import Images, Reader, Rows, Source, take
from deepbelief.data.labels import as_labels
from deepbelief.data.tensor_source import SourceLike, as_source
from deepbelief.errors import SettingsError
from deepbelief.randomness import Random


class View(Source):
    """A source made from another one: of as many items, and as many values of each unless a view says otherwise."""

    source: Source

    def __len__(self) -> int:
        return len(self.source)

    @property
    def width(self) -> int:
        """Number of values per item."""
        return self.source.width


@final
@dataclass(frozen=True, eq=False)
class Binarised(View):
    """A source of values in [0, 1] taken as probabilities: every batch is drawn anew (Salakhutdinov & Murray 2008).

    The likelihood of binary units is one of binary items; grey values are probabilities of them.
    """

    source: Source
    random: Random

    def batch(self, rows: Rows) -> Tensor:
        """Binary states for the items at `rows`, (batch, width)."""
        return self.random.bernoulli(self.source.batch(rows))

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        read, like = self.source.reader(size, dtype), self.source.batch(slice(0, 1))
        buffer = like.new_empty(size, self.width, dtype=dtype)

        def drawn(rows: Rows) -> Tensor:
            values = read(rows)
            return self.random.bernoulli(values, out=buffer[: len(values)])

        return drawn


@final
class Labelled(View):
    """A source with one-hot labels after the values of each item: [v, y], width + classes values.

    Args:
        source: the items; a source, tensor, NumPy array or list of lists.
        labels: one whole number from 0 for each, as a tensor, array or list.
        classes: how many there are.

    Raises:
        DataError: there is not one label for each item, or one of them is no class.

    >>> Labelled([[0.5], [0.25]], [1, 0], 2).batch(slice(0, 2)).tolist()
    [[0.5, 0.0, 1.0], [0.25, 1.0, 0.0]]
    """

    def __init__(self, source: SourceLike, labels: TensorLike, classes: int) -> None:
        self.source = as_source(source)
        self.labels: Final = as_labels(labels, len(self.source), classes)
        self.classes: Final = classes

    @property
    def width(self) -> int:
        """Values of an item, and classes."""
        return self.source.width + self.classes

    def batch(self, rows: Rows) -> torch.Tensor:
        """The items at ``rows`` with their labels, (batch, width + classes)."""
        values = self.source.batch(rows)
        return self._fill(values.new_empty(len(values), self.width), values, rows)

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        read = self.source.reader(size, dtype)
        buffer = self.source.batch(slice(0, 0)).new_empty(size, self.width, dtype=dtype)

        def joined(rows: Rows) -> torch.Tensor:
            values = read(rows)
            return self._fill(buffer[: len(values)], values, rows)

        return joined

    def _fill(self, buffer: torch.Tensor, values: torch.Tensor, rows: Rows) -> torch.Tensor:
        labels = take(self.labels, rows).to(buffer.device)
        buffer[:, : values.shape[1]] = values
        buffer[:, values.shape[1] :].zero_().scatter_(1, labels[:, None], 1.0)
        return buffer


LabelledLike = Labelled | Images | tuple[SourceLike, TensorLike]
"""Items with labels: `Labelled`, `Images` that have labels, or a pair (items, labels)."""


def as_labelled(given: LabelledLike, classes: int) -> Labelled:
    """Labelled items of this number of classes.

    Raises:
        DataError: there is not one label for each item, or one of them is no class.
        SettingsError: the items are of another number of classes.
    """
    if isinstance(given, Images):
        return Labelled(given, given.required_labels(), classes)
    if not isinstance(given, Labelled):
        return Labelled(*given, classes)
    if given.classes != classes:
        raise SettingsError(f"the labels are of {given.classes} classes, the model knows {classes}: make them equal.")
    return given


def as_held_out(given: LabelledLike | None, classes: int) -> Labelled | None:
    """`as_labelled` of items to measure, if there are any."""
    items = None if given is None else as_labelled(given, classes)
    return items if items is not None and len(items) else None
