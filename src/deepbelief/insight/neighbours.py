"""Nearest neighbours: the images with the most similar features."""

import torch
from torch import Tensor


@torch.no_grad()
def nearest(queries: Tensor, among: Tensor, k: int, chunk: int = 250) -> Tensor:
    """Rows of `among` (n, d) closest to each query (m, d) under the Euclidean distance: (m, k), nearest first.

    If n is less than k, all n are returned.
    """
    k, squares = min(k, len(among)), among.pow(2).sum(dim=1)
    # |a - q|^2 = |a|^2 - 2 a q + |q|^2, and |q|^2 changes no ranking.
    distances = (torch.addmm(squares, part, among.T, alpha=-2) for part in torch.split(queries, chunk))
    return torch.cat([some.topk(k, largest=False).indices for some in distances])


def nearest_others(items: Tensor, k: int) -> Tensor:
    """For each of the items (n, d) the k others closest to it: (n, k), nearest first; all n - 1 if that is less."""
    found = nearest(items, items, k + 1)
    # Itself to the front. Where it has more than k twins, it may be missing, and any one of them is as near.
    itself = torch.arange(len(items), device=items.device)[:, None]
    return found.gather(1, (found != itself).int().argsort(dim=1, stable=True))[:, 1:]
