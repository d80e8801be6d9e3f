"""Standardises a source, batch by batch."""

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
