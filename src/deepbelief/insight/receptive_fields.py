"""Receptive fields: which pixels excite and which inhibit a hidden unit."""

import torch
from torch import Tensor
from torch.nn.functional import hardshrink

from deepbelief.models.dbn import DBN


@torch.no_grad()
def receptive_fields(dbn: DBN, layer: int, threshold: float = 0.1) -> Tensor:
    """The strong weights from the pixels to every unit of a layer, scaled to [0, 1] over all of them.

    With T(A) the matrix A whose entries with |a| <= threshold are set to 0, the fields of layer 1 are T(W_1), those
    of layer l are T(R T(W_l)) with R the fields of layer l - 1 before scaling (the linear view of a deep unit).

    Returns:
        (units, visible), each row one unit's field.
    """
    fields = hardshrink(dbn.layer(1).weights, threshold)
    for number in range(2, layer + 1):
        fields = hardshrink(fields @ hardshrink(dbn.layer(number).weights, threshold), threshold)
    low, high = fields.min(), fields.max()
    return ((fields - low) / (high - low).clamp_min(torch.finfo(fields.dtype).tiny)).T.contiguous()
