"""Means and variances of the values of a source, part by part."""

from typing import Final, NamedTuple

import torch
from torch import Tensor

from deepbelief.data.source import in_batches
from deepbelief.data.tensor_source import SourceLike, as_source

_SUMMED: Final = 2000  # items at a time


class Moments(NamedTuple):
    """Of each value of the items, (width,) in float64; the variance is the mean squared distance from the mean."""

    mean: Tensor
    variance: Tensor


@torch.no_grad()
def moments_of(source: SourceLike) -> Moments:
    """The mean and the variance of each value over all items of a source, at least 1, of which some are read at a time.

    Parts are joined by the formula of Chan, Golub & LeVeque (1983), which loses no digits where the mean is large.

    >>> moments_of([[1.0, 5.0], [3.0, 5.0]])
    Moments(mean=tensor([2., 5.], dtype=torch.float64), variance=tensor([1., 0.], dtype=torch.float64))
    """
    items = as_source(source)
    seen, mean, squares = 0, torch.zeros(()), torch.zeros(())
    for batch in in_batches(items, _SUMMED):
        values, n = batch.double(), len(batch)
        here = values.mean(dim=0)
        apart = here - mean.to(here)
        squares = squares.to(here) + (values - here).square().sum(dim=0) + apart.square() * (seen * n / (seen + n))
        mean = mean.to(here) + apart * (n / (seen + n))
        seen += n
    return Moments(mean, squares / max(1, seen))
