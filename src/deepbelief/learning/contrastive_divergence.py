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


@final
class ContrastiveDivergence:
    """CD-k: p = E[h | v]; h ~ p; v' = E[v | h] (means, not samples); p' = E[h | v']; steps 2 ... k go on from h ~ p'.

    It owns the memory for batches of up to `batch_size`, because to take and give back memory at every step costs as
    much as a matrix product. The statistics it returns are therefore valid until the next call.
    """

    def __init__(self, rbm: RBM, batch_size: int) -> None:
        self._rbm = rbm
        visible, hidden = rbm.weights.shape
        self._states = rbm.weights.new_empty(2 * batch_size, visible)
        self._means = rbm.weights.new_empty(2 * batch_size, hidden)
        self._difference = rbm.weights.new_empty(batch_size, visible)
        self._weights = torch.empty_like(rbm.weights)
        # Data count once, the model's states minus once.
        self._signs = torch.cat([self._states.new_ones(batch_size), -self._states.new_ones(batch_size)])

    @torch.no_grad()
    def statistics(self, visible: Tensor, gibbs_steps: int, random: Random) -> Statistics:
        """Statistics of a batch, shape (batch, visible), values in [0, 1]."""
        rbm, n, room = self._rbm, len(visible), len(self._difference)
        # Stacked, both phases need one product: [v; v']^T [p; -p'].
        states, means = self._states[room - n : room + n], self._means[room - n : room + n]
        data, model, positive, negative = states[:n], states[n:], means[:n], means[n:]
        data.copy_(visible)
        rbm.hidden.mean_(torch.mm(data, rbm.weights, out=positive))
        for step in range(gibbs_steps):
            hidden = random.bernoulli(positive if step == 0 else negative)
            rbm.visible.mean_(torch.mm(hidden, rbm.weights.T, out=model))
            rbm.hidden.mean_(torch.mm(model, rbm.weights, out=negative))
            if step == 0:
                difference = torch.sub(data, model, out=self._difference[:n]).view(-1)
                squared_error = torch.dot(difference, difference)
        negative.neg_()
        signs = self._signs[room - n : room + n]
        return Statistics(
            weights=torch.mm(states.T, means, out=self._weights),
            visible=torch.mv(states.T, signs),
            hidden=means.sum(dim=0),
            squared_error=squared_error,
            batch_size=n,
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
