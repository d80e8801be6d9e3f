"""What wake-sleep learning is made of: one direction of one layer, and the associative memory at the top."""

from typing import final

import torch
from torch import Tensor

from deepbelief.learning.labels.discriminative import Discriminative, combine
from deepbelief.learning.rbm.momentum import Momentum
from deepbelief.learning.rbm.statistics import Statistics, Workspace
from deepbelief.models.labelled import LabelledRBM
from deepbelief.models.rbm import RBM
from deepbelief.randomness import Random
from deepbelief.system.products import product


@final
class Direction:
    """p(x | given) of one side of an RBM given the other, with the RBM's weights for that direction alone.

    Args:
        rbm: its weights and the biases of the predicted side are changed in place.
        up: whether the hidden side is predicted, or the visible one.
        batch_size: the largest batch.
    """

    def __init__(self, rbm: RBM, up: bool, batch_size: int) -> None:
        self._rbm, self._up = rbm, up
        self._side, self._units = ("hidden", rbm.hidden) if up else ("visible", rbm.visible)
        self._field, self._values = (rbm.weights.new_empty(batch_size, self._units.size) for _ in range(2))
        self._weights, self._bias = torch.empty_like(rbm.weights), torch.empty_like(self._units.bias)
        self.momentum = Momentum(rbm)

    def _field_of(self, given: Tensor) -> Tensor:
        weights = self._rbm.weights if self._up else self._rbm.weights.T
        return product(given, weights, out=self._field[: len(given)])

    @torch.no_grad()
    def sample(self, given: Tensor, random: Random) -> Tensor:
        """x ~ p(x | given), shape (batch, size); valid until the next sample or mean."""
        return self._units.sample_(self._field_of(given), random, out=self._values[: len(given)])

    @torch.no_grad()
    def mean(self, given: Tensor) -> Tensor:
        """E[x | given], shape (batch, size); valid until the next sample or mean."""
        return self._values[: len(given)].copy_(self._units.mean_(self._field_of(given)))

    @torch.no_grad()
    def learn(
        self, given: Tensor, wanted: Tensor, learning_rate: float, momentum: float, weight_decay: float
    ) -> Tensor:
        """One step up the mean of log p(wanted | given); returns wanted - E[x | given] as it was, (batch, size)."""
        predicted = self._units.mean_(self._field_of(given))
        sums = {
            f"{self._side}.{name}": found - self._units.further_statistics(predicted, True)[name]
            for name, found in self._units.further_statistics(wanted, False).items()
        }
        error = torch.sub(wanted, predicted, out=predicted)
        low, high = (given, error) if self._up else (error, given)
        sums["weights"] = product(low.T, high, out=self._weights)
        sums[f"{self._side}.bias"] = torch.sum(error, dim=0, out=self._bias)
        self.momentum.move(sums, len(given), learning_rate, momentum, weight_decay)
        return error


@final
class TopRBM:
    """The top RBM in the up-down algorithm: contrastive divergence, from whose chains the sleep phase goes on.

    Args:
        top: not changed; its `momentum` is there to change it with.
        batch_size: the largest batch.
        discriminative_weight: of the gradient of log p(y | values), which is added to that of log p(values, y).
    """

    def __init__(self, top: LabelledRBM, batch_size: int, discriminative_weight: float = 0.0) -> None:
        self._rbm, self._values = top.rbm, top.values
        like = top.rbm.weights
        self._workspace = Workspace(top.rbm, batch_size, batch_size)
        self._joined, self._field = (like.new_empty(batch_size, top.rbm.visible.size) for _ in range(2))
        self._hidden = like.new_empty(batch_size, top.rbm.hidden.size)
        self._weight = discriminative_weight
        self._discriminative = Discriminative(top, batch_size) if discriminative_weight else None
        self.gibbs_steps = 1
        self.momentum = Momentum(top.rbm)

    @torch.no_grad()
    def statistics(self, values: Tensor, labels: Tensor, random: Random) -> tuple[Statistics, Tensor]:
        """Statistics of a batch of values and one-hot labels, and the values where its Markov chains end.

        Both are valid until the next call.
        """
        rbm, n = self._rbm, len(values)
        joined = torch.cat([values, labels], dim=1, out=self._joined[:n])
        phases = self._workspace.load(joined, n, random)
        field, hidden = phases.positive, self._hidden[:n]
        for _ in range(self.gibbs_steps):
            rbm.hidden.sample_(field, random, out=hidden)
            rbm.visible.sample_(product(hidden, rbm.weights.T, out=self._field[:n]), random, out=phases.model)
            field = product(phases.model, rbm.weights, out=phases.negative)
        chain_end = phases.model[:, : self._values]
        statistics = self._workspace.statistics(phases, model_is_mean=False, negative_is_field=True)
        if self._discriminative is not None:
            statistics = combine(statistics, self._discriminative.statistics(joined, random), self._weight)
        return statistics, chain_end
