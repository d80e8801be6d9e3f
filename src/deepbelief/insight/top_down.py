"""What a hidden unit makes of itself: what it changes in the image when the DBN runs downwards."""

import torch
from torch import Tensor

from deepbelief.models.dbn import DBN


@torch.no_grad()
def top_down_effects(dbn: DBN, layer: int, units: Tensor, hidden: Tensor) -> Tensor:
    """The mean change of the decoded image when a unit is switched on and all others stay as they are.

    For unit j it is the mean over states h of the layer of decode(h with h_j = 1) - decode(h with h_j = 0). The layers
    below are not linear, so that it matters what the other units do: take states that occur, the means of real images.

    Args:
        dbn: the model.
        layer: of the units, from 1.
        units: their numbers, (n,) int64.
        hidden: states of the layer, (items, units of the layer); some tens will do.

    Returns:
        (n, visible): above 0 where the unit makes the image brighter.
    """
    on, off = hidden.clone(), hidden.clone()
    found = []
    for unit in units.tolist():
        on[:, unit], off[:, unit] = 1, 0
        found.append((dbn.decode(on, layer) - dbn.decode(off, layer)).mean(dim=0))
        on[:, unit] = off[:, unit] = hidden[:, unit]
    return torch.stack(found)
