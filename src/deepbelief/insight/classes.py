"""The classes in a layer: their means, a tree of their similarity, and confusion matrices."""

from typing import Final

import numpy as np
import scipy.cluster.hierarchy
import sklearn.metrics
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepbelief.data import SourceLike, as_source, in_batches

_SUMMED: Final = 2000  # items at a time


def class_means(values: SourceLike, labels: Tensor, classes: int) -> Tensor:
    """The mean of each class, (classes, units) in float64, from values (n, units), of which some are read at a time.

    Args:
        values: the items; a source, tensor, NumPy array or list of lists.
        labels: (n,) int64.
        classes: how many there are; one without items has a mean of 0.
    """
    items, start = as_source(values), 0
    sums = torch.zeros(classes, items.width, dtype=torch.float64, device=items.batch(slice(0, 0)).device)
    for batch in in_batches(items, _SUMMED):
        sums.index_add_(0, labels[start : start + len(batch)].to(sums.device), batch.double())
        start += len(batch)
    counts = torch.bincount(labels, minlength=classes).clamp_min(1).to(sums)
    return sums / counts[:, None]


def class_tree(means: Tensor) -> NDArray[np.float64]:
    """SciPy's linkage matrix, (classes - 1, 4), of complete-linkage clustering under the Euclidean distance."""
    return np.asarray(scipy.cluster.hierarchy.linkage(means.cpu().numpy(), "complete", "euclidean"))


def confusion(labels: Tensor, predicted: Tensor, classes: int) -> NDArray[np.float64]:
    """The share of each class (row) that is given each label (column), (classes, classes); rows sum to 1."""
    matrix: NDArray[np.float64] = sklearn.metrics.confusion_matrix(
        labels.cpu().numpy(), predicted.cpu().numpy(), labels=np.arange(classes), normalize="true"
    )
    return matrix


def most_confused(matrix: NDArray[np.float64]) -> tuple[int, int, float]:
    """The true class, the other class it is most often mistaken for, and how often: 0 if there is no mistake."""
    mistakes = np.where(np.eye(len(matrix), dtype=bool), -1.0, matrix)
    true, predicted = np.unravel_index(int(mistakes.argmax()), matrix.shape)
    return int(true), int(predicted), float(matrix[true, predicted])
