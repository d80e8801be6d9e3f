"""The order in which an epoch sees the items."""

from collections.abc import Iterator

import torch
from torch import Tensor

from deepbelief.data import Source
from deepbelief.data.order import by_weight, order_of
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.randomness import Random


def batches(
    n: int, settings: RBMSettings, random: Random, weights: Tensor | None = None, source: Source | None = None
) -> Iterator[slice | Tensor]:
    """The rows of each batch of an epoch: in random order if shuffled; the last one may be smaller, or dropped.

    With weights items come as often as `Weighted` says. With a source its runs decide how items are shuffled, and it is
    told what to expect.
    """
    runs = None if source is None else source.runs
    size, end = settings.batch_size, settings.images_per_epoch(n)
    order: Tensor | None = None
    if settings.shuffle:
        order = order_of(n, weights, random, runs)
        if source is not None:
            source.expect(order)
        # Items that are not on the device are not looked up there.
        order = order if runs is not None else order.to(random.device)
    elif weights is not None:
        order = by_weight(weights, random).to(random.device)
    elif random.device.type == "cuda":  # where a replayed step looks its rows up
        order = torch.arange(n, device=random.device)
    for start in range(0, end, size):
        rows = slice(start, min(start + size, end))
        yield rows if order is None else order[rows]
