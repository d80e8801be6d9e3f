"""Receptive fields: which pixels excite and which inhibit a hidden unit."""

import torch
from torch import Tensor
from torch.nn.functional import hardshrink

from deepbelief.models.dbn import DBN


@torch.no_grad()
def receptive_fields(dbn: DBN, layer: int, threshold: float = 0.1) -> Tensor:
    """The `weights_to_pixels` of every unit of a layer, `scaled_alike`: (units, visible), each row one unit's field."""
    return scaled_alike(weights_to_pixels(dbn, layer, threshold))


@torch.no_grad()
def weights_to_pixels(dbn: DBN, layer: int, threshold: float = 0.0) -> Tensor:
    """The strong weights from the pixels to every unit of a layer.

    With T(A) the matrix A whose entries with |a| <= threshold are set to 0, those of layer 1 are T(W_1), those of layer
    l are T(R T(W_l)) with R those of layer l - 1: what a deep unit would see if every layer were linear.

    Returns:
        (units, visible), each row one unit's weights.
    """
    fields = hardshrink(dbn.layer(1).weights, threshold)
    for number in range(2, layer + 1):
        fields = hardshrink(fields @ hardshrink(dbn.layer(number).weights, threshold), threshold)
    return fields.T.contiguous()


def scaled_alike(pictures: Tensor) -> Tensor:
    """All pictures (n, width) on one scale: the lowest value of them all becomes 0 and the highest 1."""
    low, high = pictures.min(), pictures.max()
    return (pictures - low) / (high - low).clamp_min(torch.finfo(pictures.dtype).tiny)


def scaled_each(pictures: Tensor) -> Tensor:
    """Each picture x of (n, width) by itself, 1/2 + x / (2 max |x|): 0 becomes 1/2, and the strongest value 0 or 1."""
    largest = pictures.abs().amax(dim=1, keepdim=True)
    return 0.5 + pictures / (2 * largest).clamp_min(torch.finfo(pictures.dtype).tiny)
