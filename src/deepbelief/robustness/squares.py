"""Squares at random places of images, for occlusion and for the square attack."""

import torch
from torch import Tensor

from deepbelief.randomness import Random


def random_squares(n: int, side: int, rows: int, columns: int, random: Random) -> Tensor:
    """Whether a pixel lies in a square of this side, all of it inside the image: (n, rows, columns, 1).

    Every place is as likely as any other, for each of the n images by itself.
    """
    free = torch.tensor([rows - side + 1, columns - side + 1])
    top, left = (random.uniform((n, 2)).cpu() * free).long().to(random.device).T
    return _stretch(top, side, rows)[:, :, None, None] & _stretch(left, side, columns)[:, None, :, None]


def _stretch(start: Tensor, length: int, size: int) -> Tensor:
    """(n, size): whether a place lies among the `length` places that begin at `start`, (n,)."""
    place = torch.arange(size, device=start.device)
    return (place >= start[:, None]) & (place < start[:, None] + length)
