"""How good generated images are, judged by somebody else: their classes, and how much those of a class differ."""

import torch
from torch import Tensor


def class_shares(classes_taken: Tensor, classes: int) -> Tensor:
    """The share of each class among labels or predictions (n,), n at least 1: (classes,), sums to 1."""
    return torch.bincount(classes_taken, minlength=classes).double() / len(classes_taken)


def share_taken(predicted: Tensor, wanted: Tensor, classes: int) -> Tensor:
    """Of the items wanted of each class, the share that a classifier takes for it: (classes,); NaN without items."""
    hits = torch.bincount(wanted[predicted == wanted], minlength=classes).double()
    return hits / torch.bincount(wanted, minlength=classes)


def spread(images: Tensor, labels: Tensor, classes: int) -> Tensor:
    """The mean Euclidean distance of two different images of each class: (n, width), (n,) -> (classes,).

    NaN for a class with fewer than two images. Images that are all alike, however good each is, have a spread of 0.
    """
    within = [torch.pdist(images[labels == number].double()) for number in range(classes)]
    return torch.stack([distances.mean() for distances in within])


def unevenness(shares: Tensor, others: Tensor) -> float:
    """The total variation distance of two distributions, half the sum of |p - q|: from 0, the same, to 1."""
    return float((shares - others).abs().sum()) / 2
