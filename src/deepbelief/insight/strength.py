"""How much each hidden unit has to say."""

import torch
from torch import Tensor

from deepbelief.data import SourceLike
from deepbelief.data.moments import moments_of
from deepbelief.models.rbm import RBM


@torch.no_grad()
def unit_strengths(rbm: RBM, hidden: SourceLike) -> Tensor:
    """s_j = |w_j| std(h_j), the norm of a unit's weights times the standard deviation of its values over the data.

    A hidden unit adds h_j w_j to the fields of the layer below; s_j^2 is the variance that this has, summed over that
    layer. So a unit is weak whose weights are small, and one that is nearly always on, or off.

    Args:
        rbm: whose hidden units they are.
        hidden: their values or means for some data, (n, hidden): a source, tensor, NumPy array or list of lists.

    Returns:
        (hidden,), 0 or more.
    """
    norms: Tensor = torch.linalg.vector_norm(rbm.weights, dim=0)
    return norms * moments_of(hidden).variance.sqrt().to(norms)
