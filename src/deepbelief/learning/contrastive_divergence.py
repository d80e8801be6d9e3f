"""Contrastive divergence: the gradient of an RBM as a difference of sufficient statistics, and its update."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from deepbelief.errors import DeepBeliefError
from deepbelief.randomness import Random
from deepbelief.rbm import RBM


@dataclass(frozen=True)
class Statistics:
    """Sums over a batch, data minus model; they add up over batches and processes before `Momentum` uses them."""

    weights: Tensor  # (visible, hidden): v^T p - v'^T p'
    visible: Tensor  # (visible,): v - v'
    hidden: Tensor  # (hidden,): p - p'
    squared_error: Tensor  # (): sum over units and batch of (v - v')^2, with v' of the first step
    batch_size: int


@torch.no_grad()
def cd_statistics(rbm: RBM, visible: Tensor, gibbs_steps: int, random: Random) -> Statistics:
    """Statistics of CD-k for a batch, shape (batch, visible), values in [0, 1].

    p = E[h | v]; h ~ p; v' = E[v | h] (means, not samples); p' = E[h | v']; steps 2 ... k go on from h ~ p'.
    """
    batch, hidden = len(visible), rbm.hidden.size
    # Stacked, both phases need one product: [v; v']^T [p; -p'].
    states = torch.cat([visible, visible])  # (2 batch, visible)
    means = torch.empty(2 * batch, hidden, dtype=visible.dtype, device=visible.device)  # (2 batch, hidden)
    positive, negative = means[:batch], means[batch:]
    positive.copy_(rbm.hidden_mean(visible))
    negative.copy_(positive)
    squared_error = visible.new_zeros(())
    for step in range(gibbs_steps):
        states[batch:] = rbm.visible_mean(random.bernoulli(negative))
        negative.copy_(rbm.hidden_mean(states[batch:]))
        if step == 0:
            squared_error = (states[batch:] - visible).pow_(2).sum()
    negative.neg_()
    return Statistics(
        weights=states.T @ means,
        visible=visible.sum(dim=0) - states[batch:].sum(dim=0),
        hidden=means.sum(dim=0),
        squared_error=squared_error,
        batch_size=batch,
    )


@final
class Momentum:
    """The update dW = m dW + lr ((v^T p - v'^T p') / B - decay W), W += dW; biases likewise without decay."""

    def __init__(self, rbm: RBM) -> None:
        self._rbm = rbm
        self.velocity = {
            "weights": torch.zeros_like(rbm.weights),
            "visible": torch.zeros_like(rbm.visible.bias),
            "hidden": torch.zeros_like(rbm.hidden.bias),
        }

    @torch.no_grad()
    def update(self, statistics: Statistics, learning_rate: float, momentum: float, weight_decay: float) -> None:
        """Change the RBM's parameters by one step."""
        rbm, velocity, rate = self._rbm, self.velocity, learning_rate / statistics.batch_size
        velocity["weights"].mul_(momentum).add_(statistics.weights, alpha=rate)
        velocity["weights"].add_(rbm.weights, alpha=-learning_rate * weight_decay)
        velocity["visible"].mul_(momentum).add_(statistics.visible, alpha=rate)
        velocity["hidden"].mul_(momentum).add_(statistics.hidden, alpha=rate)
        rbm.weights.add_(velocity["weights"])
        rbm.visible.bias.add_(velocity["visible"])
        rbm.hidden.bias.add_(velocity["hidden"])


def check_finite(error: float, layer: int, epoch: int) -> None:
    """Stop a training that has diverged.

    Raises:
        DeepBeliefError: `error` is NaN or infinite.
    """
    if not torch.isfinite(torch.tensor(error)):
        raise DeepBeliefError(
            f"the training of layer {layer} diverged at epoch {epoch} (reconstruction error {error}): "
            "try a tenth of the learning rate."
        )
