"""Reconstructions of images through samples of the hidden layers; those through means are `DBN.reconstruct`."""

from torch import Tensor

from deepbelief.arrays import TensorLike
from deepbelief.models.dbn import DBN
from deepbelief.models.units import Units
from deepbelief.randomness import Random, as_random
from deepbelief.system.products import product


def sampled_reconstruction(
    dbn: DBN, visible: TensorLike, random: Random | int, steps: int = 1, layer: int | None = None
) -> Tensor:
    """`steps` times up to `layer` (the top one if None) and back down, by samples of all hidden layers on the way.

    The images themselves are means. The gradient is the straight-through estimate (Bengio, Léonard & Courville 2013):
    states are drawn, and differentiated as if they were their means, so that an attack can follow it; average it over
    several draws, as `Averaged` of `deepbelief.robustness` does.

    Args:
        dbn: of any kinds of units.
        visible: (batch, visible), on the scale of the data.
        random: of the states.
        steps: how often.
        layer: from which to turn back, from 1.

    Returns:
        (batch, visible), on the scale of the data.

    >>> dbn = DBN.from_sizes([6, 4, 3], Random(0))
    >>> import torch
    >>> sampled_reconstruction(dbn, torch.rand(5, 6), Random(1)).shape
    torch.Size([5, 6])
    """
    values = dbn.encode(visible, 0)
    random, top = as_random(random, values.device), dbn.layer_number(layer)
    for _ in range(steps):
        for number in range(1, top + 1):
            rbm = dbn.layer(number)
            values = _drawn(rbm.hidden, product(values, rbm.weights), random)
        for number in range(top, 1, -1):
            rbm = dbn.layer(number)
            values = _drawn(rbm.visible, product(values, rbm.weights.T), random)
        values = dbn.layer(1).visible_mean(values) if top else values
    return dbn.decode(values, 0)


def _drawn(units: Units, field: Tensor, random: Random) -> Tensor:
    """States given the field, with the gradient of their mean."""
    mean = units.mean(field)
    return mean + (units.sample(field, random) - mean).detach()
