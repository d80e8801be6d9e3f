"""Arrays and sparse matrices as sources of items."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from deepbelief.arrays import count_missing
from deepbelief.data import Rows, Source, TensorSource
from deepbelief.data.views import View


@final
class SparseRows(Source):
    """A sparse matrix in rows (CSR), (items, width), of which only the batch that is asked for is made dense."""

    def __init__(self, matrix: Any) -> None:
        self._matrix: Final = matrix

    def __len__(self) -> int:
        return int(self._matrix.shape[0])

    @property
    def width(self) -> int:
        """Number of values per item."""
        return int(self._matrix.shape[1])

    @property
    def missing(self) -> float:
        """The share of all values that are missing; of a sparse matrix these are among the stored ones."""
        return count_missing(torch.from_numpy(self._matrix.data)) / max(1, len(self) * self.width)

    def batch(self, rows: Rows) -> Tensor:
        """The rows asked for, (batch, width), dense."""
        chosen = rows if isinstance(rows, slice) else rows.cpu().numpy()
        return torch.from_numpy(np.ascontiguousarray(self._matrix[chosen].toarray()))


@final
@dataclass(frozen=True, eq=False)
class Filled(View):
    """A source with something in the place of what is missing."""

    source: Source
    fill: Callable[[Tensor], Tensor]

    @property
    def missing(self) -> float:
        """Nothing is any more."""
        return 0.0

    def batch(self, rows: Rows) -> Tensor:
        """The rows asked for, (batch, width), filled."""
        return self.fill(self.source.batch(rows))


def rows_of(given: Any) -> Source:
    """An array or sparse matrix that scikit-learn has checked, as a source."""
    return SparseRows(sparse.csr_array(given)) if sparse.issparse(given) else TensorSource(given)
