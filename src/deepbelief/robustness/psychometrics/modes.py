"""Where the posterior, or the likelihood, is highest."""

from typing import NamedTuple

import numpy as np

from deepbelief.robustness.psychometrics.counts import Counts
from deepbelief.robustness.psychometrics.likelihood import likelihood_slope, log_likelihood
from deepbelief.robustness.psychometrics.prior import Prior
from deepbelief.robustness.psychometrics.sigmoids import Array

_STEPS = 200
_EDGE = 8.0  # coordinates stay within this many standard deviations of the prior
_MOVE = 1e-5  # for derivatives
_ENOUGH = 1e-6  # nats
_FIRST_WIDTHS = (-1.5, 0.0, 1.5)


class Modes(NamedTuple):
    """For each eta: the highest point, (etas, coordinates), the curvature there, and the height, (etas,)."""

    z: Array
    curvature: Array
    height: Array


def find_modes(prior: Prior, counts: Counts, eta: Array) -> Modes:
    """The maximum of the posterior, log p(counts | z, eta) - |z|^2 / 2, for each eta.

    Fisher scoring with a damped step (Levenberg 1944) from several widths; the best end of each eta is kept.
    """
    starts = np.zeros((len(_FIRST_WIDTHS), len(eta), prior.coordinates))
    starts[..., 0] = _first_threshold(prior, counts)
    starts[..., 1] = np.array(_FIRST_WIDTHS)[:, None]
    z = starts.reshape(-1, prior.coordinates)
    found = _climb(prior, counts, np.tile(eta, len(_FIRST_WIDTHS)), z, strength=1.0)
    best = found.height.reshape(len(_FIRST_WIDTHS), len(eta)).argmax(axis=0) * len(eta) + np.arange(len(eta))
    return Modes(*(one[best] for one in found))


def maximum_likelihood(prior: Prior, counts: Counts) -> Array:
    """The maximum of log p(counts | z) without overdispersion, (coordinates,), as far as 8 from the prior's middle."""
    binomial = np.zeros(1)
    mode = find_modes(prior, counts, binomial).z
    return np.asarray(_climb(prior, counts, binomial, mode, strength=0.0).z[0])


def _first_threshold(prior: Prior, counts: Counts) -> float:
    """z_0 of the level at which accuracy is nearest to halfway between its highest and its lowest value."""
    shares = counts.right / counts.trials
    above = counts.levels > 0
    nearest = np.abs(shares - (shares.max() + shares.min()) / 2)[above].argmin()
    middle, spread = prior.log_threshold
    return float((np.log(counts.levels[above][nearest]) - middle) / spread)


def _climb(prior: Prior, counts: Counts, eta: Array, z: Array, strength: float) -> Modes:
    """Damped scoring from every start at once, (starts, coordinates)."""

    def height_at(z: Array) -> Array:
        pull = strength * (z**2).sum(axis=-1) / 2
        return np.asarray(log_likelihood(prior.accuracy(z, counts.levels), eta, counts) - pull)

    height, damping = height_at(z), np.full(len(z), 1e-3)
    for _ in range(_STEPS):
        gradient, curvature = _derivatives(prior, counts, eta, z, strength)
        diagonal = np.einsum("bii->bi", curvature)
        damped = curvature + np.einsum("bi,ij->bij", damping[:, None] * diagonal + 1e-9, np.eye(z.shape[1]))
        step = np.linalg.solve(damped, gradient[..., None])[..., 0]
        step /= np.maximum(np.abs(step).max(axis=1, keepdims=True), 1.0)  # no longer than 1 in any coordinate
        proposal = np.clip(z + step, -_EDGE, _EDGE)
        proposed = height_at(proposal)
        better = proposed > height
        little = (gradient * step).sum(axis=1) < _ENOUGH  # about twice what is left to gain, where damping is weak
        z = np.where(better[:, None], proposal, z)
        height = np.where(better, proposed, height)
        damping = np.clip(np.where(better, damping / 5, damping * 5), 1e-9, 1e9)
        if (little & (damping < 1) | (damping >= 1e9)).all():
            break
    return Modes(z, _derivatives(prior, counts, eta, z, strength)[1], height)


def _derivatives(prior: Prior, counts: Counts, eta: Array, z: Array, strength: float) -> tuple[Array, Array]:
    """The gradient, (starts, coordinates), and the expected curvature, (starts, coordinates, coordinates)."""
    moves = _MOVE * np.eye(z.shape[1])
    # (coordinates, starts, blocks)
    jacobian = np.stack(
        [
            (prior.accuracy(z + one, counts.levels) - prior.accuracy(z - one, counts.levels)) / (2 * _MOVE)
            for one in moves
        ]
    )
    slope = likelihood_slope(prior.accuracy(z, counts.levels), eta, counts)
    gradient = np.einsum("ibl,bl->bi", jacobian, slope.score) - strength * z
    curvature = np.einsum("ibl,bl,jbl->bij", jacobian, slope.information, jacobian) + strength * np.eye(z.shape[1])
    return gradient, curvature
