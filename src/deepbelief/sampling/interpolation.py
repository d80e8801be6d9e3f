"""Interpolation between two images."""

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike, as_batch
from deepbelief.errors import SettingsError
from deepbelief.models.dbn import DBN


@torch.no_grad()
def interpolate(dbn: DBN, first: TensorLike, second: TensorLike, steps: int = 10) -> Tensor:
    """Interpolate between two images in the top layer: (width,) or (n, width) each -> (steps, [n,] width).

    Both images go up by means to the field of the top layer, v W. The fields (1 - t) f_1 + t f_2, t from 0 to 1, give
    the hidden means, which go down by means. Fields are interpolated, not means, because each point then has a
    distribution of the same kind of units, proportional to p_1(h)^(1 - t) p_2(h)^t: a unit on which both images agree
    stays the same, and one on which they differ changes at its own t. Interpolated means would be those of a mixture of
    p_1 and p_2. The ends are `dbn.reconstruct` of the two images.

    Raises:
        SettingsError: fewer than 2 steps, or images of another width.

    >>> from deepbelief.randomness import Random
    >>> interpolate(DBN.from_sizes([784, 300, 100], Random(0)), torch.rand(784), torch.rand(784), steps=7).shape
    torch.Size([7, 784])
    """
    if steps < 2:
        raise SettingsError(f"a way between two images needs at least 2 steps, not {steps}.")
    start, end = (as_batch(image, dbn.layer(1).weights, dbn.sizes[0], "the DBN sees") for image in (first, second))
    if start.shape != end.shape:
        raise SettingsError(f"the two images have the shapes {tuple(start.shape)} and {tuple(end.shape)}: give one.")
    both = torch.stack([start, end]).flatten(0, -2)  # (2 n, width)
    top = dbn.layer(len(dbn))
    fields = (dbn.encode(both, len(dbn) - 1) @ top.weights).view(2, -1, top.hidden.size)  # (2, n, hidden)
    t = torch.linspace(0, 1, steps).to(fields)[:, None, None]
    between = torch.lerp(fields[0], fields[1], t)  # (steps, n, hidden)
    return dbn.decode(top.hidden.mean(between.flatten(0, 1))).view(steps, *start.shape)
