"""Estimates of the log-likelihood of a DBN itself, by short Markov chains over its latent layers."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike
from deepbelief.errors import SettingsError
from deepbelief.likelihood.ais import AISResult, error_of_mean
from deepbelief.likelihood.bracket import Interval, around, as_seen
from deepbelief.likelihood.posterior import Posterior
from deepbelief.models.dbn import DBN
from deepbelief.progress import Progress
from deepbelief.randomness import Random, as_random

_ROWS: Final = 200  # items at a time: enough to keep the processor busy, few enough for their fields to fit its cache


@final
@dataclass(frozen=True)
class ChainSettings:
    """How many `steps` the chain of each item has, S, and in how many sweeps a likely state to start from is sought.

    The time of an estimate is that of 2 S + `search` sweeps.

    Raises:
        SettingsError: there is no step, or a negative number of sweeps.
    """

    steps: int = 20
    search: int = 10

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise SettingsError(f"a chain that estimates a likelihood has at least 1 step, not {self.steps}.")
        if self.search < 0:
            raise SettingsError(f"the search for a likely state takes 0 sweeps or more, not {self.search}.")


@final
@dataclass(frozen=True, eq=False)
class Estimate:
    """Estimates of log p(v) of a DBN in nats, float64, shape (items,); `z` is log Z of the RBM on top, or its AIS."""

    values: Tensor
    z: AISResult | float
    method: str = "chains"
    """By what, for the reader."""

    @property
    def mean(self) -> float:
        """Mean over the items."""
        return float(self.values.mean())

    @property
    def interval(self) -> Interval:
        """95 % interval of the mean over all items like these, for the choice of items, their chains, and log Z."""
        z_error = self.z.error if isinstance(self.z, AISResult) else 0.0
        return around(self.mean, math.hypot(error_of_mean(self.values), z_error))


@torch.no_grad()
def dbn_estimate(
    dbn: DBN,
    visible: TensorLike,
    z: AISResult | float,
    random: Random | int,
    settings: ChainSettings | None = None,
    progress: Progress | None = None,
) -> Estimate:
    """log p(v) of a DBN, not only its bound, by the chains of Murray & Salakhutdinov (2008).

    With h all layers between v and the top one, p(v) = p(v, h*) / p(h* | v) for any state h*. The numerator is known.
    A Gibbs sweep T leaves p(h | v) as it is, so p(h* | v) is the mean of T(h* <- h) over h ~ p(h | v), here over S
    states of one chain:

    p^(v) = p(v, h*) / (1/S sum_s T(h* <- h_s)).

    One of these states, of a number s drawn from 1 to S, comes from h* by the reversed sweep; those after it follow by
    sweeps, those before it by reversed sweeps. Then E[p^(v)] = p(v) for every S and every h* that is chosen before,
    so E[log p^(v)] <= log p(v), and the difference vanishes as S grows. That is for the exact log Z; AIS finds it a
    little too low on average, and the estimates too high by the same. With one hidden layer there is no h, and
    the estimate is -F(v) - log Z. Where the DBN standardises its input, the density is that of the original values.

    A likely h* is one that many states go to with a similar probability, so that few of them are enough. It is where
    `search` sweeps end that begin at a sample of the recognition pass and become ever colder.

    Args:
        dbn: layers between the visible and the top one must be Bernoulli, the other two may be of any kind.
        visible: (batch, visible), as the DBN takes it, of values that the units can take; see `as_states`.
        z: log Z of the RBM on top: the result of `ais`, or the number itself, as from `exact_log_z`.
        random: for the states of the units, on the DBN's device.
        settings: of the chains.
        progress: gets "Chains" and counts the steps of all items.

    Returns:
        One number in nats for each item.

    Raises:
        SettingsError: a layer between the visible and the top one is not Bernoulli.
        DataError: the units cannot take one of the values.

    >>> from deepbelief.likelihood import exact_log_z
    >>> dbn = DBN.from_sizes([6, 5, 4], Random(0))
    >>> round(dbn_estimate(dbn, [[0, 1, 0, 1, 1, 0]], exact_log_z(dbn.layer(2)), Random(0)).mean, 1)
    -4.2
    """
    random, settings = as_random(random, dbn.layer(1).weights.device), settings or ChainSettings()
    seen, correction = as_seen(dbn, visible)
    log_z = z.log_z if isinstance(z, AISResult) else z
    if len(dbn) == 1:
        dbn.layer(1).visible.check_values(seen)  # nothing may be missing of what the top RBM sees
        return Estimate(correction - dbn.layer(1).free_energy(seen).double() - log_z, z)
    done = 0

    def report(items: int) -> None:
        nonlocal done
        done += items
        if progress is not None:
            progress("Chains", done, len(seen) * settings.steps)

    blocks = [Posterior(dbn, block) for block in torch.split(seen, _ROWS)]
    found = torch.cat([_log_probability(block, random, settings, report) for block in blocks])
    return Estimate(correction + found - log_z, z)


def _log_probability(
    posterior: Posterior, random: Random, settings: ChainSettings, report: Callable[[int], None]
) -> Tensor:
    """log p^(v) + log Z of each item, (items,)."""
    special = posterior.recognise(random)
    for left in range(settings.search, 0, -1):
        special = posterior.sweep(special, random, temperature=left / (settings.search + 1))
    return posterior.log_joint(special) - _log_posterior(posterior, special, settings.steps, random, report)


def _log_posterior(
    posterior: Posterior, special: Tensor, steps: int, random: Random, report: Callable[[int], None]
) -> Tensor:
    """log (1/S sum_s T(h* <- h_s)) of each item, (items,)."""
    place = (random.uniform((len(special),)) * steps).long()  # of the state that the others start from, from 0
    start = posterior.sweep(special, random, backwards=True)
    total = posterior.log_transition(start, special)
    report(len(special))
    for backwards, lengths in ((False, steps - 1 - place), (True, place)):
        states = start.clone()
        for step in range(int(lengths.max())):
            items = (lengths > step).nonzero().squeeze(1)
            part = posterior.of(items)
            states[items] = part.sweep(states[items], random, backwards)
            total[items] = torch.logaddexp(total[items], part.log_transition(states[items], special[items]))
            report(len(items))
    return total - math.log(steps)
