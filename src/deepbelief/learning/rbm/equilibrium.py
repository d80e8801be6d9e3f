"""Whether chains of an RBM are at its equilibrium and a log Z can be right: checks that need no exact log Z."""

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike, as_batch
from deepbelief.errors import DataError, SettingsError
from deepbelief.learning.rbm.negative_phases.mixing import autocorrelation_time
from deepbelief.models.rbm import RBM
from deepbelief.randomness import Random, as_random


@torch.no_grad()
def free_energies_along(rbm: RBM, start: TensorLike, random: Random | int, steps: int) -> Tensor:
    """F(v) of Markov chains at their start and after each Gibbs step: shape (steps + 1, chains), float64.

    Args:
        rbm: the model.
        start: the visible states that the chains begin at, (chains, visible).
        random: for the states of the units, on the RBM's device.
        steps: how many.

    Raises:
        SettingsError: there is no step.
    """
    if steps < 1:
        raise SettingsError(f"a chain has at least 1 step, not {steps}.")
    random = as_random(random, rbm.weights.device)
    visible = as_batch(start, rbm.weights, rbm.visible.size, "the RBM sees")
    found = [rbm.free_energy(visible)]
    for _ in range(steps):
        visible = rbm.sample_visible(rbm.sample_hidden(visible, random), random)
        found.append(rbm.free_energy(visible))
    return torch.stack(found).double()


@final
@dataclass(frozen=True, eq=False)
class Drift:
    """Free energies along chains that start at stored states of a model and at data, both (steps + 1, chains), nats."""

    from_chains: Tensor
    from_data: Tensor

    @property
    def drift(self) -> float:
        """Mean F at the end less mean F at the start, of the stored states; 0 on average at equilibrium."""
        return float((self.from_chains[-1] - self.from_chains[0]).mean())

    @property
    def drift_error(self) -> float:
        """The standard error of `drift`: s / sqrt(n), with s of each chain's own difference."""
        return _standard_error(self.from_chains[-1] - self.from_chains[0])

    @property
    def gap(self) -> float:
        """Mean F of the chains from data less that of those from stored states, at the end; 0 if both have arrived."""
        return float(self.from_data[-1].mean() - self.from_chains[-1].mean())

    @property
    def gap_error(self) -> float:
        """The standard error of `gap`."""
        return math.hypot(_standard_error(self.from_data[-1]), _standard_error(self.from_chains[-1]))

    @property
    def autocorrelation_time(self) -> float:
        """Of F along the chains from stored states, in Gibbs steps; see `autocorrelation_time` for when it is inf."""
        return autocorrelation_time(self.from_chains.cpu().numpy())


def free_energy_drift(rbm: RBM, chains: TensorLike, data: TensorLike, random: Random | int, steps: int = 1000) -> Drift:
    """Long chains from states that should be the model's, and from data: equilibrium is where both stay.

    A Gibbs step leaves states of the model as they are on average, so their mean free energy drifts only if they were
    none, such as chains that a training has left behind. Chains from data come to the same mean, unless they are caught
    near the data; then the model has modes that the chains of the training have never seen, or the other way round. The
    steps must be many more than the `autocorrelation_time` found. To drift apart is a proof of no equilibrium; not to
    is none of equilibrium.

    Args:
        rbm: the model.
        chains: states that should be the model's, (chains, visible), such as `TrajectoryTempering.chains`.
        data: items, (items, visible), made binary if the units are.
        random: for the states of the units, on the RBM's device.
        steps: Gibbs steps of each chain.

    Raises:
        SettingsError: there is no step.

    >>> from deepbelief import Bernoulli
    >>> rbm = RBM(Bernoulli(6), Bernoulli(4), Random(0), weight_std=0.0)  # all states are alike
    >>> found = free_energy_drift(rbm, torch.zeros(5, 6), torch.ones(5, 6), Random(0), steps=10)
    >>> found.drift, found.gap
    (0.0, 0.0)
    """
    random = as_random(random, rbm.weights.device)
    return Drift(*(free_energies_along(rbm, start, random, steps) for start in (chains, data)))


def _standard_error(values: Tensor) -> float:
    return float(values.std() / math.sqrt(len(values)))


@torch.no_grad()
def log_total_probability(rbm: RBM, items: TensorLike, log_z: float) -> float:
    """log of the sum over all distinct items of p(v) = exp(-F(v)) / Z, in nats.

    Probabilities of different states sum to 1 at most. So a figure above 0 proves that `log_z` is too low, and by at
    least that figure, whatever it was estimated with; one below 0 proves nothing. Training items, or many states from
    the model's own chains, have the largest sums.

    Args:
        rbm: with visible units that have no real values: densities may sum to anything.
        items: states of the visible units, (items, visible), not grey; ones that are equal count once.
        log_z: the estimate to test.

    Raises:
        SettingsError: visible units have real values.
        DataError: the items are no states of the units.

    >>> from deepbelief import Bernoulli
    >>> rbm = RBM(Bernoulli(2), Bernoulli(1), Random(0), weight_std=0.0)  # 8 states, all alike
    >>> items = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1], [1, 1]])
    >>> round(log_total_probability(rbm, items, math.log(8)), 6), round(log_total_probability(rbm, items, 0.0), 6)
    (0.0, 2.079442)
    """
    if bool(rbm.visible.are_real.any()):
        raise SettingsError("only probabilities sum to 1 at most, and real values have densities: there is no total.")
    values = as_batch(items, rbm.weights, rbm.visible.size, "the RBM sees")
    rbm.visible.check_values(values)
    rbm.visible.check_states(values)
    if not torch.equal(values, values.round()):
        raise DataError("only states have probabilities, and some items have grey values: draw states by as_states.")
    distinct = torch.unique(values, dim=0)
    return float(torch.logsumexp(-rbm.free_energy(distinct).double(), dim=0)) - log_z
