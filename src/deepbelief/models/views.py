"""Data as a model sees them: standardised values, and the hidden means of a layer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.data import Reader, Rows, Source, SourceLike, as_source, in_batches
from deepbelief.models.checks import check_finite, check_width
from deepbelief.models.dbn import DBN
from deepbelief.models.standardisation import Standardisation

_BATCH: Final = 1000


def standardise(dbn: DBN, source: SourceLike) -> None:
    """Set the DBN's standardisation to that of this source, so that it can learn real-valued data of any scale.

    Values that are states or counts to its visible units, such as a label beside real values, are left unchanged.

    Args:
        dbn: changed in place.
        source: a `Source`, tensor, NumPy array or list of lists, (n, width).

    Raises:
        SettingsError: the DBN has another number of visible units.
        DataError: there are no items, or a value is NaN or infinite: the first one is named.

    >>> from deepbelief import Bernoulli, DBN, Gaussian, Random
    >>> dbn = DBN.from_units([Gaussian(2), Bernoulli(3)], Random(0))
    >>> standardise(dbn, [[10.0, 0.1], [20.0, 0.3]])
    >>> dbn.standardisation.mean.tolist()
    [15.0, 0.20000000298023224]
    """
    items, first = as_source(source), dbn.layer(1)
    check_width(items, first.visible, "the DBN")
    check_finite(items, first.weights.dtype)
    real = first.visible.are_real.to(items.batch(slice(0, 1)).device)
    dbn.standardisation = Standardisation.of(in_batches(items, _BATCH), real).to(first.weights)


@final
@dataclass(frozen=True, eq=False)
class Standardised:
    """A source whose values are standardised when they are read."""

    source: Source
    standardisation: Standardisation

    def __len__(self) -> int:
        """Number of items."""
        return len(self.source)

    @property
    def width(self) -> int:
        """Values of an item."""
        return self.source.width

    def batch(self, rows: Rows) -> Tensor:
        """The standardised items at `rows`, (batch, width)."""
        return self.standardisation.forward(self.source.batch(rows).to(self.standardisation.mean))

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        """A reader of batches of up to `size` items."""
        mean, divisor = self.standardisation.mean, self.standardisation.divisor
        read = self.source.reader(size, mean.dtype)
        buffer, ready = mean.new_empty(size, self.width), mean.new_empty(size, self.width, dtype=dtype)

        def standardised(rows: Rows) -> Tensor:
            values = read(rows).to(mean.device)
            scaled = torch.sub(values, mean, out=buffer[: len(values)]).div_(divisor)
            return scaled if dtype == mean.dtype else ready[: len(values)].copy_(scaled)

        return standardised


_BATCH: Final = 2048


@torch.no_grad()
def encode_source(dbn: DBN, source: SourceLike, layer: int | None = None) -> Tensor:
    """The means of a hidden layer (the top one if None) for all items of a source, (n, units), batch by batch.

    Args:
        dbn: the model.
        source: a `Source`, or numbers in memory: a tensor, NumPy array or list of lists, (n, width).
        layer: from 1.

    Returns:
        A tensor without gradients, in the model's type; `.numpy()` makes it an array.

    Raises:
        SettingsError: the data have another width than the DBN, or there is no such layer.
        DataError: the numbers are sparse, ragged, or of another shape.
    """
    items = as_source(source)
    layer = len(dbn) if layer is None else layer
    size = min(_BATCH, max(1, len(items)))
    encoded = dbn.layer(layer).weights.new_empty(len(items), dbn.layer(layer).hidden.size)
    buffers = _buffers(dbn, layer - 1, size)
    for rows, values in _read(dbn, items, size):
        _write_hidden_means(dbn, values, [*(buffer[: len(values)] for buffer in buffers), encoded[rows]])
    return encoded


@torch.no_grad()
def encode_source_all(dbn: DBN, source: Source) -> list[Tensor]:
    """The means of every hidden layer, from layer 1 up, for all items of a source, (n, units) each.

    Each product is computed once, as in `DBN.encode_all`.
    """
    encoded = _buffers(dbn, len(dbn), len(source))
    for rows, values in _read(dbn, source, min(_BATCH, max(1, len(source)))):
        _write_hidden_means(dbn, values, [layer[rows] for layer in encoded])
    return encoded


def _read(dbn: DBN, source: Source, size: int) -> Iterator[tuple[slice, Tensor]]:
    """The rows and values of a source's items in order, up to `size` at a time, in the type of the DBN."""
    check_width(source, dbn.layer(1).visible, "the DBN", "images")
    parameters = next(dbn.parameters())
    read = source.reader(size, parameters.dtype)
    for start in range(0, len(source), size):
        rows = slice(start, min(start + size, len(source)))
        yield rows, read(rows).to(parameters)


def _buffers(dbn: DBN, layers: int, items: int) -> list[Tensor]:
    """Buffers for the means of layers 1, 2, ..., (items, units) each."""
    rbms = (dbn.layer(number) for number in range(1, layers + 1))
    return [rbm.weights.new_empty(items, rbm.hidden.size) for rbm in rbms]


@torch.no_grad()
def _write_hidden_means(dbn: DBN, values: Tensor, outs: Sequence[Tensor]) -> Tensor:
    """Write the means of layers 1, 2, ... for these items into `outs`, a tensor for each layer; returns the last."""
    if dbn.standardisation is not None:
        values = dbn.standardisation(values)
    for number, out in enumerate(outs, start=1):
        rbm = dbn.layer(number)
        values = rbm.hidden.mean_(torch.mm(values, rbm.weights, out=out))
    return values


@final
@dataclass(frozen=True, eq=False)
class Encoded:
    """The means of a hidden layer for the items of a source, as a `Source`: computed when read, and never stored."""

    dbn: DBN
    source: Source
    layer: int

    def __len__(self) -> int:
        return len(self.source)

    @property
    def width(self) -> int:
        """Number of units of the layer."""
        return self.dbn.layer(self.layer).hidden.size

    @torch.no_grad()
    def batch(self, rows: Rows) -> Tensor:
        """The means of the items at ``rows``, (batch, units)."""
        return self.dbn.encode(self.source.batch(rows).to(next(self.dbn.parameters())), self.layer)

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        """A reader of batches of up to ``size`` items."""
        parameters = next(self.dbn.parameters())
        read, buffers = self.source.reader(size, parameters.dtype), _buffers(self.dbn, self.layer, size)

        def encoded(rows: Rows) -> Tensor:
            values = read(rows).to(parameters)
            return _write_hidden_means(self.dbn, values, [buffer[: len(values)] for buffer in buffers]).to(dtype)

        return encoded
