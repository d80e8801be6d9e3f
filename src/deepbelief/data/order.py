"""In which order items are seen, and how often each of them."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from deepbelief.randomness import Random


@final
@dataclass(frozen=True, eq=False)
class Runs:
    """Items that are read together, because it is dear to read each by itself, as from a disk.

    ``starts``: where each run begins, ascending from 0, and at last the number of items, (runs + 1,) int64.
    ``window``: how many items are in memory at a time, and are mixed with each other.
    """

    starts: Tensor
    window: int


def order_of(items: int, weights: Tensor | None, random: Random, runs: Runs | None = None) -> Tensor:
    """Positions of items, (items,) int64, in random order: of each once, or with weights as often as they say.

    With ``runs`` whole runs are in random order, and items only within windows of this order. So a batch has items of
    as many runs as go into a window, from all over the data, and each run is read once.

    >>> order_of(8, None, Random(0), Runs(torch.tensor([0, 2, 4, 6, 8]), window=4)).tolist()
    [7, 1, 6, 0, 3, 5, 2, 4]
    """
    order = random.permutation(items) if runs is None else _by_windows(runs, random)
    return order if weights is None else by_weight(weights, random)[order]


def _by_windows(runs: Runs, random: Random) -> Tensor:
    chosen = random.permutation(len(runs.starts) - 1)
    lengths = runs.starts.diff()[chosen]
    # Position p of the order belongs to the run that begins there at `before`, and in the data at `starts`.
    before = lengths.cumsum(0) - lengths
    order = torch.repeat_interleave(runs.starts[chosen] - before, lengths)
    order += torch.arange(len(order))
    for window in torch.split(order, runs.window):
        window.copy_(window[random.permutation(len(window))])
    return order


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
