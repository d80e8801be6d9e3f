"""Arrays and sparse matrices as sources of items."""

from typing import Any, Final, final

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from deepbelief.data import Rows, Source, TensorSource


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

    def batch(self, rows: Rows) -> Tensor:
        """The rows asked for, (batch, width), dense."""
        chosen = rows if isinstance(rows, slice) else rows.cpu().numpy()
        return torch.from_numpy(np.ascontiguousarray(self._matrix[chosen].toarray()))


def rows_of(given: Any) -> Source:
    """An array or sparse matrix that scikit-learn has checked, as a source."""
    return SparseRows(sparse.csr_array(given)) if sparse.issparse(given) else TensorSource(given)
