"""Estimates of the log-likelihood of a DBN itself, by importance sampling with its recognition pass."""

import math
from dataclasses import dataclass
from typing import Final, final

import torch

from deepbelief.arrays import TensorLike
from deepbelief.errors import SettingsError
from deepbelief.likelihood.ais import AISResult
from deepbelief.likelihood.bracket import checked_values, upper_side
from deepbelief.likelihood.estimate import Estimate
from deepbelief.models.dbn import DBN
from deepbelief.progress import Progress
from deepbelief.randomness import Random, as_random

_ROWS: Final = 2000  # samples at a time


@final
@dataclass(frozen=True)
class ImportanceSettings:
    """How many `samples` of its hidden layers each item has, K.

    Raises:
        SettingsError: there is no sample.
    """

    samples: int = 1000

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise SettingsError(f"importance sampling takes at least 1 sample, not {self.samples}.")


@torch.no_grad()
def dbn_importance(
    dbn: DBN,
    visible: TensorLike,
    z: AISResult | float,
    random: Random | int,
    settings: ImportanceSettings | None = None,
    progress: Progress | None = None,
) -> Estimate:
    """log p(v) of a DBN, not only its bound, by importance sampling (Burda, Grosse & Salakhutdinov 2016).

    With h all layers between v and the top one and q(h | v) the recognition pass, p(v) is the mean of
    p(v, h) / q(h | v) over h ~ q, here over K samples of each item:

    p^(v) = 1/K sum_k p(v, h_k) / q(h_k | v).

    So E[p^(v)] = p(v), and E[log p^(v)] <= log p(v): a lower bound on average, which is that of `dbn_bound` with one
    sample, never falls with more of them, and reaches log p(v) in the end; the sooner, the nearer q is to p(h | v).
    That is for the exact log Z; AIS finds it a little too low on average, and the estimates too high by the same. Where
    the DBN standardises its input, the density is that of the original values.

    Args:
        dbn: of any number of layers and kinds of units.
        visible: (batch, visible), as the DBN takes it, of values that the units can take; see `as_states`.
        z: log Z of the RBM on top: the result of `ais`, or the number itself, as from `exact_log_z`.
        random: for the states of the units, on the DBN's device.
        settings: how many samples.
        progress: gets "Importance sampling" and counts the samples of all items.

    Returns:
        One number in nats for each item.

    Raises:
        DataError: the units cannot take one of the values.

    >>> from deepbelief.likelihood import exact_log_z
    >>> dbn = DBN.from_sizes([6, 5, 4], Random(0))
    >>> round(dbn_importance(dbn, [[0, 1, 0, 1, 1, 0]], exact_log_z(dbn.layer(2)), Random(0)).mean, 1)
    -4.2
    """
    random, samples = as_random(random, dbn.layer(1).weights.device), (settings or ImportanceSettings()).samples
    given = checked_values(dbn.layer(1).visible, visible)
    log_z, items = z.log_z if isinstance(z, AISResult) else z, len(given)
    total = torch.full((items,), -torch.inf, dtype=torch.float64, device=given.device)
    at_once = max(1, _ROWS // max(1, items))
    for done in range(0, samples, at_once):
        some = min(at_once, samples - done)
        weights = upper_side(dbn, given.repeat(some, 1), log_z, random).view(some, items)
        total = torch.logaddexp(total, torch.logsumexp(weights, dim=0))
        if progress is not None:
            progress("Importance sampling", (done + some) * items, samples * items)
    return Estimate(total - math.log(samples), z, "importance sampling")
