"""Trajectory tempering: chains that mix by way of the RBM's own earlier states, which tell log Z on the way."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.checkpoint import tensors_under
from deepbelief.errors import DeepBeliefError
from deepbelief.learning.rbm.negative_phases.base import NegativePhase, statistics_of_states
from deepbelief.learning.rbm.negative_phases.mixing import Trace, acceptance_rate, autocorrelation_time
from deepbelief.learning.rbm.statistics import Statistics, Workspace
from deepbelief.likelihood.bennett import bennett
from deepbelief.models.rbm import RBM
from deepbelief.randomness import Random
from deepbelief.system.compilation import Compiler
from deepbelief.system.processes import Share

_RESERVOIR: Final = 10  # states of a snapshot for each chain
_FEWEST: Final = 100  # of them, or all, are offered in each update
_NEIGHBOURS: Final = 0.3  # the share of accepted swaps below which the RBM becomes the next snapshot
_LOST: Final = 0.1  # the share below which it has lost touch with the latest one
_RENEWAL: Final = 10  # Gibbs steps of a snapshot's states before they tell its log Z from another model's
_THERMALISATION: Final = 20  # autocorrelation times that a new snapshot's chains run before they are collected
_SHORTEST, _LONGEST = 20, 2560  # sweeps of a thermalisation
_SMALLEST: Final = 2.0**-20  # step from independent units to the RBM at the start


@final
@dataclass(frozen=True, eq=False)
class Snapshot:
    """An earlier state of the RBM: a frozen copy, a reservoir of states that follow it, and its log Z."""

    rbm: RBM
    states: Tensor  # (states, visible)
    energies: Tensor  # (states,)
    log_z: float
    variance: float  # of log_z

    def move(self, rows: Tensor, steps: int, random: Random) -> None:
        """Let the states in these rows, int64, make Gibbs steps, in place; they follow the snapshot as before."""
        states = self.states[rows]
        for _ in range(steps):
            states = self.rbm.sample_visible(self.rbm.sample_hidden(states, random), random)
        self.states[rows], self.energies[rows] = states, self.rbm.free_energy(states)

    def move_all(self, random: Random) -> None:
        """Let all states make so many steps that they are fresh."""
        self.move(torch.arange(len(self.states), device=self.states.device), _RENEWAL, random)

    def differences(self, model: RBM) -> Tensor:
        """F of the model less F of the snapshot, of all states: (states,)."""
        return model.free_energy(self.states) - self.energies


@final
class TrajectoryTempering(NegativePhase):
    """Trajectory tempering (Béreux, Decelle, Furtlehner & Seoane 2025, 2026): swaps with the RBM's own earlier states.

    A model early in its training mixes fast, and each later one is near the one before it. Of the latest snapshot s of
    the RBM there is a reservoir of ten times as many states as there are chains, so that no older model is simulated.
    In each of the `gibbs_steps` sweeps of an update every chain makes a Gibbs step, and is offered a state v' of the
    reservoir, which has just made a Gibbs step of s, for its own v. It takes it with the probability of a swap,
    min(1, exp(D(v) - D(v'))), D = F - F_s, with F of the RBM at work. The reservoir keeps v', not v, so that it follows
    s however far behind the chains are. So the chains follow the RBM without having to find their own way from mode to
    mode.

    How near the two models are is the share of swaps that chains at equilibrium would accept, by `acceptance_rate` from
    the states that are offered; chains that lag behind a fast RBM accept many more.

    Snapshots: the first is the RBM with W = 0 and visible biases `base_bias`, independent units, whose states are drawn
    exactly. From there the ladder goes up to the RBM as training begins, on the straight line between their parameters;
    where the RBM has learnt nothing yet, in one step. From then on the RBM becomes the next snapshot when the share is
    below 0.3. Its chains then run on for 20 autocorrelation times before the reservoir is filled from them, at
    intervals of one such time: that of whether a chain has taken an even or an odd number of states, which shows chains
    that never take one.

    log Z of the first is exact; that of each later one is the one before it plus the difference by `bennett`, from the
    free energies of the states of both under both models. The states of the older one make 10 Gibbs steps first: an RBM
    learns from chains that took them, fits their chance deviations, too, and its log Z would seem too low. The standard
    error takes all states as independent.

    Updates that break equilibrium are undone: where the share is below 0.1, or below 0.3 after a single update of a
    snapshot, or where chains do not come to an equilibrium of a new snapshot within 2,560 sweeps. The RBM goes back to
    the latest snapshot, and the chains to states of it; learning goes on from there with the next statistics at half
    the rate, for good, and without the momentum so far.

    Args:
        rbm: the model; changed only to go back.
        batch_size: the largest batch.
        chains: how many chains.
        base_bias: visible biases of independent units with the data's means, see `base_rate_bias`.
        random: the states of independent units.
        products: as for `ContrastiveDivergence`; the chains' own products are always the parameters'.
        compiler: as for `ContrastiveDivergence`; of the statistics, not of the chains.
    """

    def __init__(
        self,
        rbm: RBM,
        batch_size: int,
        chains: int,
        base_bias: Tensor,
        random: Random,
        products: torch.dtype | None = None,
        compiler: Compiler | None = None,
    ) -> None:
        self.gibbs_steps = 1
        self._rbm, self._workspace = rbm, Workspace(rbm, batch_size, chains, products, compiler=compiler)
        self.narrow = self._workspace.narrow
        self.snapshot = _independent(rbm, base_bias, _RESERVOIR * chains, random)
        self.chains = _some(self.snapshot.states, chains, random)
        self.snapshots = 0  # after that of independent units
        self.undone = 0
        self._updates = 0  # since the latest snapshot
        self._trace = Trace(chains, rbm.weights)
        self._start_counting()

    def _start_counting(self) -> None:
        self._offered, self._taken = 0, self._rbm.weights.new_zeros(())

    @torch.no_grad()
    def statistics(self, visible: Tensor, random: Random, share: Share | None = None) -> Statistics:
        if self.snapshots:
            self._follow(random)
        else:
            self._climb(random)
        return statistics_of_states(self._workspace, visible, self.chains, self._trace, random)

    def _follow(self, random: Random) -> None:
        """Let the chains follow the RBM after an update; take a snapshot or go back if it is time."""
        for _ in range(self.gibbs_steps):
            differences, taken = self._sweep(self._rbm, random)
            self._offered += len(taken)
            self._taken += taken.sum()
        self._updates += 1
        rate = acceptance_rate(differences)
        if rate >= _NEIGHBOURS:
            return
        near = rate >= _LOST and self._updates > 1  # False of NaN, too
        if not (near and self._take_snapshot(self._rbm, _LOST, random)):
            self._go_back(random)

    def _sweep(self, model: RBM, random: Random) -> tuple[Tensor, Tensor]:
        """A Gibbs step of all chains and an offer to each: D of all states that were offered, and who took one."""
        own = model.sample_visible(model.sample_hidden(self.chains, random), random)
        snapshot, n = self.snapshot, len(own)
        rows = random.permutation(len(snapshot.states))[: max(n, _FEWEST)].to(own.device)
        snapshot.move(rows, 1, random)
        differences = model.free_energy(snapshot.states[rows]) - snapshot.energies[rows]
        log_ratio = model.free_energy(own) - snapshot.rbm.free_energy(own) - differences[:n]
        taken = random.uniform_(torch.empty_like(log_ratio)) < log_ratio.exp()
        self.chains = torch.where(taken[:, None], snapshot.states[rows[:n]], own)
        return differences, taken

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
        """Whether the model is the next snapshot now: it is this near, and its chains came to an equilibrium."""
        older, newer = self.snapshot, _frozen(model)
        older.move_all(random)
        differences = older.differences(newer)
        if not acceptance_rate(differences) >= lowest:  # True of NaN, too
            return False
        time = self._thermalise(newer, random)
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
        ratio = bennett(differences, energies - older.rbm.free_energy(states))
        variance = older.variance + ratio.standard_error**2
        self.snapshot = Snapshot(newer, states, energies, older.log_z + ratio.value, variance)
        self.snapshots, self._updates = self.snapshots + 1, 0
        return True

    def _thermalise(self, model: RBM, random: Random) -> float:
        """Let the chains come to an equilibrium of the model; their autocorrelation time, infinite if they do not."""
        odd, sweeps = torch.ones(len(self.chains), device=self.chains.device), _SHORTEST
        levels: list[Tensor] = []
        while sweeps <= _LONGEST:
            while len(levels) < sweeps:
                odd = torch.where(self._sweep(model, random)[1], -odd, odd)
                levels.append(odd)
            time = autocorrelation_time(torch.stack(levels).double().cpu().numpy())
            if _THERMALISATION * time <= sweeps:
                return time
            sweeps *= 2
        return math.inf

    def _go_back(self, random: Random) -> None:
        for parameter, before in zip(self._rbm.parameters(), self.snapshot.rbm.parameters(), strict=True):
            parameter.copy_(before)
        self.chains = _some(self.snapshot.states, len(self.chains), random)
        self.rate_share, self.undone, self._updates = self.rate_share / 2, self.undone + 1, 0

    @torch.no_grad()
    def log_z(self, random: Random) -> tuple[float, float]:
        """log Z of the RBM as it is now and its standard error, by `bennett`, after some sweeps of the chains."""
        if not self.snapshots:
            self._climb(random)
        snapshot, rbm = self.snapshot, self._rbm
        snapshot.move_all(random)
        for _ in range(_SHORTEST):  # to catch up with the latest updates
            self._sweep(rbm, random)
        of_chains = rbm.free_energy(self.chains) - snapshot.rbm.free_energy(self.chains)
        ratio = bennett(snapshot.differences(rbm), of_chains)
        return snapshot.log_z + ratio.value, math.sqrt(snapshot.variance + ratio.standard_error**2)

    def mixing(self) -> dict[str, float]:
        """The share of offered states that were taken and the autocorrelation time in updates since the last call; how
        many snapshots there are after that of independent units, and how often the RBM went back to one, in all.

        The share is NaN where there was no update, the time NaN and infinite as `Trace` says.
        """
        rate = float(self._taken) / self._offered if self._offered else math.nan
        self._start_counting()
        return {
            "swap_rate": rate,
            "snapshots": float(self.snapshots),
            "undone": float(self.undone),
            "autocorrelation_time": self._trace.autocorrelation_time(),
        }

    def visible_chains(self) -> Tensor:
        return self.chains.clone()

    def state(self) -> dict[str, Tensor]:
        snapshot = self.snapshot
        tensors = {f"snapshot.{name}": tensor for name, tensor in snapshot.rbm.state_dict().items()}
        return tensors | {
            "states": snapshot.states,
            "energies": snapshot.energies,
            "log_z": torch.tensor([snapshot.log_z, snapshot.variance], dtype=torch.float64),
            "chains": self.chains,
            "counts": torch.tensor([self.snapshots, self.undone, self._updates]),
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        rbm = _frozen(self._rbm)
        rbm.load_state_dict(tensors_under("snapshot.", state))
        like = {"states": self.snapshot.states, "energies": self.snapshot.energies, "chains": self.chains}
        states, energies, self.chains = (torch.empty_like(one).copy_(state[name]) for name, one in like.items())
        log_z, variance = state["log_z"].tolist()
        self.snapshot = Snapshot(rbm, states, energies, log_z, variance)
        self.snapshots, self.undone, self._updates = map(int, state["counts"].tolist())
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
