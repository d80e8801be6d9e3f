"""Ways up and down a DBN by samples, from and to what its first RBM sees; those by means are the DBN's own."""

from torch import Tensor

from deepbelief.dbn import DBN
from deepbelief.randomness import Random
from deepbelief.sampling.chains import check_width


def seen(dbn: DBN, images: Tensor) -> Tensor:
    """Images as the first RBM sees them, (n, width)."""
    check_width(images, dbn.sizes[0], "the DBN sees")
    return dbn.encode(images.to(dbn.layer(1).weights), 0)


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
