"""The posterior of a psychometric curve, as curves with weights."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, final

import numpy as np
import scipy.special
import torch

from deepbelief.robustness.psychometrics.counts import Counts
from deepbelief.robustness.psychometrics.likelihood import log_likelihood, log_orders
from deepbelief.robustness.psychometrics.modes import Modes, find_modes
from deepbelief.robustness.psychometrics.prior import Parameters, Prior
from deepbelief.robustness.psychometrics.sigmoids import Array

_ETAS: Final = 12
_NONE: Final = 0.2  # prior probability of no overdispersion
_POINTS: Final = (512, 1024)  # for each eta, first and after the proposals have been adapted
_MOST_DOUBLINGS: Final = 3
_ENOUGH: Final = 1000  # effective points
_NEGLIGIBLE: Final = 8.0  # nats below the most likely eta
_INFLATION: Final = (1.2, 2.5)  # standard deviations of the proposals over those of the posterior
_GOLDEN: Final = (math.sqrt(5) - 1) / 2
_SHARES: Final = (0.5, 0.25, 0.25)  # of the two and of the prior among the points


@final
@dataclass(frozen=True, eq=False)
class Posterior:
    """Curves and how much each counts: parameters, overdispersion eta and weights that add up to 1, (points,) each."""

    parameters: Parameters
    eta: Array
    weights: Array
    log_evidence: float
    mode: Array
    mode_eta: float

    @property
    def effective_points(self) -> float:
        """1 / sum of the squared weights: the number of equally weighted points that say as much."""
        return float(1 / (self.weights**2).sum())

    def quantiles(self, values: Array, shares: Array) -> Array:
        """Of a quantity that has these values at the points: below which a share of the weight lies."""
        order = values.argsort()
        weights = self.weights[order]
        return np.interp(shares, weights.cumsum() - weights / 2, values[order])

    def probability(self, event: Array) -> float:
        """Of what is true of some points, (points,) bool."""
        return float(self.weights[event].sum())


def find_posterior(prior: Prior, counts: Counts, most_overdispersion: float) -> Posterior:
    """The posterior by importance sampling, for each of a row of overdispersions eta.

    Given eta, the posterior of the coordinates z is about normal, however narrow it is: points are placed by two normal
    distributions around its mode and by the prior, and weighted by what is wanted over what was proposed. The
    points are always the same, evenly spread ones, and so is the result for the same counts. The row of eta is refined
    to where the posterior has weight, and the proposals are adapted to the first weighted points.
    """
    eta, log_prior, cell = _row_of_etas(prior, counts, most_overdispersion)
    modes = find_modes(prior, counts, eta)
    center, spread = modes.z, np.linalg.cholesky(np.linalg.inv(modes.curvature))
    z, log_weights = _weighted(prior, counts, eta, center, spread, _POINTS[0])
    for doubling in range(_MOST_DOUBLINGS + 1):
        center, spread = _adapted(z, log_weights, center, spread)
        z, log_weights = _weighted(prior, counts, eta, center, spread, _POINTS[1] * 2**doubling)
        joint = log_weights + log_prior[:, None] - math.log(z.shape[1])
        log_evidence = float(scipy.special.logsumexp(joint))
        weights = np.exp(joint - log_evidence)
        if 1 / (weights**2).sum() >= _ENOUGH:
            break
    kept = weights > 1e-9 * weights.max()
    best = int((weights.sum(axis=1)).argmax())
    # Each of the row stands for all etas nearer to it than to its neighbours.
    within = np.exp(cell * (np.arange(z.shape[1]) * _GOLDEN % 1 - 0.5))
    return Posterior(
        Parameters(*(one[kept] for one in prior.parameters(z))),
        np.minimum(eta[:, None] * within, most_overdispersion)[kept],
        weights[kept] / weights[kept].sum(),
        log_evidence + log_orders(counts),
        modes.z[best],
        float(eta[best]),
    )


def _row_of_etas(prior: Prior, counts: Counts, most: float) -> tuple[Array, Array, float]:
    """Overdispersions, (etas,), the logarithms of their prior, and the distance of their logarithms.

    With probability 1/5 there is none, otherwise log eta is uniform from where overdispersion is a tenth of the
    variance of binomial shares up to `most`. With more on none, intervals of few levels hold the truth too rarely where
    there is some; with less, too often where there is none.
    """
    least = 1 / math.sqrt(10 * float(np.median(counts.trials)))
    if most <= least:
        return np.zeros(1), np.zeros(1), 0.0
    log_eta = np.linspace(math.log(least), math.log(most), _ETAS)
    modes = find_modes(prior, counts, np.exp(log_eta))
    evidence = _laplace(modes)
    likely = np.nonzero(evidence > evidence.max() - _NEGLIGIBLE)[0]
    first, last = max(likely[0] - 1, 0), min(likely[-1] + 1, _ETAS - 1)
    finer = np.linspace(log_eta[first], log_eta[last], _ETAS)
    cell = float(finer[1] - finer[0])
    ends = np.ones(_ETAS)
    ends[[0, -1]] = 0.5  # trapezoidal rule
    spread = np.log((1 - _NONE) * cell / (log_eta[-1] - log_eta[0]) * ends)
    return np.concatenate([[0.0], np.exp(finer)]), np.concatenate([[math.log(_NONE)], spread]), cell


def _laplace(modes: Modes) -> Array:
    """About log p(counts | eta), (etas,)."""
    return np.asarray(modes.height - np.linalg.slogdet(modes.curvature)[1] / 2)


def _weighted(
    prior: Prior, counts: Counts, eta: Array, center: Array, spread: Array, points: int
) -> tuple[Array, Array]:
    """Points, (etas, points, coordinates), and the logarithms of their weights, (etas, points)."""
    normal = _evenly_spread(len(eta), points, center.shape[1])
    starts = np.cumsum([0, *(round(share * points) for share in _SHARES)])
    z = normal.copy()
    for scale, start, end in zip(_INFLATION, starts[:-2], starts[1:-1], strict=True):
        z[:, start:end] = center[:, None] + scale * np.einsum("eij,epj->epi", spread, normal[:, start:end])
    # Standard normal coordinates of all points, seen from the center: (etas, points, coordinates).
    seen = np.einsum("eij,epj->epi", np.linalg.inv(spread), z - center[:, None])
    log_determinant = np.log(np.einsum("eii->ei", spread)).sum(axis=1)[:, None]
    proposed = [
        math.log(share) - (seen**2).sum(axis=-1) / (2 * scale**2) - log_determinant - z.shape[-1] * math.log(scale)
        for share, scale in zip(_SHARES, _INFLATION, strict=False)
    ]
    log_prior = -(z**2).sum(axis=-1) / 2
    log_proposal = np.logaddexp.reduce([*proposed, math.log(_SHARES[-1]) + log_prior])
    accuracy = prior.accuracy(z, counts.levels)
    return z, log_likelihood(accuracy, eta[:, None], counts) + log_prior - log_proposal


def _adapted(z: Array, log_weights: Array, center: Array, spread: Array) -> tuple[Array, Array]:
    """Mean and Cholesky factor of the covariance of weighted points, for each eta; as before where too few count."""
    weights = np.exp(log_weights - scipy.special.logsumexp(log_weights, axis=1, keepdims=True))
    mean = np.einsum("ep,epi->ei", weights, z)
    around = z - mean[:, None]
    covariance = np.einsum("ep,epi,epj->eij", weights, around, around)
    enough = 1 / (weights**2).sum(axis=1) > 30
    previous = np.einsum("eij,ekj->eik", spread, spread)
    covariance = np.where(enough[:, None, None], covariance, previous)
    return np.where(enough[:, None], mean, center), np.linalg.cholesky(covariance)


@lru_cache(maxsize=8)
def _evenly_spread(rows: int, points: int, coordinates: int) -> Array:
    """Standard normal points without gaps or clusters, (rows, points, coordinates), from a scrambled Sobol sequence."""
    engine = torch.quasirandom.SobolEngine(coordinates, scramble=True, seed=0)  # type: ignore[no-untyped-call]
    uniform = engine.draw(rows * points, dtype=torch.float64).clamp(1e-12, 1 - 1e-12)
    return np.asarray(scipy.special.ndtri(uniform.numpy())).reshape(rows, points, coordinates)
