"""Estimates of the mean log-likelihood of given items, one from above and one from below."""

import math
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike, as_batch
from deepbelief.errors import SettingsError
from deepbelief.likelihood.ais import AISResult, AISSettings, error_of_mean
from deepbelief.likelihood.marginal import sum_out
from deepbelief.likelihood.reverse import raise_bound
from deepbelief.models import DBN, AnnealedPath, Units
from deepbelief.models.missing import check_known_values, known_variables, without_missing
from deepbelief.progress import Progress
from deepbelief.randomness import Random, as_random
from deepbelief.system.products import product

_WIDE: Final = 3.0  # nats
_FEW: Final = 0.1  # of the chains
_FEWEST: Final = 3  # chains, however many there are

Interval = tuple[float, float]


@final
@dataclass(frozen=True, eq=False)
class Bracket:
    """Two estimates of log p for the same items, in nats; with a DBN, of a lower bound of it.

    `upper` uses log Z by AIS, which is too low on average, so `upper` is too high on average; `lower` is by RAISE. Both
    have the shape (items,). The true mean lies between theirs, as far as the intervals and the `warnings` allow.
    """

    upper: Tensor
    lower: Tensor
    z: AISResult

    @property
    def upper_mean(self) -> float:
        """Mean over the items, with AIS."""
        return float(self.upper.mean())

    @property
    def lower_mean(self) -> float:
        """Mean over the items, with RAISE."""
        return float(self.lower.mean())

    @property
    def gap(self) -> float:
        """The difference of the two means."""
        return self.upper_mean - self.lower_mean

    @property
    def upper_interval(self) -> Interval:
        """95 % interval of the mean over all items like these, for the choice of items and the chains of log Z."""
        return around(self.upper_mean, math.hypot(error_of_mean(self.upper), self.z.error))

    @property
    def lower_interval(self) -> Interval:
        """95 % interval of the mean over all items like these; each has chains of its own."""
        return around(self.lower_mean, error_of_mean(self.lower))

    @property
    def gap_interval(self) -> Interval:
        """95 % interval of the gap; narrow, because the differences between items cancel."""
        return around(self.gap, math.hypot(error_of_mean(self.upper - self.lower), self.z.error))

    @property
    def warnings(self) -> list[str]:
        """A sentence for each reason to trust the figures less."""
        if not all(map(math.isfinite, (self.z.log_z, self.upper_mean, self.lower_mean))):
            return [
                "the figures are NaN or infinite and say nothing: look for such or huge values in model and images."
            ]
        found, chains, size = [], len(self.z.log_weights), self.z.effective_sample_size
        if size < max(_FEWEST, _FEW * chains):
            found.append(
                f"log Z rests on {size:.1f} of {chains} chains and is likely too low, the likelihood too high: take "
                f"more temperatures{'' if chains > _FEWEST else ' and chains'}."
            )
        if self.gap > _WIDE:
            found.append(
                f"the two sides are {self.gap:.1f} nats apart: the truth may be anywhere between, and more "
                "temperatures bring them closer."
            )
        return found


def around(middle: float, half: float) -> Interval:
    """The interval from `middle` - `half` to `middle` + `half`."""
    return middle - half, middle + half


@torch.no_grad()
def as_states(units: Units, values: TensorLike, random: Random | int) -> Tensor:
    """The values, or, for binary and categorical units, states drawn with the values as probabilities: (batch, size).

    What is missing (NaN) stays so.

    Grey pixels have no likelihood under binary units. Zeros and ones drawn from them once, with a fixed seed, are data
    that do (Salakhutdinov & Murray 2008); values that are 0 or 1 already stay unchanged.

    Raises:
        DataError: the units cannot take one of the values (binary and categorical units: it is not a probability).
    """
    random = as_random(random, units.bias.device)
    given = checked_values(units, values)
    if not units.grey:
        return given
    known = ~given.isnan()
    field = torch.where(known, units.bias_of_mean(given) - units.bias, 0)
    return units.sample(field, random).masked_fill_(~known, torch.nan)


def checked_values(units: Units, values: TensorLike) -> Tensor:
    """Values as a tensor in the units' type, (batch, size), NaN where they are missing.

    Raises:
        DataError: the units cannot take one of the known values, or only a part of a categorical group is known.
        SettingsError: the model has no likelihood for one of the items.
    """
    given = as_batch(values, units.bias, units.size, "the units have")
    check_known_values(units, given)
    units.check_states(given)
    return given


@torch.no_grad()
def log_likelihood(
    path: AnnealedPath,
    visible: TensorLike,
    z: AISResult,
    random: Random | int,
    settings: AISSettings | None = None,
    progress: Progress | None = None,
) -> Bracket:
    """log p(v) of an RBM, from above, -F(v) - log Z with log Z by AIS, and from below by `raise_bound`.

    What is missing of an item is summed out by `sum_out`, whose result on average is too low, from either side.

    Args:
        path: from independent units to the RBM, as for `ais`.
        visible: (batch, visible), values that the units can take, NaN where they are missing; see `as_states`.
        z: the result of `ais` on the path.
        random, settings, progress: as for `raise_bound`.

    Raises:
        DataError: the units cannot take one of the values.
    """
    values = checked_values(path.rbm.visible, visible)
    random = as_random(random, values.device)
    whole, gain = sum_out(path, values, random, settings, progress)
    upper = gain - path.rbm.free_energy(whole).double() - z.log_z
    return Bracket(upper, gain + raise_bound(path, whole, random, settings, progress), z)


@torch.no_grad()
def dbn_bound(
    dbn: DBN,
    path: AnnealedPath,
    visible: TensorLike,
    z: AISResult,
    random: Random | int,
    settings: AISSettings | None = None,
    progress: Progress | None = None,
) -> Bracket:
    """The variational lower bound of log p(v) of a DBN, itself from both sides (Salakhutdinov & Murray 2008).

    log p(v) >= E_Q[sum over l < L of (log p(h_l-1 | h_l) - log q(h_l | h_l-1)) + log p_L(h_L-1)], h_0 = v,

    where Q goes up the DBN, sampling each layer; one sample for each item. The RBM on top has log p_L = -F - log Z,
    with log Z by AIS, or by RAISE. With a single layer it is `log_likelihood`, not a bound. Where the DBN standardises
    its input, the density is that of the original values. What is missing of v (NaN) is summed out: given h_1 it has no
    part in p(v | h_1).

    Args:
        dbn: of any number of layers and kinds of units.
        path: to the RBM on top; see `layer_path`.
        visible: (batch, visible), as the DBN takes it, of values that the units can take; see `as_states`.
        z, random, settings, progress: as for `log_likelihood`.

    Raises:
        SettingsError: the path does not lead to the RBM on top.
        DataError: the units cannot take one of the values.
    """
    random = as_random(random, dbn.layer(1).weights.device)
    if path.rbm is not dbn.layer(len(dbn)):
        raise SettingsError("the path must lead to the RBM on top of the DBN: make it with layer_path(dbn, len(dbn)).")
    below, values = _sample_up(dbn, visible, random)
    top = log_likelihood(path, values, z, random, settings, progress)
    return Bracket(top.upper + below, top.lower + below, z)


@torch.no_grad()
def upper_side(dbn: DBN, visible: TensorLike, log_z: float, random: Random | int) -> Tensor:
    """`Bracket.upper` of `dbn_bound` alone, (batch,); it needs no annealing, so it is quick for any number of items.

    Args:
        dbn: of any number of layers and kinds of units.
        visible: (batch, visible), as for `dbn_bound`; values may be missing (NaN) if there are several layers.
        log_z: of the RBM on top, such as `AISResult.log_z`.
        random: for the states of the units, on the DBN's device.
    """
    random = as_random(random, dbn.layer(1).weights.device)
    below, values = _sample_up(dbn, visible, random)
    dbn.layer(len(dbn)).visible.check_values(values)  # nothing may be missing of what the top RBM sees
    return below - dbn.layer(len(dbn)).free_energy(values).double() - log_z


def _sample_up(dbn: DBN, given: TensorLike, random: Random) -> tuple[Tensor, Tensor]:
    """The share of the layers below the top in the bound, (batch,), and samples of the top RBM's visible units."""
    visible, below = as_seen(dbn, given)
    for number in range(1, len(dbn)):
        rbm = dbn.layer(number)
        field = product(without_missing(visible), rbm.weights)
        hidden = rbm.hidden.sample(field, random)
        below += log_probability(rbm.visible, visible, product(hidden, rbm.weights.T))
        below -= log_probability(rbm.hidden, hidden, field)
        visible = hidden
    return below, visible


def as_seen(dbn: DBN, given: TensorLike) -> tuple[Tensor, Tensor]:
    """The values as the first RBM sees them, standardised if need be, and log p(given) - log p(seen), (batch,)."""
    visible = checked_values(dbn.layer(1).visible, given)
    if dbn.standardisation is None:
        return visible, torch.zeros(len(visible), dtype=torch.float64, device=visible.device)
    known = (~visible.isnan()).double()
    return dbn.standardisation(visible), -known @ dbn.standardisation.log_scale


def log_probability(units: Units, values: Tensor, field: Tensor) -> Tensor:
    """log p(x | field) = field . x - E(x) - log_partition(field), of the known values of x: (batch,), float64."""
    known, there = known_variables(units, values), without_missing(values)
    log_partition = torch.where(known, units.log_partitions(field), 0).sum(dim=-1)
    return ((field * there).sum(dim=-1) - units.energy(there) - log_partition).double()
