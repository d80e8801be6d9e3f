"""A start for an RBM that stands on another one: the same model of what lies between them."""

from typing import Final

import torch

from deepbelief.errors import SettingsError
from deepbelief.models.dbn import DBN

_SMALL: Final = 0.01  # of their weights, for units without a counterpart; enough to tell them apart


@torch.no_grad()
def tie_to_below(dbn: DBN, layer: int) -> None:
    """Let a layer's RBM begin as the RBM below turned upside down, which keeps the DBN's distribution as it is.

    W_l[:, :n] = W_l-1^T and the biases of the turned units, for the n visible units of the RBM below. With Q the
    posterior of the RBM below, the variational bound of the DBN then starts at the log-likelihood of the layers below,
    and training can only raise it, as far as it raises the likelihood of the top RBM (Hinton, Osindero & Teh 2006).

    That holds exactly for n hidden units. Further ones keep a hundredth of their random weights, and so take next to no
    part at first.

    Args:
        dbn: changed in place.
        layer: from 2.

    Raises:
        SettingsError: the layer has no RBM below it, fewer hidden units than that has visible ones, or others.
    """
    if layer < 2:
        raise SettingsError(f"layer {layer} has no RBM below it: give 2 or more.")
    below, rbm = dbn.layer(layer - 1), dbn.layer(layer)
    visible, hidden = below.visible, rbm.hidden
    first, variables = visible.description, visible.variable_sizes
    alike = all(hidden.description.get(what) == first.get(what) for what in ("kind", "parts"))
    if not alike or hidden.variable_sizes[: len(variables)] != variables:
        raise SettingsError(
            f"{hidden.size} {type(hidden).__name__} hidden units cannot begin as {visible.size} "
            f"{type(visible).__name__} visible ones: give at least as many, of the same kind and categories."
        )
    rbm.weights[:, : visible.size] = below.weights.T
    rbm.weights[:, visible.size :].mul_(_SMALL)
    rbm.visible.load_state_dict(below.hidden.state_dict())
    for name, parameter in visible.named_parameters():
        hidden.get_parameter(name)[: visible.size] = parameter
