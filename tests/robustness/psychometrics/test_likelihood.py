"""The likelihood against SciPy's distributions, its slope against differences."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from deepbelief.robustness.psychometrics.counts import Counts
from deepbelief.robustness.psychometrics.likelihood import likelihood_slope, log_likelihood, log_orders

BLOCKS = st.lists(
    st.tuples(st.floats(0.01, 0.99), st.integers(1, 10_000), st.floats(0, 1)), min_size=1, max_size=5
).map(lambda blocks: tuple(np.array(one) for one in zip(*blocks, strict=True)))


def counts_of(trials, share) -> Counts:
    return Counts(np.zeros(len(trials)), np.round(trials * share), trials.astype(float))


@given(BLOCKS, st.floats(0.002, 0.9))
def test_it_is_that_of_scipy(blocks, eta: float) -> None:
    accuracy, trials, share = blocks
    counts = counts_of(trials, share)
    nu = 1 / eta**2 - 1
    both = log_likelihood(np.stack([accuracy, accuracy]), np.array([0.0, eta]), counts)
    binomial = scipy.stats.binom.logpmf(counts.right, counts.trials, accuracy).sum()
    dispersed = scipy.stats.betabinom.logpmf(counts.right, counts.trials, accuracy * nu, (1 - accuracy) * nu).sum()
    assert both + log_orders(counts) == pytest.approx([binomial, dispersed], rel=1e-6, abs=1e-4)


@given(BLOCKS, st.sampled_from([0.0, 0.01, 0.1, 0.5]))
def test_its_slope_is_its_derivative(blocks, eta: float) -> None:
    accuracy, trials, share = blocks
    counts, eta = counts_of(trials, share), np.array(eta)
    slope = likelihood_slope(accuracy, eta, counts)
    for block in range(len(trials)):
        moved = 1e-6 * (np.arange(len(trials)) == block)
        up, down = (log_likelihood(accuracy + sign * moved, eta, counts) for sign in (1, -1))
        assert slope.score[block] == pytest.approx((up - down) / 2e-6, rel=1e-3, abs=0.05)


@pytest.mark.parametrize("eta", [0.0, 0.05, 0.3])
def test_the_information_is_the_variance_of_the_score(eta: float) -> None:
    trials, accuracy = 40, 0.7
    right = np.arange(trials + 1.0)
    counts = Counts(np.zeros(trials + 1), right, np.full(trials + 1, float(trials)))
    slope = likelihood_slope(np.full(trials + 1, accuracy), np.array(eta), counts)
    nu = 1 / max(eta, 1e-5) ** 2 - 1
    probabilities = scipy.stats.betabinom.pmf(right, trials, accuracy * nu, (1 - accuracy) * nu)
    assert probabilities @ slope.score == pytest.approx(0, abs=1e-3)
    assert probabilities @ slope.score**2 == pytest.approx(slope.information[0], rel=0.05 if eta else 1e-3)


def test_answers_that_a_curve_rules_out_are_very_unlikely_but_not_impossible() -> None:
    counts = Counts(np.zeros(2), np.array([1.0, 9.0]), np.full(2, 10.0))
    for eta in (0.0, 0.1):
        assert -1e6 < log_likelihood(np.array([0.0, 1.0]), np.array(eta), counts) < -20
