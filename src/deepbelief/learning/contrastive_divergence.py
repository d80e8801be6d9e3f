"""The gradient of an RBM as a difference of sufficient statistics: CD-k and PCD-k, and the update that uses it."""

import copy
from dataclasses import dataclass
from typing import Final, Protocol, final

import torch
from torch import Tensor

from deepbelief.errors import DeepBeliefError
from deepbelief.randomness import Random
from deepbelief.rbm import RBM

FUSED_ON: Final = ("cpu", "cuda")  # kinds of device with PyTorch's fused SGD, tried on the first


@dataclass(frozen=True)
class Statistics:
    """Sums over a batch, data minus model; they add up over batches and processes before `Momentum` uses them."""

    weights: Tensor  # (visible, hidden): v^T p - v'^T p'
    visible: Tensor  # (visible,): v - v'
    hidden: Tensor  # (hidden,): p - p'
    squared_error: Tensor | None  # (): sum of (v - v')^2, v' after one step; None where v' reconstructs no data
    batch_size: int


class NegativePhase(Protocol):
    """Where the model's own statistics come from."""

    def statistics(self, visible: Tensor, random: Random) -> Statistics:
        """Statistics of a batch, shape (batch, visible), values in [0, 1]; valid until the next call."""
        ...


@final
class _Workspace:
    """Memory for both phases of a batch, taken once: to take and give it back at every step costs as much as a product.

    With `products`, a narrower type than the parameters', the products are done in it on a copy of the RBM that is
    brought up to date at each step; the parameters and their updates stay as they are.
    """

    def __init__(self, rbm: RBM, data_rows: int, model_rows: int, products: torch.dtype | None) -> None:
        self._master, self._data_rows = rbm, data_rows
        self.rbm = rbm
        if products is not None and products != rbm.weights.dtype:
            self.rbm = copy.deepcopy(rbm).to(products)
        (visible, hidden), like = rbm.weights.shape, self.rbm.weights
        self._states = like.new_empty(data_rows + model_rows, visible)
        self._means = like.new_empty(data_rows + model_rows, hidden)
        self._hidden = like.new_empty(model_rows, hidden)
        self._weights, self._sum = torch.empty_like(rbm.weights), rbm.weights.new_empty(hidden)
        self._product = self._weights if self.rbm is rbm else torch.empty_like(like)

    def load(self, visible: Tensor, model_rows: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Views of v, v', p, p' and h for this batch; v is the data and p = E[h | v], the others are to be filled."""
        if self.rbm is not self._master:
            for narrow, wide in zip(self.rbm.parameters(), self._master.parameters(), strict=True):
                narrow.copy_(wide)
        n, room = len(visible), self._data_rows
        # Side by side, both phases' statistics need one product, [v; v']^T [p; -p'], and cancel inside it.
        self._rows = slice(room - n, room + model_rows)
        states, means = self._states[self._rows], self._means[self._rows]
        self.rbm.hidden.mean_(torch.mm(states[:n].copy_(visible), self.rbm.weights, out=means[:n]))
        return states[:n], states[n:], means[:n], means[n:], self._hidden[:model_rows]

    def statistics(self, n: int, visible: Tensor, squared_error: Tensor | None) -> Statistics:
        """The difference of both phases' sums; the model's states, however many, count as much as the n data."""
        states, means = self._states[self._rows], self._means[self._rows]
        means[n:].mul_(-n / (len(means) - n))
        product = torch.mm(states.T, means, out=self._product)
        return Statistics(
            weights=product if product is self._weights else self._weights.copy_(product),
            visible=visible,
            hidden=torch.sum(means, dim=0, dtype=self._sum.dtype, out=self._sum),
            squared_error=squared_error,
            batch_size=n,
        )


@final
class ContrastiveDivergence:
    """CD-k (Hinton 2002): p = E[h | v]; h ~ p; v' = E[v | h] (means, not samples); p' = E[h | v']; k - 1 times on.

    Args:
        rbm: the model; not changed.
        batch_size: the largest batch.
        gibbs_steps: k.
        products: the type of the matrix products, where it is another than the parameters'.
    """

    def __init__(self, rbm: RBM, batch_size: int, gibbs_steps: int = 1, products: torch.dtype | None = None) -> None:
        self._gibbs_steps = gibbs_steps
        self._workspace = _Workspace(rbm, batch_size, batch_size, products)
        self._difference = rbm.weights.new_empty(batch_size, rbm.visible.size)
        self._sum, self._squared_error = torch.empty_like(rbm.visible.bias), rbm.weights.new_empty(())

    @torch.no_grad()
    def statistics(self, visible: Tensor, random: Random) -> Statistics:
        """Statistics of a batch, shape (batch, visible), values in [0, 1]; valid until the next call."""
        rbm, n = self._workspace.rbm, len(visible)
        data, model, positive, negative, hidden = self._workspace.load(visible, n)
        difference = self._difference[:n]
        for step in range(self._gibbs_steps):
            random.bernoulli(positive if step == 0 else negative, out=hidden)
            rbm.visible.mean_(torch.mm(hidden, rbm.weights.T, out=model))
            rbm.hidden.mean_(torch.mm(model, rbm.weights, out=negative))
            if step == 0:
                flat = torch.sub(data, model, out=difference).view(-1)
                torch.dot(flat, flat, out=self._squared_error)
        if self._gibbs_steps > 1:
            torch.sub(data, model, out=difference)
        return self._workspace.statistics(n, torch.sum(difference, dim=0, out=self._sum), self._squared_error)


@final
class PersistentContrastiveDivergence:
    """PCD-k (Tieleman 2008): Markov chains go on from batch to batch, v' ~ p(v | h) and h ~ p(h | v'), k times.

    Args:
        rbm: the model; not changed.
        batch_size: the largest batch.
        chains: hidden states, shape (chains, hidden), that the chains go on from; changed in place.
        gibbs_steps: k.
        products: as for `ContrastiveDivergence`.
    """

    def __init__(
        self, rbm: RBM, batch_size: int, chains: Tensor, gibbs_steps: int = 1, products: torch.dtype | None = None
    ) -> None:
        self._gibbs_steps, self._chains = gibbs_steps, chains
        self._workspace = _Workspace(rbm, batch_size, len(chains), products)
        self._field = self._workspace.rbm.weights.new_empty(len(chains), rbm.visible.size)
        self._sum, self._model_sum = torch.empty_like(rbm.visible.bias), torch.empty_like(rbm.visible.bias)

    @torch.no_grad()
    def statistics(self, visible: Tensor, random: Random) -> Statistics:
        """Statistics of a batch, shape (batch, visible), values in [0, 1]; valid until the next call."""
        rbm, n = self._workspace.rbm, len(visible)
        data, model, _, negative, hidden = self._workspace.load(visible, len(self._chains))
        hidden.copy_(self._chains)
        for _ in range(self._gibbs_steps):
            rbm.visible.sample_(torch.mm(hidden, rbm.weights.T, out=self._field), random, out=model)
            rbm.hidden.sample_(torch.mm(model, rbm.weights, out=negative), random, out=hidden)
        self._chains.copy_(hidden)
        torch.sum(model, dim=0, dtype=self._sum.dtype, out=self._model_sum)
        torch.sum(data, dim=0, dtype=self._sum.dtype, out=self._sum)
        self._sum.sub_(self._model_sum, alpha=n / len(self._chains))
        return self._workspace.statistics(n, self._sum, None)


@final
class Momentum:
    """The update dW = m dW + lr ((v^T p - v'^T p') / B - decay W), W += dW; biases likewise without decay."""

    def __init__(self, rbm: RBM) -> None:
        self._parameters = {"weights": rbm.weights, "visible": rbm.visible.bias, "hidden": rbm.hidden.bias}
        self.velocity = {name: torch.zeros_like(parameter) for name, parameter in self._parameters.items()}
        self._divisor = rbm.weights.new_empty(())

    @torch.no_grad()
    def update(self, statistics: Statistics, learning_rate: float, momentum: float, weight_decay: float) -> None:
        """Change the RBM's parameters by one step; uses the statistics up."""
        self._divisor.fill_(statistics.batch_size / learning_rate)
        sums = {"weights": statistics.weights, "visible": statistics.visible, "hidden": statistics.hidden}
        for name, parameter in self._parameters.items():
            decay = learning_rate * weight_decay if name == "weights" else 0.0
            self._update_one(parameter, sums[name], self.velocity[name], momentum, decay)

    def _update_one(self, parameter: Tensor, sums: Tensor, velocity: Tensor, momentum: float, decay: float) -> None:
        """V = m V + S / divisor - decay W; W += V."""
        if momentum > 0 and parameter.device.type in FUSED_ON and parameter.dtype == torch.float32:
            # PyTorch's SGD in one pass over memory, where the plain operations below take four: W -= lr V with
            # lr = -1. `torch.optim.SGD(fused=True)` would call the same, but takes longer than it to get there.
            torch._fused_sgd_(
                [parameter],
                [sums],
                [velocity],
                weight_decay=-decay,
                momentum=momentum,
                lr=-1.0,
                dampening=0.0,
                nesterov=False,
                maximize=False,
                is_first_step=False,
                grad_scale=self._divisor,
            )
        else:
            velocity.mul_(momentum).add_(sums.div_(self._divisor)).add_(parameter, alpha=-decay)
            parameter.add_(velocity)


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
