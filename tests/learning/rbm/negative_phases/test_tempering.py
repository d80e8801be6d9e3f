"""Markov chains of every negative phase against enumeration, for all pairs of units; their state and their reports."""

import math

import pytest
import scipy.signal
import scipy.stats
import torch
from torch import Tensor

from deepbelief.learning.rbm.negative_phases.mixing import Trace, autocorrelation_time
from deepbelief.learning.rbm.negative_phases.persistent import PersistentContrastiveDivergence
from deepbelief.learning.rbm.negative_phases.tempering import ParallelTempering
from deepbelief.learning.rbm.negative_phases.trajectory import TrajectoryTempering
from deepbelief.models.annealed_path import AnnealedPath, base_rate_bias
from deepbelief.models.rbm import RBM, bernoulli_rbm
from deepbelief.models.units import Units
from deepbelief.randomness import Random
from tests.small_models import KINDS, PAIRS, all_states, log_z, small_rbm, some_values

pairs = pytest.mark.parametrize(("visible", "hidden"), PAIRS)
kinds = pytest.mark.parametrize("kind", KINDS)
CHAINS = 4000


def finite_side(rbm: RBM, h: Tensor, random: Random) -> tuple[Units, Tensor, Tensor]:
    """The units that can be enumerated, their states in chains of hidden states h, and the exact probabilities."""
    if rbm.hidden.states is not None:
        states = all_states(rbm.hidden)
        logs = rbm.visible.log_partition(states @ rbm.weights.T) - rbm.hidden.energy(states)
        return rbm.hidden, h, torch.softmax(logs, dim=0)
    return rbm.visible, rbm.sample_visible(h, random), torch.softmax(-rbm.free_energy(all_states(rbm.visible)), dim=0)


def assert_distributed(rbm: RBM, h: Tensor, random: Random) -> None:
    units, values, probabilities = finite_side(rbm, h, random)
    expected = probabilities * len(values)
    counts = (values[:, None] == all_states(units)[None]).all(dim=-1).sum(dim=0).double()
    assert counts.sum() == len(values)
    assert scipy.stats.chisquare(counts, expected).pvalue > 0.001


@pairs
@torch.no_grad()
def test_persistent_chains_reach_the_model(visible: str, hidden: str) -> None:
    rbm, random = small_rbm(visible, hidden, 4), Random(5)
    data = some_values(rbm.visible, 3, random)
    start = rbm.hidden.sample(torch.zeros(CHAINS, rbm.hidden.size).double(), random)
    phase = PersistentContrastiveDivergence(rbm, 3, start, 40)
    phase.statistics(data, random)
    assert_distributed(rbm, phase.chains, random)


@pairs
@torch.no_grad()
def test_tempered_chains_reach_the_model(visible: str, hidden: str) -> None:
    rbm, random = small_rbm(visible, hidden, 4), Random(6)
    data = some_values(rbm.visible, 3, random)
    phase = ParallelTempering(rbm, 3, CHAINS, 4, base_rate_bias(rbm.visible, [data]), random)
    for _ in range(25):
        phase.statistics(data, random)
    assert_distributed(rbm, phase.hidden[-CHAINS:], random)
    assert 0.05 < float(phase.swap_rates().min()) <= 1


@pairs
@torch.no_grad()
def test_chains_along_a_trajectory_reach_the_model(visible: str, hidden: str) -> None:
    """The weights grow, the model is taken up as a snapshot on the way, and its chains still follow it."""
    rbm, random = small_rbm(visible, hidden, 4, 0.8), Random(7)
    full = rbm.weights.clone()
    data = some_values(rbm.visible, 3, random)
    phase = TrajectoryTempering(rbm, 3, 1000, base_rate_bias(rbm.visible, [data]), random)
    for share in [*torch.linspace(0.2, 1, 6), *[1.0] * 6]:
        rbm.weights.copy_(full * share)
        phase.statistics(data, random)
    assert not phase.undone
    for model, states in ((rbm, phase.chains), (phase.snapshot.rbm, phase.snapshot.states)):
        assert_distributed(model, model.sample_hidden(states, random), random)


@pairs
@torch.no_grad()
def test_statistics_of_tempered_phases_are_the_exact_gradient_on_average(visible: str, hidden: str) -> None:
    rbm, random = small_rbm(visible, hidden, 4), Random(8)
    data = some_values(rbm.visible, 200, random)
    with torch.enable_grad():
        names, parameters = zip(*rbm.named_parameters(), strict=True)
        objective = -rbm.free_energy(data).mean() - log_z(rbm)
        exact = dict(zip(names, torch.autograd.grad(objective, parameters), strict=True))
    base = base_rate_bias(rbm.visible, [data])
    phases = (
        ParallelTempering(rbm, 200, 500, 4, base, random),
        TrajectoryTempering(rbm, 200, 500, base, random),
    )
    for phase in phases:
        for _ in range(20):
            phase.statistics(data, random)
        rounds = []
        for _ in range(60):
            sums = phase.statistics(data, random).by_parameter()
            rounds.append(torch.cat([sums[name].flatten() / 200 for name in names]))
        rounds_ = torch.stack(rounds)
        error = rounds_.mean(dim=0) - torch.cat([exact[name].flatten() for name in names])
        # The rounds are correlated; ten of them are taken for one that is independent.
        assert (error.abs() < 5 * rounds_.std(dim=0) / math.sqrt(6) + 0.01).all()


def log_weight(path: AnnealedPath, v: Tensor, beta: float) -> Tensor:
    """log f_beta(v), where p_beta(v) = f_beta(v) / Z_beta."""
    tilt = v @ (path.base_bias - path.rbm.visible.bias)
    hidden = path.rbm.hidden.log_partition(path.hidden_field(v @ path.rbm.weights, beta))
    return hidden - path.rbm.visible.energy(v) + (1 - beta) * tilt


@kinds
@torch.no_grad()
def test_the_path_begins_at_independent_units_and_ends_at_the_rbm(kind: str) -> None:
    rbm, random = small_rbm(kind, "Bernoulli"), Random(1)
    data = some_values(rbm.visible, 50, random)
    base = base_rate_bias(rbm.visible, data.split(20))
    path = AnnealedPath(rbm, base)
    signal = data @ rbm.weights
    torch.testing.assert_close(log_weight(path, data, 1.0), -rbm.free_energy(data))
    torch.testing.assert_close(path.hidden_field(signal, 1.0), signal)
    # At 0 the hidden field cancels the biases, and the means of the visible units are those of the data, nearly.
    torch.testing.assert_close(rbm.hidden.mean(path.hidden_field(signal, 0.0)), torch.full_like(signal, 0.5))
    at_zero = rbm.visible.mean(path.visible_field(torch.zeros_like(data), 0.0))[0]
    middle = rbm.visible.mean(-rbm.visible.bias[None])[0]
    torch.testing.assert_close(at_zero, (data.sum(dim=0) + middle) / 51, rtol=1e-6, atol=1e-6)


@pairs
@torch.no_grad()
def test_the_energy_is_linear_along_the_path(visible: str, hidden: str) -> None:
    """log f_beta(v) sums exp(-E_beta(v, h)) over h, and E_beta changes with beta by `slope`."""
    rbm, random = small_rbm(visible, hidden), Random(2)
    path = AnnealedPath(rbm, random.normal((rbm.visible.size,)).double())
    v, h = some_values(rbm.visible, 6, random), some_values(rbm.hidden, 6, random)
    signal = v @ rbm.weights

    def energy(beta: float) -> Tensor:
        of_hidden = rbm.hidden.energy(h) - (path.hidden_field(signal, beta) * h).sum(dim=1)
        conditional = of_hidden + rbm.hidden.log_partition(path.hidden_field(signal, beta))  # -log p_beta(h | v)
        return conditional - log_weight(path, v, beta)

    torch.testing.assert_close(energy(1.0), rbm.energy(v, h))
    torch.testing.assert_close(energy(0.7) - energy(0.2), 0.5 * path.slope(v, h, signal))
    ratio = path.log_ratio(v, signal, 0.2, 0.7)
    torch.testing.assert_close(ratio, log_weight(path, v, 0.7) - log_weight(path, v, 0.2))
    betas = torch.tensor([0.0, 0.2, 0.2, 0.5, 0.7, 1.0]).double()[:, None]
    each = torch.cat([path.hidden_field(signal[i : i + 1], float(betas[i])) for i in range(6)])
    torch.testing.assert_close(path.hidden_field(signal, betas), each)


def test_the_ladder_moves_to_where_swaps_are_rare() -> None:
    rbm, random = bernoulli_rbm(20, 10, Random(0), 2.0), Random(1)
    phase = ParallelTempering(rbm, 1, 200, 6, torch.zeros(20), random)
    spread = []
    for _ in range(6):
        for _ in range(60):
            phase.statistics(torch.zeros(1, 20), random)
        rates = phase.swap_rates()
        spread.append(float(rates.max() - rates.min()))
        phase.adapt()
    assert spread[-1] < 0.5 * spread[0]
    assert phase.betas[0] == 0 and phase.betas[-1] == 1
    assert (phase.betas.diff() > 0).all()


def test_the_ladder_moves_though_an_epoch_has_one_batch() -> None:
    """One batch tries every second pair, two try all: the counts go on until the betas can move."""
    rbm, random = bernoulli_rbm(20, 10, Random(0), 2.0), Random(1)
    phase = ParallelTempering(rbm, 1, 200, 6, torch.zeros(20), random)
    for moved in (False, True, False, True):
        before = phase.betas.clone()
        phase.statistics(torch.zeros(1, 20), random)
        assert math.isnan(phase.mixing()["swap_rate"]) is not moved
        assert torch.equal(phase.betas, before) is not moved


def test_chains_go_on_from_their_state() -> None:
    rbm, data = bernoulli_rbm(6, 4, Random(0), 1.0), Random(1).uniform((5, 6))
    bases = {seed: torch.full((6,), float(seed)) for seed in (2, 4)}
    phase, other = (ParallelTempering(rbm, 5, 12, 3, bases[seed], Random(seed)) for seed in (2, 4))
    random = Random(3)
    for _ in range(11):
        phase.statistics(data, random)
    given = {name: tensor.clone() for name, tensor in phase.state().items()}
    other.restore(given)
    kept = {name: tensor.clone() for name, tensor in given.items()}
    ours, theirs = Random(5), Random(5)
    for _ in range(12):
        expected = phase.statistics(data, ours).weights.clone()
        assert torch.equal(other.statistics(data, theirs).weights, expected)
        state = other.state()
        assert all(torch.equal(state.pop(name), tensor) for name, tensor in phase.state().items())
        assert not state
        torch.testing.assert_close(other.swap_rates(), phase.swap_rates(), rtol=0, atol=0, equal_nan=True)
    assert all(torch.equal(given[name], tensor) for name, tensor in kept.items())
    assert bases[4].eq(4).all()


def test_the_autocorrelation_time_of_an_autoregression() -> None:
    """x_t = r x_t-1 + noise has tau = (1 + r) / (1 - r)."""
    noise = Random(0).normal((4000, 50)).double().numpy()
    for r in (0.0, 0.5, 0.9):
        series = scipy.signal.lfilter([1.0], [1.0, -r], noise, axis=0)[500:]
        assert autocorrelation_time(series) == pytest.approx((1 + r) / (1 - r), rel=0.1)


def test_chains_whose_motion_the_steps_do_not_show_have_no_finite_autocorrelation_time() -> None:
    """Neither those that never move, at one value or at several, nor those slower than a fifth of the steps."""
    noise = Random(0).normal((3000, 100)).double().numpy()
    for frozen in (noise[:20] * 0 + 3, noise[:20] * 0 + 0.3, noise[:1].repeat(20, axis=0)):
        assert autocorrelation_time(frozen) == math.inf
    slow = scipy.signal.lfilter([1.0], [1.0, -0.995], noise, axis=0)[-256:]  # tau = 399
    assert autocorrelation_time(slow) == math.inf


def test_a_trace_keeps_the_latest_values_in_order() -> None:
    trace = Trace(2, torch.zeros(1), length=50)
    assert math.isnan(trace.autocorrelation_time())
    series = scipy.signal.lfilter([1.0], [1.0, -0.7], Random(0).normal((80, 2)).double().numpy(), axis=0)
    for row in torch.from_numpy(series):
        trace.add(row)
    assert trace.autocorrelation_time() == pytest.approx(autocorrelation_time(series[30:]), rel=1e-4)
    assert math.isnan(trace.autocorrelation_time())  # counted anew
