"""Sources made from other sources: states drawn from values, items with their labels, several sources side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike, as_tensor, check_range, count_missing
from deepbelief.data.image_source import ImageSource
from deepbelief.data.labels import as_labels
from deepbelief.data.order import Runs
from deepbelief.data.source import Reader, Rows, Source, take
from deepbelief.data.tensor_source import SourceLike, as_source
from deepbelief.errors import DataError, SettingsError
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

    @property
    def weights(self) -> Tensor | None:
        """How much each item counts in learning, as in the other source."""
        return self.source.weights

    @property
    def missing(self) -> float:
        """The share of all values that are missing, as in the other source."""
        return self.source.missing

    @property
    def runs(self) -> Runs | None:
        """Which items are cheap to read together, as in the other source."""
        return self.source.runs

    def expect(self, order: Tensor) -> None:
        """Lets the other source read ahead."""
        self.source.expect(order)


@final
class Weighted(View):
    """A source whose items count more or less in learning.

    In every epoch there are as many sights as items, and each item is seen in proportion to its weight, on average
    exactly: floor or ceil of n w_i / sum w times (systematic sampling, Madow 1949). So an item of weight 0 is never
    seen, and whole numbers act as if the items were there that many times. A linear read-out that is fitted to
    convergence weights its loss instead.

    Args:
        source: the items; a source, tensor, NumPy array or list of lists.
        weights: one number from 0 for each.

    Raises:
        DataError: there is not one weight for each item, or one is negative or not finite, or all are 0.

    >>> Weighted([[0.5], [0.25]], [1, 3]).weights
    tensor([1., 3.], dtype=torch.float64)
    """

    def __init__(self, source: SourceLike, weights: TensorLike) -> None:
        self.source = as_source(source)
        self._weights: Final = as_tensor(weights, "the weights").detach().cpu().double()
        if (shape := tuple(self._weights.shape)) != (len(self.source),):
            raise DataError(f"the weights have the shape {shape}: give one for each of {len(self.source)} items.")
        check_range(self._weights[:, None], 0, wanted="weights are numbers from 0", advice="change it")
        if not self._weights.any():
            raise DataError("all weights are 0: give at least one item a weight above 0.")

    @property
    def weights(self) -> Tensor:
        """How much each item counts, (items,), float64."""
        return self._weights

    def batch(self, rows: Rows) -> Tensor:
        """The items at ``rows``, as they are."""
        return self.source.batch(rows)

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        return self.source.reader(size, dtype)


@final
@dataclass(frozen=True, eq=False)
class Binarised(View):
    """A source of values in [0, 1] taken as probabilities: every batch is drawn anew (Salakhutdinov & Murray 2008).

    The likelihood of binary units is one of binary items; grey values are probabilities of them. What is missing (NaN)
    stays so.
    """

    source: Source
    random: Random

    def batch(self, rows: Rows) -> Tensor:
        """Binary states for the items at `rows`, (batch, width)."""
        values = self.source.batch(rows)
        return _drawn(values, self.random, torch.empty_like(values), count_missing(values) > 0)

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        read, like = self.source.reader(size, dtype), self.source.batch(slice(0, 1))
        buffer, missing = like.new_empty(size, self.width, dtype=dtype), self.source.missing > 0

        def drawn(rows: Rows) -> Tensor:
            values = read(rows)
            out = buffer[: len(values)]
            return _drawn(values, self.random, out, missing)

        return drawn


def _drawn(values: Tensor, random: Random, out: Tensor, missing: bool) -> Tensor:
    """States drawn with these probabilities, written to `out`, and NaN where they are, if any may be missing."""
    states = random.bernoulli(values, out=out)
    return states.masked_fill_(values.isnan(), torch.nan) if missing else states


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

    @property
    def missing(self) -> float:
        """The share of all values that are missing; no label is."""
        return self.source.missing * self.source.width / self.width

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


@final
@dataclass(frozen=True, eq=False)
class SideBySide(Source):
    """Sources of the same items, at least one, as one: the values of each item one after the other.

    >>> SideBySide([as_source([[0.5], [0.25]]), as_source([[1.0, 2.0], [3.0, 4.0]])]).batch(slice(0, 1)).tolist()
    [[0.5, 1.0, 2.0]]
    """

    sources: Sequence[Source]

    def __len__(self) -> int:
        return len(self.sources[0])

    @property
    def width(self) -> int:
        """Values of an item in all sources."""
        return sum(source.width for source in self.sources)

    @property
    def runs(self) -> Runs | None:
        """Which items are cheap to read together, as in the first source."""
        return self.sources[0].runs

    def expect(self, order: Tensor) -> None:
        """Lets each source read ahead."""
        for source in self.sources:
            source.expect(order)

    def batch(self, rows: Rows) -> Tensor:
        """The values of the items at ``rows``, (batch, width)."""
        return torch.cat([source.batch(rows) for source in self.sources], dim=1)

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        readers = [source.reader(size, dtype) for source in self.sources]
        return lambda rows: torch.cat([read(rows) for read in readers], dim=1)


LabelledLike = Labelled | ImageSource | tuple[SourceLike, TensorLike]
"""Items with labels: `Labelled`, `Images` that have labels, or a pair (items, labels)."""


def as_labelled(given: LabelledLike, classes: int) -> Labelled:
    """Labelled items of this number of classes.

    Raises:
        DataError: there is not one label for each item, or one of them is no class.
        SettingsError: the items are of another number of classes.
    """
    if isinstance(given, ImageSource):
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
