"""Data as a model sees them: standardised values, and the hidden means of a layer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.data import Reader, Rows, Source, SourceLike, as_source, in_batches
from deepbelief.data.views import View
from deepbelief.models.checks import check_known, check_width
from deepbelief.models.dbn import DBN
from deepbelief.models.missing import without_missing
from deepbelief.models.standardisation import Standardisation
from deepbelief.models.units import Gaussian
from deepbelief.system.products import product

_SUMMED: Final = 1000  # items at a time, for means and standard deviations
_BATCH: Final = 2048  # items at a time, for features


def standardise(dbn: DBN, source: SourceLike) -> None:
    """Give the DBN the standardisation of this source, so that real-valued data of any scale can be learnt.

    Values that its visible units take for states or counts, such as a label beside real values, stay as they are. What
    is missing (NaN) is left out.

    Args:
        dbn: changed in place.
        source: a `Source`, tensor, NumPy array or list of lists, (n, width).

    Raises:
        SettingsError: the DBN sees another number of values.
        DataError: there are no items, a value is infinite: the first one is named, or one is missing in all items.

    >>> from deepbelief import Bernoulli, DBN, Gaussian, Random
    >>> dbn = DBN.from_units([Gaussian(2), Bernoulli(3)], Random(0))
    >>> standardise(dbn, [[10.0, 0.1], [20.0, 0.3]])
    >>> dbn.standardisation.mean.tolist()
    [15.0, 0.20000000298023224]
    """
    items, first = as_source(source), dbn.layer(1)
    check_width(items, first.visible, "the DBN")
    check_known(items, Gaussian(items.width).to(first.weights))
    real = first.visible.are_real.to(items.batch(slice(0, 1)).device)
    dbn.standardisation = standardisation_of(items, real).to(first.weights)


def standardisation_of(source: Source, real: Tensor | None = None) -> Standardisation:
    """`Standardisation.of` everything in a source, in float64; `real` as there."""
    return Standardisation.of(in_batches(source, _SUMMED), real, source.weights)


@final
@dataclass(frozen=True, eq=False)
class Standardised(View):
    """A source whose values are standardised when they are asked for."""

    source: Source
    standardisation: Standardisation

    def batch(self, rows: Rows) -> Tensor:
        """The standardised items at `rows`, (batch, width)."""
        return self.standardisation.forward(self.source.batch(rows).to(self.standardisation.mean))

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        mean, divisor = self.standardisation.mean, self.standardisation.divisor
        read = self.source.reader(size, mean.dtype)
        buffer, ready = mean.new_empty(size, self.width), mean.new_empty(size, self.width, dtype=dtype)

        def standardised(rows: Rows) -> Tensor:
            values = read(rows).to(mean.device)
            shifted = torch.sub(values, mean, out=buffer[: len(values)]).div_(divisor)
            return shifted if dtype == mean.dtype else ready[: len(values)].copy_(shifted)

        return standardised


@torch.no_grad()
def encode_source(dbn: DBN, source: SourceLike, layer: int | None = None) -> Tensor:
    """The means of a hidden layer (None or -1: the top one) for everything in a source, (n, units), batch by batch.

    What is missing (NaN) sends nothing up, as in learning.

    Args:
        dbn: the model.
        source: a `Source`, or numbers in memory: a tensor, NumPy array or list of lists, (n, width).
        layer: from 1.

    Returns:
        A tensor without gradients, in the model's type; `.numpy()` makes it an array.

    Raises:
        SettingsError: the data have another width than the DBN, or the layer is not there.
        DataError: the numbers are sparse, ragged, or of another shape.
    """
    items = as_source(source)
    layer = dbn.layer_number(layer)
    size = min(_BATCH, max(1, len(items)))
    encoded = dbn.layer(layer).weights.new_empty(len(items), dbn.layer(layer).hidden.size)
    buffers, missing = _buffers(dbn, layer - 1, size), items.missing > 0
    for rows, values in _read(dbn, items, size):
        _hidden_means(dbn, values, [*(buffer[: len(values)] for buffer in buffers), encoded[rows]], missing)
    return encoded


@torch.no_grad()
def encode_source_all(dbn: DBN, source: Source) -> list[Tensor]:
    """The means of every hidden layer, from layer 1 up, for everything in a source, (n, units) each.

    Each product is computed once, as in `DBN.encode_all`.
    """
    encoded, missing = _buffers(dbn, len(dbn), len(source)), source.missing > 0
    for rows, values in _read(dbn, source, min(_BATCH, max(1, len(source)))):
        _hidden_means(dbn, values, [layer[rows] for layer in encoded], missing)
    return encoded


def _read(dbn: DBN, source: Source, size: int) -> Iterator[tuple[slice, Tensor]]:
    """The items of a source in order, up to `size` at a time, as the DBN takes them, with their places."""
    check_width(source, dbn.layer(1).visible, "the DBN", "images")
    parameters = next(dbn.parameters())
    read = source.reader(size, parameters.dtype)
    for start in range(0, len(source), size):
        rows = slice(start, min(start + size, len(source)))
        yield rows, read(rows).to(parameters)


def _buffers(dbn: DBN, layers: int, items: int) -> list[Tensor]:
    """Memory for the means of layers 1, 2, ..., (items, units) each."""
    return [dbn.layer(1).weights.new_empty(items, units) for units in dbn.sizes[1 : layers + 1]]


@torch.no_grad()
def _hidden_means(dbn: DBN, values: Tensor, outs: Sequence[Tensor], missing: bool) -> Tensor:
    """The means of layers 1, 2, ... of these items, each written into one of `outs`; gives back the last."""
    if dbn.standardisation is not None:
        values = dbn.standardisation(values)
    if missing:
        values = without_missing(values)
    for number, out in enumerate(outs, start=1):
        rbm = dbn.layer(number)
        values = rbm.hidden.mean_(product(values, rbm.weights, out=out))
    return values


@final
@dataclass(frozen=True, eq=False)
class Encoded(View):
    """A hidden layer's means of a source as a `Source`: computed batch by batch when asked for, and never kept."""

    dbn: DBN
    source: Source
    layer: int

    @property
    def width(self) -> int:
        """Number of units of the layer."""
        return self.dbn.layer(self.layer).hidden.size

    @property
    def missing(self) -> float:
        """Nothing: a hidden unit has a mean whatever is known of what it sees."""
        return 0.0

    @torch.no_grad()
    def batch(self, rows: Rows) -> Tensor:
        """The means of the items at ``rows``, (batch, units)."""
        return self.dbn.encode(self.source.batch(rows), self.layer)

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        parameters = next(self.dbn.parameters())
        read, buffers = self.source.reader(size, parameters.dtype), _buffers(self.dbn, self.layer, size)
        missing = self.source.missing > 0

        def encoded(rows: Rows) -> Tensor:
            values = read(rows).to(parameters)
            return _hidden_means(self.dbn, values, [buffer[: len(values)] for buffer in buffers], missing).to(dtype)

        return encoded
