"""A start for an RBM that stands on another one: the same model of what lies between them."""

import torch

from deepbelief.dbn import DBN
from deepbelief.errors import SettingsError


@torch.no_grad()
def tie_to_below(dbn: DBN, layer: int) -> None:
    """Let a layer's RBM begin as the RBM below turned upside down, which keeps the DBN's distribution as it is.

    W_l[:, :n] = W_l-1^T and the biases of the turned units, for the n visible units of the RBM below; further hidden
    units keep their small weights. With Q the posterior of the RBM below, the variational bound of the DBN then starts
    at the log-likelihood of the layers below, and training can only raise it, as far as it raises the likelihood of the
    top RBM (Hinton, Osindero & Teh 2006; there with as many hidden units as visible ones below).

    Args:
        dbn: changed in place.
        layer: from 2.

    Raises:
        SettingsError: the layer has no RBM below it, fewer hidden units than that has visible ones, or other kinds.
    """
    if layer < 2:
        raise SettingsError(f"layer {layer} has no RBM below it: give 2 or more.")
    below, rbm = dbn.layer(layer - 1), dbn.layer(layer)
    n, kinds = below.visible.size, (below.visible.description["kind"], rbm.hidden.description["kind"])
    if rbm.hidden.size < n or kinds[0] != kinds[1]:
        raise SettingsError(
            f"{rbm.hidden.size} {kinds[1]} hidden units cannot begin as {n} {kinds[0]} visible ones: give at least as "
            "many, of the same kind."
        )
    rbm.weights[:, :n] = below.weights.T
    rbm.visible.load_state_dict(below.hidden.state_dict())
    for name, parameter in below.visible.named_parameters():
        rbm.hidden.get_parameter(name)[:n] = parameter
