"""Ways up and down a DBN by samples, from and to what its first RBM sees; those by means are the DBN's own."""

from torch import Tensor

from deepbelief.arrays import TensorLike
from deepbelief.models.dbn import DBN
from deepbelief.randomness import Random
from deepbelief.sampling.chains import as_items


def seen(dbn: DBN, images: TensorLike) -> Tensor:
    """Images as the first RBM sees them, (n, width)."""
    return dbn.encode(as_items(images, dbn.layer(1).weights, dbn.sizes[0], "the DBN sees"), 0)


def up(dbn: DBN, values: Tensor, layer: int, random: Random) -> Tensor:
    """From what the first RBM sees up to a layer, by samples."""
    for number in range(1, layer + 1):
        values = dbn.layer(number).sample_hidden(values, random)
    return values


def down(dbn: DBN, values: Tensor, layer: int, random: Random) -> Tensor:
    """From a layer down to what the first RBM sees, by samples."""
    for number in range(layer, 0, -1):
        values = dbn.layer(number).sample_visible(values, random)
    return values
