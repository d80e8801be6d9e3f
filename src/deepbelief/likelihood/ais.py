"""Annealed importance sampling of the partition function, from independent units or along a training."""

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, final

import scipy.special
import torch
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.models import RBM, AnnealedPath
from deepbelief.progress import Progress
from deepbelief.randomness import Random, as_random
from deepbelief.system.products import product

_BETWEEN_REPORTS: Final = 100  # temperatures
_SEGMENTS: Final = ((0.5, 500), (0.9, 4_000), (1.0, 10_000))  # last beta, temperatures (Salakhutdinov & Murray 2008)
_RECIPE: Final = sum(steps for _, steps in _SEGMENTS)


def _betas(temperatures: int) -> tuple[float, ...]:
    """0 and `temperatures` betas above it, in the proportions of Salakhutdinov & Murray."""
    betas, low, done, wanted = [0.0], 0.0, 0, 0
    for high, steps in _SEGMENTS:
        wanted += steps
        here = round(temperatures * wanted / _RECIPE) - done
        betas += [high - (high - low) * left / here for left in reversed(range(here))]
        # With few temperatures the first segment may have none: the next then starts where the first did.
        low, done = betas[-1], done + here
    return tuple(betas)


@final
@dataclass(frozen=True)
class AISSettings:
    """The temperatures and the numbers of chains; the defaults are those of Salakhutdinov & Murray (2008).

    `betas` ascend from 0 to 1: 500 up to 0.5, 4,000 more up to 0.9, 10,000 more up to 1; `AISSettings.of` keeps these
    proportions. `chains` are independent runs for log Z. `chains_per_item` are those of `raise_bound`, for each item.

    Raises:
        SettingsError: the betas do not ascend from 0 to 1, or there are too few chains.

    >>> settings = AISSettings.of(temperatures=1000, chains=50)
    >>> len(settings.betas), settings.betas[-1]
    (1001, 1.0)
    """

    betas: tuple[float, ...] = field(default=_betas(_RECIPE), repr=False)
    chains: int = 100
    chains_per_item: int = 1

    def __post_init__(self) -> None:
        ends = (self.betas[0], self.betas[-1]) if len(self.betas) > 1 else None
        if ends != (0.0, 1.0) or any(low >= high for low, high in pairwise(self.betas)):
            raise SettingsError("the betas of an annealing must ascend from 0 to 1, such as (0.0, 0.5, 1.0).")
        if self.chains < 2:
            raise SettingsError(f"AIS needs at least 2 chains to know its error, not {self.chains}.")
        if self.chains_per_item < 1:
            raise SettingsError(f"RAISE needs at least 1 chain for each item, not {self.chains_per_item}.")

    @classmethod
    def of(cls, temperatures: int, chains: int = 100, chains_per_item: int = 1) -> "AISSettings":
        """Settings with this number of temperatures above 0, in the proportions of the default."""
        if temperatures < 1:
            raise SettingsError(f"an annealing needs at least 1 temperature, not {temperatures}.")
        return cls(_betas(temperatures), chains, chains_per_item)


@final
@dataclass(frozen=True, eq=False)
class AISResult:
    """Independent unbiased estimates of Z, as `log_weights`, shape (chains,), float64; and the time taken."""

    log_weights: Tensor
    seconds: float

    @property
    def log_z(self) -> float:
        """log of the mean estimate; on average somewhat below log Z (Jensen)."""
        return float(torch.logsumexp(self.log_weights, dim=0)) - math.log(len(self.log_weights))

    @property
    def effective_sample_size(self) -> float:
        """(sum w)^2 / sum w^2: from 1, where one chain outweighs all others, to the number of chains."""
        return float(torch.exp(2 * torch.logsumexp(self.log_weights, 0) - torch.logsumexp(2 * self.log_weights, 0)))

    @property
    def error(self) -> float:
        """Half of the 95 % confidence interval of log Z, in nats: t(0.975, chains - 1) s / sqrt(chains).

        By the delta method s is the standard deviation of w / mean(w). It is right where the weights differ little,
        that is, where the effective sample size is large. Where a few chains dominate the mean, neither this nor a
        bootstrap, which resamples the same chains, accounts for the missing large weights, and log Z is likely above
        the interval.
        """
        return error_of_mean(torch.exp(self.log_weights - self.log_z))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of log Z."""
        return self.log_z - self.error, self.log_z + self.error


def error_of_mean(values: Tensor) -> float:
    """Half of the 95 % confidence interval of the mean, by Student's t; NaN for a single item."""
    n = len(values)
    return float(scipy.special.stdtrit(n - 1, 0.975) * values.std() / math.sqrt(n)) if n > 1 else math.nan


@torch.no_grad()
def ais(
    path: AnnealedPath, random: Random | int, settings: AISSettings | None = None, progress: Progress | None = None
) -> AISResult:
    """Estimate log Z of the RBM at the end of a path (Neal 2001; Salakhutdinov & Murray 2008).

    Z = Z_0 E[product over k of f_k(v_k-1) / f_k-1(v_k-1)], where v_0 ~ p_0 and v_k comes from v_k-1 by a Gibbs step at
    beta_k. The mean over chains is an unbiased estimate of Z, for any number of temperatures.

    Args:
        path: from independent units to the RBM, which may have any kinds of units.
        random: for the states of the units, on the RBM's device.
        settings: temperatures and chains.
        progress: gets "AIS" and counts temperatures.

    >>> from deepbelief import RBM, Bernoulli, Random
    >>> from deepbelief.likelihood import exact_log_z
    >>> rbm = RBM(Bernoulli(6), Bernoulli(4), Random(0))
    >>> path = AnnealedPath(rbm, rbm.visible.bias.detach())
    >>> result = ais(path, Random(0), AISSettings.of(temperatures=100))
    >>> abs(result.log_z - exact_log_z(rbm)) < 0.1
    True
    """
    random = as_random(random, path.rbm.weights.device)
    started = time.perf_counter()
    log_weights, _ = _anneal(path, random, settings or AISSettings(), progress)
    return AISResult(log_weights, time.perf_counter() - started)


def _anneal(
    path: AnnealedPath, random: Random, settings: AISSettings, progress: Progress | None
) -> tuple[Tensor, Tensor]:
    """The log weights and their visible states, before a Gibbs step at beta = 1."""
    visible = path.start(settings.chains, random)
    log_weights = torch.full((settings.chains,), path.log_z0(), dtype=torch.float64, device=visible.device)
    for done, (low, high) in enumerate(pairwise(settings.betas), start=1):
        signal = product(visible, path.rbm.weights)
        log_weights += path.log_ratio(visible, signal, low, high)
        if high < 1:
            visible = path.step(signal, high, random)
        report(progress, "AIS", done, len(settings.betas) - 1)
    return log_weights, visible


def report(progress: Progress | None, method: str, done: int, total: int) -> None:
    """Call `progress` after every 100 temperatures and at the end."""
    if progress is not None and (done % _BETWEEN_REPORTS == 0 or done == total):
        progress(method, done, total)


@torch.no_grad()
def trajectory_log_z(
    path: AnnealedPath,
    models: Sequence[RBM],
    random: Random | int,
    settings: AISSettings | None = None,
    between: int = 100,
) -> list[AISResult]:
    """Estimate log Z of an RBM at several points of its training, each from the one before (Krause et al. 2020).

    The chains are annealed to the first model and then follow the later ones: log weights grow by F_t(v) - F_t+1(v),
    then comes a Gibbs step under model t + 1. Models near each other, such as copies after each epoch, need few steps;
    training passes first-order transitions smoothly where a change of temperature does not (Bereux et al. 2025).

    Args:
        path: from independent units to the first model.
        models: the later ones in their order, of the same units.
        random: for the states of the units.
        settings: the annealing to the first model; few temperatures are enough if it has learnt little.
        between: steps from each model to the next, along the straight line between their parameters.

    Returns:
        One estimate for the first model and each later one, all from the same chains; seconds count from the start.
    """
    random = as_random(random, path.rbm.weights.device)
    if between < 1:
        raise SettingsError(f"it takes at least 1 step from one model to the next, not {between}.")
    started = time.perf_counter()
    log_weights, visible = _anneal(path, random, settings or AISSettings.of(1000), None)
    found = [AISResult(log_weights, time.perf_counter() - started)]
    current = copy.deepcopy(path.rbm)
    for low, high in pairwise([path.rbm, *models]):
        for step in range(1, between + 1):
            visible = current.sample_visible(current.sample_hidden(visible, random), random)
            log_weights = log_weights + current.free_energy(visible).double()
            for parameter, first, last in zip(current.parameters(), low.parameters(), high.parameters(), strict=True):
                torch.lerp(first, last, step / between, out=parameter.data)
            log_weights = log_weights - current.free_energy(visible).double()
        found.append(AISResult(log_weights, time.perf_counter() - started))
    return found
