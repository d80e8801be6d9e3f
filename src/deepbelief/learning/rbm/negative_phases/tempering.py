"""Negative phases that mix: parallel tempering, and trajectory parallel tempering."""

import copy
from collections.abc import Mapping
from typing import Final, final

import numpy as np
import torch
from torch import Tensor

from deepbelief.checkpoint import tensors_under
from deepbelief.learning.rbm.negative_phases.base import NegativePhase
from deepbelief.learning.rbm.negative_phases.mixing import Trace
from deepbelief.learning.rbm.statistics import Statistics, Workspace
from deepbelief.models.annealed_path import AnnealedPath
from deepbelief.models.rbm import RBM
from deepbelief.randomness import Random

_NEIGHBOURS: Final = 0.25  # the share of swaps with the latest snapshot below which another one is taken
_FEWEST: Final = 100  # proposed swaps, at least, on which that is judged


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
    ) -> None:
        self.gibbs_steps = 1
        self._rbm, self._path = rbm, AnnealedPath(rbm, base_bias.clone())
        self._workspace = Workspace(rbm, batch_size, chains, products)
        self._shape = (temperatures, chains)
        self.betas = torch.linspace(0, 1, temperatures, dtype=rbm.weights.dtype, device=rbm.weights.device)
        visible = self._path.start(temperatures * chains, random)
        self.hidden = self._path.sample_hidden(visible @ rbm.weights, self._rows(self.betas), random)
        self._proposed, self._accepted = (self.betas.new_zeros(temperatures - 1) for _ in range(2))
        self._parity = 0
        self._trace = Trace(chains, rbm.weights)

    def _rows(self, per_temperature: Tensor) -> Tensor:
        """One value for each replica, shape (temperatures * chains, 1)."""
        return per_temperature.repeat_interleave(self._shape[1])[:, None]

    @torch.no_grad()
    def statistics(self, visible: Tensor, random: Random) -> Statistics:
        return _statistics(self._workspace, visible, self._advance(random), self._trace, random)

    def _advance(self, random: Random) -> Tensor:
        """Gibbs steps of all replicas and one round of swaps; v of the replicas at beta = 1."""
        path, betas = self._path, self._rows(self.betas)
        for _ in range(self.gibbs_steps):
            visible = path.sample_visible(self.hidden, betas, random)
            signal = visible @ self._rbm.weights
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


@final
class TrajectoryTempering(NegativePhase):
    """Trajectory PT (Bereux, Decelle, Furtlehner & Seoane 2025): the replicas follow the RBM's own earlier states.

    A model early in its training mixes fast. Each model s on the way has chains of its own; neighbours exchange visible
    states with probability min(1, exp(F_s(v_s) - F_s(v_s+1) + F_s+1(v_s+1) - F_s+1(v_s))). When the RBM at work has
    moved so far from the latest snapshot that less than a quarter of the latest 100 swaps or so succeed, it becomes the
    next snapshot.

    Args:
        rbm: the model; not changed.
        batch_size: the largest batch.
        chains: how many chains.
        random: the chains' start.
        products: as for `ContrastiveDivergence`; the chains' own products are always the parameters'.
        most: how many snapshots are kept at most; beyond it every second one goes.
    """

    def __init__(
        self,
        rbm: RBM,
        batch_size: int,
        chains: int,
        random: Random,
        products: torch.dtype | None = None,
        most: int = 30,
    ) -> None:
        self.gibbs_steps = 1
        self._rbm, self._most = rbm, most
        self._workspace = Workspace(rbm, batch_size, chains, products)
        self.snapshots = [_frozen(rbm)]
        start = rbm.visible.sample(rbm.weights.new_zeros(chains, rbm.visible.size), random)
        self.visible = [start, start.clone()]  # of each snapshot, and last of the RBM at work
        self._start_counting()
        self._trace = Trace(chains, rbm.weights)

    def _start_counting(self) -> None:
        self._proposed = 0
        self._accepted = self._rbm.weights.new_zeros(len(self.snapshots))
        self._start_counting_latest()

    def _start_counting_latest(self) -> None:
        """Of the last pair, anew at each look: its rate since the snapshot stays high long after swaps have ceased."""
        self._latest_proposed, self._latest_accepted = 0, self._rbm.weights.new_zeros(())

    @torch.no_grad()
    def statistics(self, visible: Tensor, random: Random) -> Statistics:
        return _statistics(self._workspace, visible, self._advance(random), self._trace, random)

    def _advance(self, random: Random) -> Tensor:
        """Gibbs steps of all models and one sweep of swaps; v of the RBM at work."""
        models = [*self.snapshots, self._rbm]
        for number, model in enumerate(models):
            for _ in range(self.gibbs_steps):
                hidden = model.sample_hidden(self.visible[number], random)
                self.visible[number] = model.sample_visible(hidden, random)
        accepted = []
        # From the fast model to the slow one, so that in one sweep a state may come all the way.
        for s in range(len(self.snapshots)):
            low, high = self.visible[s], self.visible[s + 1]
            both = torch.cat([low, high])
            below, above = (model.free_energy(both).view(2, -1) for model in models[s : s + 2])
            log_ratio = below[0] - below[1] + above[1] - above[0]
            accept = random.uniform_(torch.empty_like(log_ratio)) < log_ratio.exp()
            self.visible[s] = torch.where(accept[:, None], high, low)
            self.visible[s + 1] = torch.where(accept[:, None], low, high)
            accepted.append(accept.float().mean())
        # Not in place: `state` gives the counts away, and `restore` takes them as they are.
        self._accepted = self._accepted + torch.stack(accepted)
        self._latest_accepted = self._latest_accepted + accepted[-1]
        self._proposed += 1
        self._latest_proposed += 1
        self._take_snapshot()
        return self.visible[-1]

    def _take_snapshot(self) -> None:
        if self._latest_proposed * len(self.visible[-1]) < _FEWEST:
            return
        rate = float(self._latest_accepted) / self._latest_proposed
        self._start_counting_latest()
        if rate < _NEIGHBOURS:
            self.snapshots.append(_frozen(self._rbm))
            self.visible.append(self.visible[-1].clone())
            if len(self.snapshots) > self._most:
                del self.snapshots[1:-1:2], self.visible[1:-2:2]
            self._start_counting()

    def swap_rates(self) -> Tensor:
        """The share of accepted swaps between neighbours since the latest snapshot; NaN where none was tried."""
        return self._accepted / self._proposed

    def mixing(self) -> dict[str, float]:
        """The lowest of `swap_rates`, the snapshots, and the autocorrelation time in updates since the last call.

        The rate is NaN just after a snapshot, the time NaN and infinite as `Trace` says.
        """
        return {
            "swap_rate": float(self.swap_rates().min()),
            "snapshots": float(len(self.snapshots)),
            "autocorrelation_time": self._trace.autocorrelation_time(),
        }

    def state(self) -> dict[str, Tensor]:
        tensors = {
            "accepted": self._accepted,
            "proposed": torch.tensor(self._proposed),
            "latest_accepted": self._latest_accepted,
            "latest_proposed": torch.tensor(self._latest_proposed),
        }
        for number, visible in enumerate(self.visible):
            tensors[f"visible.{number}"] = visible
        for number, snapshot in enumerate(self.snapshots):
            tensors |= {f"snapshot.{number}.{name}": tensor for name, tensor in snapshot.state_dict().items()}
        return tensors

    def restore(self, state: Mapping[str, Tensor]) -> None:
        models, start = len(tensors_under("visible.", state)), self.visible[0]
        self.visible = [torch.empty_like(start).copy_(state[f"visible.{s}"]) for s in range(max(1, models))]
        self.snapshots = []
        for number in range(len(self.visible) - 1):
            self.snapshots.append(_frozen(self._rbm))
            self.snapshots[-1].load_state_dict(tensors_under(f"snapshot.{number}.", state))
        self._start_counting()
        self._accepted.copy_(state["accepted"])
        self._latest_accepted.copy_(state["latest_accepted"])
        self._proposed, self._latest_proposed = int(state["proposed"]), int(state["latest_proposed"])


def _statistics(workspace: Workspace, visible: Tensor, states: Tensor, trace: Trace, random: Random) -> Statistics:
    """Statistics of a batch beside these states of the model, (chains, visible)."""
    n, chains = len(visible), len(states)
    phases = workspace.load(visible, chains, random)
    workspace.rbm.hidden.mean_(phases.positive)
    phases.model.copy_(states)
    field = torch.mm(phases.model, workspace.rbm.weights, out=phases.negative)
    trace.add(workspace.rbm.hidden.mean_(field).mean(dim=1))
    difference = phases.data.sum(dim=0, dtype=states.dtype) - states.sum(dim=0) * (n / chains)
    return workspace.statistics(n, difference, None, model_is_mean=False)


def _frozen(rbm: RBM) -> RBM:
    return copy.deepcopy(rbm).requires_grad_(False)
