"""Upward and downward passes of a DBN by samples; passes by means are `DBN.encode` and `DBN.decode`."""

from torch import Tensor

from deepbelief.arrays import TensorLike
from deepbelief.models.dbn import DBN
from deepbelief.randomness import Random
from deepbelief.sampling.chains import as_items


def visible_values(dbn: DBN, images: TensorLike) -> Tensor:
    """Images as values of the first RBM's visible units, (n, width)."""
    return dbn.encode(as_items(images, dbn.layer(1).weights, dbn.sizes[0], "the DBN sees"), 0)


def up(dbn: DBN, values: Tensor, layer: int, random: Random) -> Tensor:
    """From the visible values of the first RBM up to a layer, by samples."""
    for number in range(1, layer + 1):
        values = dbn.layer(number).sample_hidden(values, random)
    return values


def down(dbn: DBN, values: Tensor, layer: int, random: Random, end: int = 0) -> Tensor:
    """From a layer down to layer `end`, by samples; layer 0 is the visible values of the first RBM."""
    for number in range(layer, end, -1):
        values = dbn.layer(number).sample_visible(values, random)
    return values
