"""Parallel tempering: chains that mix by way of high temperatures."""

from collections.abc import Mapping
from typing import final

import numpy as np
import torch
from torch import Tensor

from deepbelief.learning.rbm.negative_phases.base import NegativePhase, statistics_of_states
from deepbelief.learning.rbm.negative_phases.mixing import Trace
from deepbelief.learning.rbm.statistics import Statistics, Workspace
from deepbelief.models.annealed_path import AnnealedPath
from deepbelief.models.rbm import RBM
from deepbelief.randomness import Random
from deepbelief.system.compilation import Compiler
from deepbelief.system.processes import Share
from deepbelief.system.products import product


@final
class ParallelTempering(NegativePhase):
    """PT (Desjardins et al. 2010): each chain has a replica at each temperature, and they exchange their states.

    Replica k follows p_beta(v, h) of `AnnealedPath` with beta_k, from 0 (independent units with the biases `base_bias`;
    where the precision is learned, at the data's means only while it is what it was at the start) to 1 (the RBM, whose
    states make the statistics). After `gibbs_steps` steps neighbours exchange states with probability
    min(1, exp((beta_k+1 - beta_k) (D_k+1 - D_k))), D = dE_beta / dbeta; the pairs (0, 1), (2, 3), ... and the pairs
    (1, 2), (3, 4), ... take turns. `adapt` moves the betas so that all pairs exchange equally often (Syed et al. 2021).

    Args:
        rbm: the model; not changed.
        batch_size: the largest batch.
        chains: how many chains.
        temperatures: replicas of each, at least 2.
        base_bias: visible biases at beta = 0, see `base_rate_bias`.
        random: the chains' start.
        products: as for `ContrastiveDivergence`; the chains' own products are always the parameters'.
        compiler: as for `ContrastiveDivergence`; of the statistics, not of the chains.
    """

    def __init__(
        self,
        rbm: RBM,
        batch_size: int,
        chains: int,
        temperatures: int,
        base_bias: Tensor,
        random: Random,
        products: torch.dtype | None = None,
        compiler: Compiler | None = None,
    ) -> None:
        self.gibbs_steps = 1
        self._rbm, self._path = rbm, AnnealedPath(rbm, base_bias.clone())
        self._workspace = Workspace(rbm, batch_size, chains, products, compiler=compiler)
        self.narrow = self._workspace.narrow
        self._shape = (temperatures, chains)
        self.betas = torch.linspace(0, 1, temperatures, dtype=rbm.weights.dtype, device=rbm.weights.device)
        visible = self._path.start(temperatures * chains, random)
        self.hidden = self._path.sample_hidden(product(visible, rbm.weights), self._rows(self.betas), random)
        self._proposed, self._accepted = (self.betas.new_zeros(temperatures - 1) for _ in range(2))
        self._parity = 0
        self._trace = Trace(chains, rbm.weights)

    def _rows(self, per_temperature: Tensor) -> Tensor:
        """One value for each replica, shape (temperatures * chains, 1)."""
        return per_temperature.repeat_interleave(self._shape[1])[:, None]

    @torch.no_grad()
    def statistics(self, visible: Tensor, random: Random, share: Share | None = None) -> Statistics:
        return statistics_of_states(self._workspace, visible, self._advance(random), self._trace, random)

    def _advance(self, random: Random) -> Tensor:
        """Gibbs steps of all replicas and one round of swaps; v of the replicas at beta = 1."""
        path, betas = self._path, self._rows(self.betas)
        for _ in range(self.gibbs_steps):
            visible = path.sample_visible(self.hidden, betas, random)
            signal = product(visible, self._rbm.weights)
            self.hidden = path.sample_hidden(signal, betas, random)
        return self._swap(visible, path.slope(visible, self.hidden, signal), random)

    def _swap(self, visible: Tensor, slope: Tensor, random: Random) -> Tensor:
        temperatures, chains = self._shape
        slopes = slope.view(self._shape)
        log_ratio = (self.betas[1:] - self.betas[:-1])[:, None] * (slopes[1:] - slopes[:-1])
        accept = random.uniform_(torch.empty_like(log_ratio)) < log_ratio.exp()
        pairs = torch.arange(temperatures - 1, device=accept.device) % 2 == self._parity
        self._parity = 1 - self._parity
        accept &= pairs[:, None]
        self._proposed += pairs * chains
        self._accepted += accept.sum(dim=1)
        order = torch.arange(temperatures * chains, device=accept.device).view(self._shape)
        swapped = order.clone()
        swapped[:-1] = torch.where(accept, order[1:], swapped[:-1])
        swapped[1:] = torch.where(accept, order[:-1], swapped[1:])
        self.hidden = self.hidden[swapped.flatten()]
        return visible[swapped[-1]]

    @torch.no_grad()
    def visible_chains(self) -> Tensor:
        return self._rbm.visible_mean(self.hidden[-self._shape[1] :])  # the last replicas are those at beta = 1

    def swap_rates(self) -> Tensor:
        """The share of accepted swaps of each pair of neighbours since the betas moved; NaN where none was tried."""
        return self._accepted / self._proposed

    def adapt(self) -> None:
        """Move the betas so that all pairs would exchange equally often, as far as rates so far tell.

        Until every pair has tried to, they stay and the counts go on.
        """
        if not self._proposed.all():
            return
        rejected = (1 - self.swap_rates()).cpu().double().numpy() + 1e-3  # so that it grows everywhere
        barrier = np.concatenate([[0.0], np.cumsum(rejected)])
        even = np.linspace(0, barrier[-1], len(barrier))
        self.betas.copy_(torch.from_numpy(np.interp(even, barrier, self.betas.cpu().double().numpy())))
        self._proposed.zero_()
        self._accepted.zero_()

    def mixing(self) -> dict[str, float]:
        """The lowest of `swap_rates`, and the autocorrelation time in updates since the last call; adapts the betas.

        The rate is NaN until every pair has been tried, the time NaN and infinite as `Trace` says.
        """
        found = {
            "swap_rate": float(self.swap_rates().min()),
            "autocorrelation_time": self._trace.autocorrelation_time(),
        }
        self.adapt()
        return found

    def state(self) -> dict[str, Tensor]:
        return {
            "hidden": self.hidden,
            "betas": self.betas,
            "parity": torch.tensor(self._parity),
            "proposed": self._proposed,
            "accepted": self._accepted,
            "base_bias": self._path.base_bias,
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.hidden.copy_(state["hidden"])
        self.betas.copy_(state["betas"])
        self._parity = int(state["parity"])
        self._proposed.copy_(state["proposed"])
        self._accepted.copy_(state["accepted"])
        self._path.base_bias.copy_(state["base_bias"])
