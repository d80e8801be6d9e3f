"""How likely counts are where accuracy varies a little more than chance alone would make it: beta-binomial."""

from typing import NamedTuple

import numpy as np
import scipy.special

from deepbelief.robustness.psychometrics.counts import Counts
from deepbelief.robustness.psychometrics.sigmoids import Array

_LEAST = 1e-9  # no curve is surer than that of an answer


class Slope(NamedTuple):
    """Of the log-likelihood with respect to the accuracy of each block: d / d psi, and the Fisher information."""

    score: Array
    information: Array


def log_likelihood(accuracy: Array, eta: Array, counts: Counts) -> Array:
    """log p(right answers) without its constant, of overdispersed counts (Schuett et al. 2016).

    In each block the probability of a right answer is itself drawn from Beta(psi nu, (1 - psi) nu), nu = 1 / eta^2 - 1,
    whose mean is psi and whose standard deviation is eta sqrt(psi (1 - psi)); the right answers are then binomial. With
    eta = 0 it is psi.

    Args:
        accuracy: psi, (..., blocks).
        eta: (...), from 0 and below 1.
        counts: of the blocks.

    Returns:
        The sum over the blocks, (...).
    """
    psi = np.clip(accuracy, _LEAST, 1 - _LEAST)
    right, wrong = counts.right, counts.trials - counts.right
    eta = np.broadcast_to(eta, psi.shape[:-1])
    plain = eta == 0
    found = np.empty(psi.shape[:-1])
    found[plain] = (right * np.log(psi[plain]) + wrong * np.log1p(-psi[plain])).sum(axis=-1)
    nu = (1 / eta[~plain] ** 2 - 1)[..., None]
    first, second, log_gamma = psi[~plain] * nu, (1 - psi[~plain]) * nu, scipy.special.gammaln
    terms = log_gamma(first + right) - log_gamma(first) + log_gamma(second + wrong) - log_gamma(second)
    found[~plain] = (terms - log_gamma(nu + counts.trials) + log_gamma(nu)).sum(axis=-1)
    return found


def likelihood_slope(accuracy: Array, eta: Array, counts: Counts) -> Slope:
    """The slope of `log_likelihood`, (..., blocks), for the same arguments.

    The information is trials / (psi (1 - psi) (1 + (trials - 1) eta^2)): exact without overdispersion, close with it.
    """
    psi = np.clip(accuracy, _LEAST, 1 - _LEAST)
    right, wrong = counts.right, counts.trials - counts.right
    eta = np.broadcast_to(eta, psi.shape[:-1])[..., None]
    nu = 1 / np.where(eta == 0, 0.5, eta) ** 2 - 1  # 0.5 stands for what is not used
    first, second, digamma = psi * nu, (1 - psi) * nu, scipy.special.digamma
    dispersed = nu * (digamma(first + right) - digamma(first) - digamma(second + wrong) + digamma(second))
    score = np.where(eta == 0, right / psi - wrong / (1 - psi), dispersed)
    return Slope(score, counts.trials / (psi * (1 - psi) * (1 + (counts.trials - 1) * eta**2)))


def log_orders(counts: Counts) -> float:
    """The constant that `log_likelihood` leaves out: log of the numbers of orders in which the answers can come."""
    right, wrong = counts.right, counts.trials - counts.right
    log_gamma = scipy.special.gammaln
    return float((log_gamma(counts.trials + 1) - log_gamma(right + 1) - log_gamma(wrong + 1)).sum())
