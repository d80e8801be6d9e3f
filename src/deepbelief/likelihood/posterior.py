"""The latent layers of a DBN given its visible values, and the Gibbs sweeps that leave their distribution as it is."""

import copy
from collections.abc import Sequence
from typing import Final, Self, final

import torch
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.likelihood.bracket import log_probability
from deepbelief.models.dbn import DBN
from deepbelief.models.missing import known_variables, without_missing
from deepbelief.models.units import Units
from deepbelief.randomness import Random
from deepbelief.system.products import product


def check_latent(dbn: DBN) -> None:
    """`SettingsError` unless every unit of the layers between the visible layer and the top one is binary."""
    for number in range(1, len(dbn)):
        units = dbn.layer(number).hidden
        if units.states != 1 << units.size or units.variable_sizes != [1] * units.size:
            raise SettingsError(
                f"layer {number} has {type(units).__name__} units, but the likelihood of a DBN is estimated only where "
                "all layers between the visible layer and the top one are Bernoulli: take its bound by dbn_bound."
            )


@final
class Posterior:
    """p(h_1, ..., h_M | v) of a DBN with L = M + 1 hidden layers, for each item v of a batch.

    It is proportional to p(v | h_1) p(h_1 | h_2) ... p(h_M-1 | h_M) exp(-F(h_M)), with F the free energy of the RBM on
    top, and does not factorise: units that explain the same part of v compete. `states` are always the units of all M
    layers side by side, the lowest layer first, shape (items, latent units), each 0 or 1.

    A sweep T visits every unit once, layers from the lowest up and units in their order, and draws it given all
    others; a sweep backwards T' visits them in the reversed order. So T'(h' <- h) p(h | v) = T(h <- h') p(h' | v):
    each is the other one reversed in time, and both leave p(h | v) as it is (Murray & Salakhutdinov 2008).

    Args:
        dbn: with at least 2 hidden layers, binary between the visible layer and the top one; see `check_latent`.
        visible: (items, visible), in the type of the weights; standardised, if the DBN does that; NaN is missing.
    """

    def __init__(self, dbn: DBN, visible: Tensor) -> None:
        check_latent(dbn)
        self._rbms = [dbn.layer(number) for number in range(1, len(dbn) + 1)]
        self._down = [rbm.weights.T.contiguous() for rbm in self._rbms[:-1]]
        self._sizes: Final = [rbm.hidden.size for rbm in self._rbms[:-1]]
        self._visible = visible
        self._known = known_variables(self._rbms[0].visible, visible)
        self._signal = product(without_missing(visible), self._rbms[0].weights)

    def of(self, items: Tensor) -> Self:
        """The same for these items alone, given by their numbers, int64."""
        part = copy.copy(self)
        part._visible, part._signal, part._known = self._visible[items], self._signal[items], self._known[items]
        return part

    def recognise(self, random: Random) -> Tensor:
        """States that the recognition pass draws, layer by layer, each given the one below."""
        found, field = [], self._signal
        for rbm, above in zip(self._rbms, self._rbms[1:], strict=False):
            found.append(rbm.hidden.sample(field, random))
            field = product(found[-1], above.weights)
        return torch.cat(found, dim=1)

    def log_joint(self, states: Tensor) -> Tensor:
        """log p(v, h_1, ..., h_M) + log Z, with Z of the RBM on top, shape (items,), float64."""
        total, below = torch.zeros(len(states), dtype=torch.float64, device=states.device), self._visible
        for rbm, down, own in zip(self._rbms, self._down, torch.split(states, self._sizes, dim=1), strict=False):
            total += log_probability(rbm.visible, below, product(own, down))
            below = own
        return total - self._rbms[-1].free_energy(below).double()

    def sweep(self, states: Tensor, random: Random, backwards: bool = False, temperature: float = 1.0) -> Tensor:
        """States drawn from T( . <- states), or from T' with `backwards`; below a temperature of 1 likelier ones.

        With a temperature a unit is 1 with probability sigmoid(log-odds / temperature).
        """
        uniform = random.uniform_(torch.empty_like(states))
        return self._sweep(states, temperature * torch.logit(uniform), backwards)[0]

    def log_transition(self, states: Tensor, target: Tensor, backwards: bool = False) -> Tensor:
        """log T(target <- states), the sum of the logs of what each unit is drawn with; shape (items,), float64."""
        forced = torch.where(target > 0, -torch.inf, torch.inf).to(states)
        log_odds = self._sweep(states, forced, backwards)[1]
        return torch.nn.functional.logsigmoid((2 * target - 1) * log_odds).double().sum(dim=1)

    @torch.no_grad()
    def _sweep(self, states: Tensor, thresholds: Tensor, backwards: bool) -> tuple[Tensor, Tensor]:
        """Each unit in turn becomes 1 where its log-odds given all others exceed its threshold, else 0.

        Logistic random thresholds thus draw it, and infinite ones force it. Returns the states and the log-odds.
        """
        states = states.clone()
        log_odds = torch.empty_like(states)
        layers, limits, odds = (torch.split(one, self._sizes, dim=1) for one in (states, thresholds, log_odds))
        step = -1 if backwards else 1
        for number in range(len(layers))[::step]:
            order = range(self._sizes[number])[::step]
            linear, moving = self._conditional(layers, number)
            _visit(layers[number], linear, moving, limits[number], odds[number], order)
        return states, log_odds

    def _conditional(self, layers: Sequence[Tensor], number: int) -> tuple[Tensor, list["_LogPartition"]]:
        """log p of one layer given the others: a part linear in its units, and log partitions that they move."""
        rbm, above, own = self._rbms[number], self._rbms[number + 1], layers[number]
        linear = above.visible.bias + (product(layers[number - 1], rbm.weights) if number else self._signal)
        known = self._known if number == 0 else None
        moving = [_LogPartition(rbm.visible, self._down[number], own, -1, known)]
        if number + 1 < len(layers):
            linear = linear + product(layers[number + 1], self._down[number + 1])
        else:
            moving.append(_LogPartition(above.hidden, above.weights, own, 1))
        return linear, moving


@final
class _LogPartition:
    """sign log_partition(h W), kept up to date while one unit of h after the other changes: rank-one changes of h W.

    Of the `known` variables only, bool (items, variables), where that is given.
    """

    def __init__(self, units: Units, weights: Tensor, states: Tensor, sign: int, known: Tensor | None = None) -> None:
        self._units, self._weights, self._sign = units, weights, sign
        self._known = None if known is None or known.all() else known
        self._field = product(states, weights)
        self._value = self._log_partition(self._field)
        self._changed, self._field_changed = self._value, torch.empty_like(self._field)

    def gain(self, unit: int, change: Tensor) -> Tensor:
        """How much the value grows if the unit changes by `change`, shape (items,)."""
        torch.addr(self._field, change, self._weights[unit], out=self._field_changed)
        self._changed = self._log_partition(self._field_changed)
        return self._sign * (self._changed - self._value)

    def _log_partition(self, field: Tensor) -> Tensor:
        if self._known is None:
            return self._units.log_partition(field)
        return torch.where(self._known, self._units.log_partitions(field), 0).sum(dim=-1)

    def accept(self, unit: int, moved: Tensor, change: Tensor) -> None:
        """Let the change that `gain` weighed last happen where `moved`."""
        self._field.addr_(change * moved, self._weights[unit])
        self._value = torch.where(moved, self._changed, self._value)


def _visit(
    states: Tensor,
    linear: Tensor,
    moving: list[_LogPartition],
    thresholds: Tensor,
    log_odds: Tensor,
    order: range,
) -> None:
    """The visits of a sweep to one layer; states and log-odds are written in place."""
    for unit in order:
        own = states[:, unit]
        change = 1 - 2 * own
        odds = linear[:, unit].clone()
        for part in moving:
            odds += change * part.gain(unit, change)
        moved = (odds > thresholds[:, unit]) != (own > 0)
        for part in moving:
            part.accept(unit, moved, change)
        log_odds[:, unit] = odds
        own += change * moved
