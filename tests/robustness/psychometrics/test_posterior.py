"""Modes and posterior against other ways to compute the same: an optimiser of SciPy, and grids without refinement."""

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import scipy.stats

from deepbelief.robustness import FreeGuess, Logistic, PsychometricSettings
from deepbelief.robustness.psychometrics.counts import Counts, checked_counts
from deepbelief.robustness.psychometrics.likelihood import log_likelihood, log_orders
from deepbelief.robustness.psychometrics.modes import find_modes, maximum_likelihood
from deepbelief.robustness.psychometrics.posterior import Posterior, _evenly_spread, find_posterior
from deepbelief.robustness.psychometrics.prior import Parameters, Prior

LEVELS = [0, 0.2, 0.4, 0.6, 0.8, 1]
FEW = checked_counts(LEVELS, [18, 17, 13, 12, 6, 4], 20)
MANY = checked_counts(LEVELS, [9012, 8731, 7433, 5120, 3011, 1720], 10_000)
SETTINGS = [PsychometricSettings(), PsychometricSettings(Logistic()), PsychometricSettings(guess=FreeGuess())]
SHARES = np.array([0.025, 0.5, 0.975])


def log_posterior(prior: Prior, counts: Counts, z, eta: float):
    return log_likelihood(prior.accuracy(z, counts.levels), np.array(eta), counts) - (z**2).sum(axis=-1) / 2


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("counts", [FEW, MANY])
def test_modes_are_those_of_an_optimiser(settings: PsychometricSettings, counts: Counts) -> None:
    prior, etas = Prior.of(counts, 10, settings), np.array([0.0, 0.05])
    found = find_modes(prior, counts, etas)
    for eta, z, height in zip(etas, found.z, found.height, strict=True):
        best = scipy.optimize.minimize(
            lambda one, eta=eta: -log_posterior(prior, counts, one, eta), z + 0.1, method="Nelder-Mead", tol=1e-9
        )
        assert height == pytest.approx(-best.fun, abs=1e-4)
    likeliest = log_likelihood(prior.accuracy(maximum_likelihood(prior, counts), counts.levels), np.zeros(()), counts)
    best = scipy.optimize.minimize(
        lambda one: -log_likelihood(prior.accuracy(one, counts.levels), np.zeros(()), counts),
        found.z[0],
        method="Nelder-Mead",
        tol=1e-9,
        options={"maxiter": 4000},
    )
    assert likeliest >= -best.fun - 0.01


def on_a_grid(prior: Prior, counts: Counts, etas, log_prior, ranges) -> Posterior:
    """The posterior of three coordinates on a plain grid, every point of it."""
    axes = [np.linspace(*ends, points) for ends, points in zip(ranges, (81, 31, 31), strict=True)]
    z = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    joint = np.stack(
        [log_posterior(prior, counts, z, eta) + weight for eta, weight in zip(etas, log_prior, strict=True)]
    )
    cell = np.prod([axis[1] - axis[0] for axis in axes]) / (2 * np.pi) ** 1.5
    evidence = float(scipy.special.logsumexp(joint) + np.log(cell) + log_orders(counts))
    weights = np.exp(joint - scipy.special.logsumexp(joint))
    parameters = Parameters(*(np.tile(one, len(etas)) for one in prior.parameters(z)))
    return Posterior(parameters, np.repeat(etas, len(z)), weights.ravel(), evidence, z[0], 0.0)


def marginal_quantiles(grid: Posterior, values):
    """Quantiles of a quantity that has one value on each plane of the grid."""
    different, place = np.unique(np.round(values, 12), return_inverse=True)
    weights = np.bincount(place, weights=grid.weights)
    return np.interp(SHARES, weights.cumsum() - weights / 2, different)


def rows() -> list[tuple[Counts, float, list[float], list[tuple[float, float]]]]:
    """Counts, the most overdispersion, the grid's etas, the ranges of its coordinates."""
    some = np.exp(np.linspace(np.log(1 / np.sqrt(200)), np.log(0.5), 10))
    return [
        (FEW, 0.0, [0.0], [(-0.8, 1.5), (-3, 3), (-4.5, 2.5)]),
        (FEW, 0.5, [0.0, *some], [(-2, 3), (-4, 4), (-4.5, 3)]),
        (MANY, 0.0, [0.0], [(0.94, 1.06), (-0.1, 0.12), (-0.31, -0.19)]),
    ]


@pytest.mark.parametrize(("counts", "most", "etas", "ranges"), rows())
def test_the_posterior_is_that_of_a_fine_grid(counts, most, etas, ranges) -> None:
    prior = Prior.of(counts, 10, PsychometricSettings())
    found = find_posterior(prior, counts, most)
    weights = np.ones(len(etas))
    if most:
        weights[1:] = 0.8 / (len(etas) - 2)
        weights[[1, -1]] /= 2
        weights[0] = 0.2
    mode = find_modes(prior, counts, np.zeros(1)).z[0]
    if counts is MANY:  # its place is not known beforehand
        spread = np.sqrt(np.diag(np.linalg.inv(find_modes(prior, counts, np.zeros(1)).curvature[0])))
        ranges = list(zip(mode - 5 * spread, mode + 5 * spread, strict=True))
    grid = on_a_grid(prior, counts, np.array(etas), np.log(weights), ranges)
    assert found.log_evidence == pytest.approx(grid.log_evidence, abs=0.03)
    for name in ("threshold", "width", "lapse"):
        one = found.quantiles(getattr(found.parameters, name), SHARES)
        other = marginal_quantiles(grid, getattr(grid.parameters, name))
        assert one == pytest.approx(other, abs=0.05 * (other[2] - other[0])), name
    if most:
        assert found.probability(found.eta == 0) == pytest.approx(grid.probability(grid.eta == 0), abs=0.02)
        assert found.quantiles(found.eta, SHARES)[2] == pytest.approx(marginal_quantiles(grid, grid.eta)[2], rel=0.1)


def test_the_same_counts_give_the_same_posterior() -> None:
    prior = Prior.of(FEW, 10, PsychometricSettings())
    one, other = find_posterior(prior, FEW, 0.5), find_posterior(prior, FEW, 0.5)
    assert (one.weights == other.weights).all()
    assert one.effective_points > 1000


def test_a_shift_that_chance_does_not_explain_is_overdispersion() -> None:
    prior = Prior.of(MANY, 10, PsychometricSettings())
    smooth = Counts(MANY.levels, np.round(prior.accuracy(np.zeros(3), MANY.levels) * 10_000), MANY.trials)
    rough = Counts(MANY.levels, smooth.right + np.array([0, 250, -250, 250, -250, 250]), MANY.trials)
    calm, wild = (find_posterior(prior, counts, 0.5) for counts in (smooth, rough))
    assert calm.probability(calm.eta < 0.02) > 0.8
    assert wild.probability(wild.eta < 0.02) < 0.02
    lengths = [np.ptp(one.quantiles(one.parameters.threshold, SHARES)) for one in (calm, wild)]
    assert lengths[1] > 4 * lengths[0]


@pytest.mark.parametrize("coordinates", [3, 4])
def test_points_are_spread_evenly(coordinates: int) -> None:
    points = _evenly_spread(4, 256, coordinates).reshape(1024, coordinates)
    assert points.mean(axis=0) == pytest.approx(0, abs=0.02)
    assert np.cov(points.T) == pytest.approx(np.eye(coordinates), abs=0.03)
    for column in points.T:
        assert scipy.stats.kstest(column, "norm").statistic < 0.01  # of random ones it would be about 0.03


def test_quantiles_of_weighted_points() -> None:
    weights = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
    nothing = Parameters(*(np.zeros(5) for _ in range(4)))
    posterior = Posterior(nothing, np.zeros(5), weights, 0.0, np.zeros(3), 0.0)
    values = np.array([3.0, 1.0, 2.0, 5.0, 4.0])
    assert posterior.quantiles(values, np.array([0.1, 0.4, 0.5])) == pytest.approx([1, 2, 2 + 0.1 / 0.25])
    assert posterior.probability(values > 3) == pytest.approx(0.3)
    assert posterior.effective_points == pytest.approx(1 / 0.26)
