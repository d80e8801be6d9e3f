"""In which order items are seen, and how often each of them."""

import torch
from torch import Tensor

from deepbelief.randomness import Random


def order_of(items: int, weights: Tensor | None, random: Random) -> Tensor:
    """Positions of items, (items,) int64, in random order: of each once, or with weights as often as they say."""
    order = random.permutation(items)
    return order if weights is None else by_weight(weights, random)[order]


def by_weight(weights: Tensor, random: Random) -> Tensor:
    """Each of n positions floor or ceil of n w_i / sum w times, on average exactly that: (n,) int64, ascending.

    Systematic sampling (Madow 1949): n equally spaced points, from a random start, on a line on which each item has a
    piece as long as its weight.

    >>> by_weight(torch.tensor([2.0, 0.0, 1.0, 1.0]), Random(0)).tolist()
    [0, 0, 2, 3]
    """
    n = len(weights)
    ends = (weights.double() / weights.double().sum() * n).cumsum(0)
    points = torch.arange(n, dtype=torch.float64) + random.uniform((1,)).cpu().double()
    # The last end may be a rounding error below n.
    return torch.searchsorted(ends, points, right=True).clamp_(max=int(weights.nonzero().max()))


def counts_of(weights: Tensor | None, like: Tensor) -> Tensor | None:
    """How many times each item counts in a sum over all of them: the weights, with a mean of 1; None: once."""
    return None if weights is None else (weights / weights.mean()).to(like)
