"""Trajectory tempering: chains that mix by way of the RBM's own earlier states, which tell log Z on the way."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.checkpoint import tensors_under
from deepbelief.errors import DeepBeliefError
from deepbelief.learning.rbm.negative_phases.base import NegativePhase, statistics_of_states
from deepbelief.learning.rbm.negative_phases.mixing import Trace, autocorrelation_time
from deepbelief.learning.rbm.statistics import Statistics, Workspace
from deepbelief.likelihood.bennett import bennett
from deepbelief.models.rbm import RBM
from deepbelief.randomness import Random

_RESERVOIR: Final = 10  # states of a snapshot for each chain
_NEIGHBOURS: Final = 0.3  # the share of accepted swaps below which the RBM becomes the next snapshot
_LOST: Final = 0.1  # the share below which it has lost touch with the latest one
_FEWEST: Final = 100  # proposed swaps, at least, on which that is judged
_RENEWAL: Final = 10  # Gibbs steps of a snapshot's states before they tell its log Z from another model's
_THERMALISATION: Final = 20  # autocorrelation times that a new snapshot's chains run before they are collected
_SHORTEST, _LONGEST = 20, 2560  # sweeps of a thermalisation
_SMALLEST: Final = 2.0**-20  # step from independent units to the RBM at the start


@final
@dataclass(frozen=True, eq=False)
class Snapshot:
    """An earlier state of the RBM: a frozen copy, states that follow it, their free energies, and its log Z."""

    rbm: RBM
    states: Tensor  # (states, visible)
    energies: Tensor  # (states,)
    log_z: float
    variance: float  # of log_z

    def renewed(self, random: Random) -> "Snapshot":
        """The same, its states some Gibbs steps on."""
        states = self.states
        for _ in range(_RENEWAL):
            states = self.rbm.sample_visible(self.rbm.sample_hidden(states, random), random)
        return replace(self, states=states, energies=self.rbm.free_energy(states))


@final
class TrajectoryTempering(NegativePhase):
    """Trajectory tempering (Béreux, Decelle, Furtlehner & Seoane 2025, 2026): swaps with the RBM's own earlier states.

    A model early in its training mixes fast, and each later one is near the one before it. When a snapshot s of the RBM
    is taken, ten times as many states as there are chains are drawn from it, and no old model is simulated after that.
    The chains' partners for swaps are a reservoir that begins as these states. In each update every chain makes its
    Gibbs steps, and then swaps its v for a v' from the reservoir with probability min(1, exp(D(v) - D(v'))),
    D = F - F_s, with F of the RBM at work. So the chains follow the RBM without having to find their own way from mode
    to mode.

    Snapshots: the first is the RBM with W = 0 and visible biases `base_bias`, independent units, whose states are drawn
    exactly. From there the ladder goes up to the RBM as training begins, on the straight line between their parameters;
    where the RBM has learnt nothing yet, in one step. From then on the RBM becomes the next snapshot when less than 0.3
    of the latest 100 or more proposed swaps are accepted. Its chains then run on for 20 autocorrelation times before
    its states are taken from them, at intervals of one such time: that of whether a chain has swapped an even or an odd
    number of times, which shows chains that never swap.

    log Z of the first is exact; that of each later one is the one before it plus the difference by `bennett`, from the
    free energies of the states of both under both models. The states of the older one make 10 Gibbs steps first: an RBM
    learns from chains that met them in swaps, fits their chance deviations, too, and its log Z would seem too
    low. The standard error takes all states as independent.

    Updates that break equilibrium are undone: where less than 0.1 of the latest swaps are accepted, or less than 0.3
    after a single update of a new snapshot, or where the chains do not come to an equilibrium within 2,560 sweeps in
    which at least 0.1 are. The RBM goes back to the latest snapshot, and the chains to states of it; learning goes on
    from there with the next statistics at half the rate, for good, and without the momentum so far.

    Args:
        rbm: the model; changed only to go back.
        batch_size: the largest batch.
        chains: how many chains.
        base_bias: visible biases of independent units with the data's means, see `base_rate_bias`.
        random: the states of independent units.
        products: as for `ContrastiveDivergence`; the chains' own products are always the parameters'.
    """

    def __init__(
        self,
        rbm: RBM,
        batch_size: int,
        chains: int,
        base_bias: Tensor,
        random: Random,
        products: torch.dtype | None = None,
    ) -> None:
        self.gibbs_steps = 1
        self._rbm, self._workspace = rbm, Workspace(rbm, batch_size, chains, products)
        self.snapshot = _independent(rbm, base_bias, _RESERVOIR * chains, random)
        self.chains = _some(self.snapshot.states, chains, random)
        self._fill()
        self.snapshots = 0  # after that of independent units
        self.undone = 0
        self._updates = 0  # since the latest snapshot
        self._start_counting()
        self._trace = Trace(chains, rbm.weights)
        self._start_measuring()

    def _start_measuring(self) -> None:
        self._measured, self._swapped = 0, self._rbm.weights.new_zeros(())

    def _fill(self) -> None:
        """The reservoir as the latest snapshot's states."""
        self._reservoir, self._energies = self.snapshot.states.clone(), self.snapshot.energies.clone()

    def _start_counting(self) -> None:
        # Not in place: `state` gives the counts away.
        self._proposed, self._accepted = 0, self._rbm.weights.new_zeros(())

    @torch.no_grad()
    def statistics(self, visible: Tensor, random: Random) -> Statistics:
        if not self.snapshots:
            self._climb(random)
        self._follow(random)
        return statistics_of_states(self._workspace, visible, self.chains, self._trace, random)

    def _follow(self, random: Random) -> None:
        """Let the chains follow the RBM after an update; take a snapshot or go back if it is time."""
        probability, _ = self._sweep(self._rbm, random)
        self._updates += 1
        self._proposed += len(self.chains)
        self._accepted = self._accepted + probability.sum()
        self._measured += len(self.chains)
        self._swapped += probability.sum()
        if self._proposed < _FEWEST:
            return
        rate = float(self._accepted) / self._proposed
        self._start_counting()
        if rate >= _NEIGHBOURS:
            return
        near = rate >= _LOST and self._updates > 1  # False of NaN, too
        if not (near and self._take_snapshot(self._rbm, _LOST, random)):
            self._go_back(random)

    def _sweep(self, model: RBM, random: Random) -> tuple[Tensor, Tensor]:
        """Gibbs steps of all chains and one proposed swap of each; its probability, and whether it was, (chains,)."""
        for _ in range(self.gibbs_steps):
            self.chains = model.sample_visible(model.sample_hidden(self.chains, random), random)
        older, own, n = self.snapshot.rbm, self.chains, len(self.chains)
        rows = random.permutation(len(self._reservoir))[:n].to(own.device)
        theirs = self._reservoir[rows]
        energies = older.free_energy(own)
        log_ratio = model.free_energy(own) - energies + self._energies[rows] - model.free_energy(theirs)
        probability = log_ratio.exp().clamp(max=1)
        accept = random.uniform_(torch.empty_like(probability)) < probability
        self.chains = torch.where(accept[:, None], theirs, own)
        self._reservoir[rows] = torch.where(accept[:, None], own, theirs)
        self._energies[rows] = torch.where(accept, energies, self._energies[rows])
        return probability, accept

    def _climb(self, random: Random) -> None:
        """The ladder from independent units to the RBM as it is when training begins."""
        first, done, step = self.snapshot.rbm, 0.0, 1.0
        while done < 1:
            share = min(1.0, done + step)
            if self._take_snapshot(_between(first, self._rbm, share), _NEIGHBOURS, random):
                done, step = share, 2 * step
            else:
                step /= 2
            if step < _SMALLEST:
                raise DeepBeliefError(
                    "trajectory tempering finds no way from independent units to this RBM: its parameters are not "
                    "finite or too large; start with smaller ones, or temper with temperatures."
                )

    def _take_snapshot(self, model: RBM, lowest: float, random: Random) -> bool:
        """Whether the model is the next snapshot now: its chains came to an equilibrium with this share of swaps."""
        older = self.snapshot = self.snapshot.renewed(random)
        self._fill()
        newer = _frozen(model)
        time = self._thermalise(newer, lowest, random)
        if not math.isfinite(time):
            self.chains = _some(older.states, len(self.chains), random)
            return False
        rounds = []
        for _ in range(_RESERVOIR):
            for _ in range(math.ceil(time)):
                self._sweep(newer, random)
            rounds.append(self.chains)
        states = torch.cat(rounds)
        energies = newer.free_energy(states)
        ratio = bennett(newer.free_energy(older.states) - older.energies, energies - older.rbm.free_energy(states))
        variance = older.variance + ratio.standard_error**2
        self.snapshot = Snapshot(newer, states, energies, older.log_z + ratio.value, variance)
        self._fill()
        self.snapshots, self._updates = self.snapshots + 1, 0
        return True

    def _thermalise(self, model: RBM, lowest: float, random: Random) -> float:
        """Let the chains come to an equilibrium of the model; their autocorrelation time, infinite if they do not."""
        odd, sweeps = torch.ones(len(self.chains), device=self.chains.device), _SHORTEST
        levels: list[Tensor] = []
        rates: list[Tensor] = []
        while sweeps <= _LONGEST:
            while len(levels) < sweeps:
                probability, accept = self._sweep(model, random)
                odd = torch.where(accept, -odd, odd)
                levels.append(odd)
                rates.append(probability.mean())
            if not torch.stack(rates[sweeps // 2 :]).mean() >= lowest:  # True of NaN
                break
            time = autocorrelation_time(torch.stack(levels).double().cpu().numpy())
            if _THERMALISATION * time <= sweeps:
                return time
            sweeps *= 2
        return math.inf

    def _go_back(self, random: Random) -> None:
        for parameter, before in zip(self._rbm.parameters(), self.snapshot.rbm.parameters(), strict=True):
            parameter.copy_(before)
        self.chains = _some(self.snapshot.states, len(self.chains), random)
        self._fill()
        self.rate_share, self.undone, self._updates = self.rate_share / 2, self.undone + 1, 0

    @torch.no_grad()
    def log_z(self, random: Random) -> tuple[float, float]:
        """log Z of the RBM as it is now and its standard error, by `bennett`, after one sweep of the chains."""
        if not self.snapshots:
            self._climb(random)
        self._sweep(self._rbm, random)
        snapshot = self.snapshot = self.snapshot.renewed(random)
        ratio = bennett(
            self._rbm.free_energy(snapshot.states) - snapshot.energies,
            self._rbm.free_energy(self.chains) - snapshot.rbm.free_energy(self.chains),
        )
        return snapshot.log_z + ratio.value, math.sqrt(snapshot.variance + ratio.standard_error**2)

    def mixing(self) -> dict[str, float]:
        """The share of accepted swaps and the autocorrelation time in updates since the last call; how many
        snapshots there are after that of independent units, and how often the RBM went back to one, in all.

        The share is NaN where there was no update, the time NaN and infinite as `Trace` says.
        """
        rate = float(self._swapped) / self._measured if self._measured else math.nan
        self._start_measuring()
        return {
            "swap_rate": rate,
            "snapshots": float(self.snapshots),
            "undone": float(self.undone),
            "autocorrelation_time": self._trace.autocorrelation_time(),
        }

    def state(self) -> dict[str, Tensor]:
        snapshot = self.snapshot
        tensors = {f"snapshot.{name}": tensor for name, tensor in snapshot.rbm.state_dict().items()}
        return tensors | {
            "states": snapshot.states,
            "energies": snapshot.energies,
            "log_z": torch.tensor([snapshot.log_z, snapshot.variance], dtype=torch.float64),
            "reservoir": self._reservoir,
            "reservoir_energies": self._energies,
            "chains": self.chains,
            "accepted": self._accepted,
            "counts": torch.tensor([self.snapshots, self.undone, self._updates, self._proposed]),
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        rbm = _frozen(self._rbm)
        rbm.load_state_dict(tensors_under("snapshot.", state))
        names = ("states", "energies", "reservoir", "reservoir_energies", "chains", "accepted")
        states, energies, *others = (state[name].to(rbm.weights, copy=True) for name in names)
        self.snapshot = Snapshot(rbm, states, energies, *state["log_z"].tolist())
        self._reservoir, self._energies, self.chains, self._accepted = others
        self.snapshots, self.undone, self._updates, self._proposed = state["counts"].tolist()
        self.rate_share = 0.5**self.undone


def _independent(rbm: RBM, base_bias: Tensor, states: int, random: Random) -> Snapshot:
    """The RBM without weights, whose log Z is exact: the sum of the two layers' own."""
    units = _frozen(rbm)
    units.weights.zero_()
    units.visible.bias.copy_(base_bias)
    drawn = units.visible.sample(units.weights.new_zeros(states, units.visible.size), random)
    layers = [copy.deepcopy(layer).double() for layer in (units.visible, units.hidden)]
    log_z = sum(float(layer.log_partition(layer.bias.new_zeros(1, layer.size))) for layer in layers)
    return Snapshot(units, drawn, units.free_energy(drawn), log_z, 0.0)


def _between(first: RBM, last: RBM, share: float) -> RBM:
    """The model at this share of the straight line between the parameters of two."""
    model = _frozen(first)
    for parameter, low, high in zip(model.parameters(), first.parameters(), last.parameters(), strict=True):
        torch.lerp(low, high, share, out=parameter)
    return model


def _some(states: Tensor, n: int, random: Random) -> Tensor:
    """That many different ones of these states, drawn at random."""
    return states[random.permutation(len(states))[:n].to(states.device)]


def _frozen(rbm: RBM) -> RBM:
    return copy.deepcopy(rbm).requires_grad_(False)
