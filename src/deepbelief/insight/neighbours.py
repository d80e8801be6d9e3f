"""Nearest neighbours: the images with the most similar features."""

from typing import Final

import torch
from torch import Tensor

from deepbelief.data import SourceLike, as_source, in_batches

_AMONG: Final = 4096  # items to choose from that are looked at together


@torch.no_grad()
def nearest(queries: Tensor, among: SourceLike, k: int, chunk: int = 250) -> Tensor:
    """Rows of `among` (n, d) closest to each query (m, d) under the Euclidean distance: (m, k), nearest first.

    If n is less than k, all n are returned. Of `among`, a source, tensor, NumPy array or list of lists, some rows are
    read at a time.
    """
    items, start = as_source(among), 0
    found = queries.new_empty(len(queries), 0), torch.empty(len(queries), 0, dtype=torch.int64, device=queries.device)
    for batch in in_batches(items, _AMONG):
        here = _distances(queries, batch.to(queries), min(k, len(batch)), chunk)
        distances = torch.cat([found[0], here[0]], dim=1)
        rows = torch.cat([found[1], here[1] + start], dim=1)
        best = distances.topk(min(k, distances.shape[1]), largest=False)
        found, start = (best.values, rows.gather(1, best.indices)), start + len(batch)
    return found[1]


def _distances(queries: Tensor, among: Tensor, k: int, chunk: int) -> tuple[Tensor, Tensor]:
    """The k smallest distances of each query, in a measure that ranks alike for one query, and their rows: (m, k)."""
    squares = among.pow(2).sum(dim=1)
    # |a - q|^2 = |a|^2 - 2 a q + |q|^2, and |q|^2 changes no ranking.
    distances = (torch.addmm(squares, part, among.T, alpha=-2) for part in torch.split(queries, chunk))
    smallest = [some.topk(k, largest=False) for some in distances]
    return torch.cat([one.values for one in smallest]), torch.cat([one.indices for one in smallest])


def nearest_others(items: Tensor, k: int) -> Tensor:
    """For each of the items (n, d) the k others closest to it: (n, k), nearest first; all n - 1 if that is less."""
    found = nearest(items, items, k + 1)
    # Itself to the front. Where it has more than k twins, it may be missing, and any one of them is as near.
    itself = torch.arange(len(items), device=items.device)[:, None]
    return found.gather(1, (found != itself).int().argsort(dim=1, stable=True))[:, 1:]
