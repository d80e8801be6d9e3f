"""The classes in a layer: their means, a tree of their similarity, and confusion matrices."""

import numpy as np
import scipy.cluster.hierarchy
import sklearn.metrics
import torch
from numpy.typing import NDArray
from torch import Tensor


def class_means(values: Tensor, labels: Tensor, classes: int) -> Tensor:
    """The mean of each class, (classes, units), from values (n, units) and labels (n,)."""
    sums = torch.zeros(classes, values.shape[1], dtype=torch.float64, device=values.device)
    sums.index_add_(0, labels.to(values.device), values.double())
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
