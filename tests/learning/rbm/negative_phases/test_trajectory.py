"""The ladder along a training: its start, its growth, updates that are undone, and the log Z that it tells."""

import copy
import math
from statistics import fmean

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from deepbelief.errors import DeepBeliefError
from deepbelief.learning import RBMSettings, Tempering
from deepbelief.learning.rbm.negative_phases.mixing import acceptance_rate
from deepbelief.learning.rbm.negative_phases.trajectory import TrajectoryTempering
from deepbelief.learning.rbm.training import RBMTraining
from deepbelief.likelihood import AISSettings, ais, exact_log_z
from deepbelief.models.annealed_path import AnnealedPath, base_rate_bias
from deepbelief.models.rbm import RBM, bernoulli_rbm
from deepbelief.models.units import Bernoulli, Gaussian
from deepbelief.randomness import Random
from tests.small_models import KINDS, all_states, log_z, randomise, small_rbm, some_values

NOTHING = torch.zeros(1, 20)


def phase_of(std: float = 0.01, chains: int = 200) -> tuple[RBM, TrajectoryTempering, Random]:
    random = Random(0)
    rbm = bernoulli_rbm(20, 10, random, std).requires_grad_(False)
    return rbm, TrajectoryTempering(rbm, 1, chains, torch.zeros(20), random), random


def move(rbm: RBM, phase: TrajectoryTempering, std: float, updates: int, random: Random) -> list[int]:
    """Let the weights walk at random; how many snapshots there are after each update."""
    counts = []
    for _ in range(updates):
        rbm.weights.add_(random.normal((20, 10), std))
        phase.statistics(NOTHING, random)
        counts.append(phase.snapshots)
    return counts


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_the_ladder_starts_at_independent_units_whose_log_z_is_exact(kind: str) -> None:
    rbm, random = small_rbm(kind, "Bernoulli"), Random(1)
    base = base_rate_bias(rbm.visible, [some_values(rbm.visible, 50, random)])
    phase = TrajectoryTempering(rbm, 1, 10, base, random)
    first = phase.snapshot.rbm
    assert not first.weights.any()
    assert torch.equal(first.visible.bias, base)
    assert torch.equal(first.hidden.bias, rbm.hidden.bias)
    assert phase.snapshot.log_z == pytest.approx(float(log_z(first)), abs=1e-6)
    assert phase.snapshot.variance == 0
    assert len(phase.snapshot.states) == 10 * len(phase.chains)
    assert rbm.weights.any()


def test_the_first_step_leads_to_the_rbm_itself_so_that_nothing_goes_back_further() -> None:
    rbm, phase, random = phase_of()
    phase.statistics(NOTHING, random)
    assert phase.snapshots == 1
    assert torch.equal(phase.snapshot.rbm.weights, rbm.weights)


def test_to_an_rbm_that_has_learnt_the_ladder_has_several_steps() -> None:
    rbm, phase, random = phase_of(1.0, 500)
    before = rbm.weights.clone()
    found, error = phase.log_z(random)
    assert phase.snapshots > 2
    assert abs(found - exact_log_z(rbm)) < 3 * error < 0.3
    assert torch.equal(rbm.weights, before)


def test_an_rbm_that_is_not_finite_is_refused_before_learning() -> None:
    rbm, phase, random = phase_of()
    rbm.weights[3, 4] = math.nan
    with pytest.raises(DeepBeliefError, match="no way from independent units to this RBM"):
        phase.statistics(NOTHING, random)


def test_a_model_that_stands_still_takes_no_snapshot_and_one_that_walks_away_does() -> None:
    rbm, phase, random = phase_of()
    assert set(move(rbm, phase, 0.0, 30, random)) == {1}
    assert phase.mixing()["swap_rate"] > 0.99
    variances = [phase.snapshot.variance]
    counts = [1]
    for _ in range(100):
        counts += move(rbm, phase, 0.05, 1, random)
        if counts[-1] > counts[-2]:
            variances.append(phase.snapshot.variance)
    assert 2 < counts[-1] < 30
    assert len(set(variances)) == len(variances) == counts[-1]
    assert variances == sorted(variances)  # each step adds its own
    assert phase.undone == 0
    monitors = phase.mixing()
    assert 0.3 < monitors["swap_rate"] < 0.9
    assert (monitors["snapshots"], monitors["undone"]) == (counts[-1], 0)
    assert math.isnan(phase.mixing()["swap_rate"])  # since the last call there was no update


def test_few_chains_are_judged_by_more_states_than_there_are_chains() -> None:
    """By ten alone chance would undo updates that break nothing."""
    rbm, phase, random = phase_of(chains=10)
    assert len(phase._sweep(rbm, random)[0]) == 100
    assert set(move(rbm, phase, 0.01, 100, random)) <= {1, 2}
    assert phase.undone == 0


@pytest.mark.parametrize(("visible", "hidden"), [("Bernoulli", "Bernoulli"), ("Categorical", "Gaussian")])
@torch.no_grad()
def test_the_acceptance_rate_is_that_of_swaps_at_equilibrium(visible: str, hidden: str) -> None:
    first, random = small_rbm(visible, hidden, 3), Random(1)
    second = randomise(copy.deepcopy(first), random, 0.9)
    states = all_states(first.visible)
    p, q = (torch.softmax(-rbm.free_energy(states), dim=0) for rbm in (first, second))
    exact = torch.minimum(p[:, None] * q, q[:, None] * p).sum()
    drawn = states[torch.multinomial(p, 20_000, replacement=True, generator=torch.Generator().manual_seed(0))]
    found = acceptance_rate(second.free_energy(drawn) - first.free_energy(drawn))
    assert found == pytest.approx(float(exact), abs=0.01)
    assert found < 0.9


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=12))
def test_the_acceptance_rate_is_a_mean_over_all_pairs(values: list[float]) -> None:
    weights = [math.exp(-one) for one in values]
    pairs = [min(one, other) for i, one in enumerate(weights) for other in weights[:i]]
    expected = fmean(pairs) / fmean(weights)
    assert acceptance_rate(torch.tensor(values, dtype=torch.float64)) == pytest.approx(expected, rel=1e-9)
    assert acceptance_rate(torch.tensor(values, dtype=torch.float64) + 700) == pytest.approx(
        expected, rel=1e-6, abs=1e-12
    )


def test_equal_models_swap_always_and_unlike_ones_never() -> None:
    assert acceptance_rate(torch.full((10,), -3.0)) == 1
    assert acceptance_rate(torch.arange(10) * 100.0) < 1e-9
    assert math.isnan(acceptance_rate(torch.tensor([0.0, math.nan])))


def test_states_of_a_snapshot_stay_states_of_it_while_chains_lag_behind() -> None:
    """The chains take states and leave none of their own, which would be those of another model."""
    _, phase, random = phase_of(1.0, 200)
    phase.statistics(NOTHING, random)
    mean = phase.snapshot.states.mean(dim=0)
    frozen = phase.snapshot
    for _ in range(60):
        phase.chains = torch.ones_like(phase.chains)
        phase.statistics(NOTHING, random)
    assert phase.snapshot is frozen
    torch.testing.assert_close(frozen.states.mean(dim=0), mean, rtol=0, atol=0.08)
    torch.testing.assert_close(frozen.energies, frozen.rbm.free_energy(frozen.states), rtol=0, atol=1e-4)


def test_each_gibbs_step_of_an_update_has_an_offer() -> None:
    _, phase, random = phase_of(chains=100)
    phase.statistics(NOTHING, random)
    phase.mixing()
    phase.gibbs_steps = 3
    phase.statistics(NOTHING, random)
    assert phase._offered == 300
    assert phase.mixing()["swap_rate"] > 0.9


@pytest.mark.parametrize("broken", [3.0, math.nan])
def test_an_update_that_breaks_equilibrium_is_undone_and_the_rate_halved(broken: float) -> None:
    rbm, phase, random = phase_of()
    move(rbm, phase, 0.05, 30, random)
    snapshot = {name: tensor.clone() for name, tensor in phase.snapshot.rbm.state_dict().items()}
    for times in (1, 2):
        rbm.weights.add_(random.normal((20, 10)), alpha=broken)
        phase.statistics(NOTHING, random)
        assert all(torch.equal(tensor, snapshot[name]) for name, tensor in rbm.state_dict().items())
        states = {tuple(row) for row in phase.snapshot.states.tolist()}
        assert {tuple(row) for row in phase.chains.tolist()} <= states
        assert phase.undone == times
        assert phase.rate_share == 0.5**times


@pytest.mark.parametrize(("updates", "undone"), [(1, 1), (2, 0)])
def test_an_update_that_needs_a_snapshot_of_its_own_is_undone(updates: int, undone: int) -> None:
    """Where every single update needed one, all time would go into snapshots."""
    rbm, phase, random = phase_of(chains=500)
    phase.statistics(NOTHING, random)
    start = rbm.weights.clone()
    for _ in range(updates - 1):
        phase.statistics(NOTHING, random)  # as after an update that changes nothing
    rbm.weights.add_(random.normal((20, 10), 0.45))
    rate = acceptance_rate(phase.snapshot.differences(rbm))
    assert 0.12 < rate < 0.28  # between what is lost and what are neighbours
    phase.statistics(NOTHING, random)
    assert (phase.undone, phase.snapshots) == (undone, 2 - undone)
    assert torch.equal(rbm.weights, start) is bool(undone)


def test_chains_that_come_to_no_equilibrium_make_no_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    rbm, phase, random = phase_of()
    phase.statistics(NOTHING, random)
    where = "deepbelief.learning.rbm.negative_phases.trajectory"
    monkeypatch.setattr(f"{where}.autocorrelation_time", lambda series: math.inf)
    monkeypatch.setattr(f"{where}._LONGEST", 40)
    counts = move(rbm, phase, 0.05, 60, random)
    assert set(counts) == {1}
    assert phase.undone > 0


def trained(rbm: RBM, data: Tensor, epochs: int, **changes: object) -> RBMTraining:
    settings = {
        "epochs": epochs,
        "batch_size": 20,
        "learning_rate": 0.2,
        "initial_momentum": 0.0,
        "final_momentum": 0.0,
        "weight_decay": 0.0,
        "persistent_chains": 300,
        "tempering": Tempering(trajectory=True),
        **changes,
    }
    return RBMTraining(rbm, data, RBMSettings(**settings), random=Random(2))  # type: ignore[arg-type]


def clusters(n: int = 200, width: int = 30) -> Tensor:
    """Items near one of three prototypes that are far from each other."""
    random = Random(5)
    prototypes = random.bernoulli(torch.full((3, width), 0.5))
    chosen = prototypes[torch.arange(n) % 3]
    return (chosen - random.bernoulli(torch.full((n, width), 0.05))).abs()


def test_log_z_along_a_whole_training_is_near_the_exact_one() -> None:
    """Of data with separate modes, which plain chains of the trained RBM hardly leave; AIS says the same."""
    rbm, data = bernoulli_rbm(30, 12, Random(1), 0.01).requires_grad_(False), clusters()
    training = trained(rbm, data, 12, learning_rate=0.3)
    for record in training.epochs():
        monitors, exact = record.monitors, exact_log_z(rbm)
        assert abs(monitors["log_z"] - exact) < max(0.1, 3 * monitors["log_z_error"])
        likelihood = float(-rbm.free_energy(data).mean()) - monitors["log_z"]
        assert monitors["log_likelihood"] == pytest.approx(likelihood, abs=1e-3)
    assert 0.01 < monitors["log_z_error"] < 0.1
    assert monitors["snapshots"] > 3
    assert monitors["log_likelihood"] > -11  # -20.8 if all were 0 or 1 at random
    path = AnnealedPath(rbm, base_rate_bias(rbm.visible, [data]))
    by_ais = ais(path, Random(3), AISSettings.of(500, 100))
    assert abs(monitors["log_z"] - by_ais.log_z) < 3 * monitors["log_z_error"] + by_ais.error
    phase = training.negative_phase
    assert isinstance(phase, TrajectoryTempering)
    found, error = phase.log_z(Random(4))
    assert abs(found - exact) < max(0.1, 3 * error)
    visited, have = (mode_shares(visible, data) for visible in (phase.chains, exact_samples(rbm, 4000)))
    torch.testing.assert_close(visited, have, rtol=0, atol=0.1)


def mode_shares(visible: Tensor, data: Tensor) -> Tensor:
    """How many of the states are nearest to each of the three prototypes of `clusters`."""
    prototypes = torch.stack([data[kind::3].mean(dim=0).round() for kind in range(3)])
    return torch.bincount(torch.cdist(visible, prototypes).argmin(dim=1), minlength=3) / len(visible)


def exact_samples(rbm: RBM, n: int) -> Tensor:
    """Visible states of the model, with hidden ones drawn from all by their exact probabilities."""
    states = all_states(rbm.hidden)
    weight = torch.softmax(rbm.visible.log_partition(states @ rbm.weights.T) - rbm.hidden.energy(states), dim=0)
    drawn = torch.multinomial(weight, n, replacement=True, generator=torch.Generator().manual_seed(0))
    return rbm.sample_visible(states[drawn], Random(6))


def test_chance_deviations_that_an_rbm_fits_do_not_make_its_log_z_seem_low() -> None:
    """An RBM that is made to fit the states of the reservoir: with the same states its log Z would be far too low."""
    random = Random(0)
    rbm = bernoulli_rbm(400, 2, random, 0.0).requires_grad_(False)
    phase = TrajectoryTempering(rbm, 1, 50, torch.zeros(400), random)
    phase.statistics(torch.zeros(1, 400), random)
    rbm.visible.bias.copy_(-torch.logit(phase.snapshot.states.mean(dim=0)))
    naive = torch.logsumexp(-phase.snapshot.differences(rbm), dim=0) - math.log(len(phase.snapshot.states))
    exact = exact_log_z(rbm)
    assert phase.snapshot.log_z + float(naive) < exact - 0.3
    found = fmean(phase.log_z(random)[0] for _ in range(20))
    assert abs(found - exact) < 0.05


def test_real_values_and_held_out_items_have_log_likelihoods_too() -> None:
    random = Random(1)
    rbm = RBM(Gaussian(6), Bernoulli(5), random, 0.01).requires_grad_(False)
    data = random.normal((100, 6))
    settings = RBMSettings(
        epochs=3, batch_size=20, learning_rate=0.01, persistent_chains=200, tempering=Tempering(trajectory=True)
    )
    *_, record = RBMTraining(rbm, data, settings, random=random, held_out=data[:30] * 2).epochs()
    exact = exact_log_z(rbm)
    assert record.monitors["log_z"] == pytest.approx(exact, abs=0.05)
    expected = float(-rbm.free_energy(data[:30] * 2).mean()) - record.monitors["log_z"]
    assert record.monitors["held_out_log_likelihood"] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("updates", [0, 11])
def test_chains_go_on_from_their_state(updates: int) -> None:
    rbm, other_rbm = (bernoulli_rbm(20, 10, Random(seed), 0.1).requires_grad_(False) for seed in (1, 1))
    phase, other = (
        TrajectoryTempering(one, 1, chains, torch.full((20,), bias), Random(seed))
        for one, chains, bias, seed in ((rbm, 30, 0.0, 2), (other_rbm, 30, 1.0, 4))
    )
    move(rbm, phase, 0.7, updates, Random(0))
    assert bool(phase.undone) is bool(updates)
    given = {name: tensor.clone() for name, tensor in phase.state().items()}
    kept = {name: tensor.clone() for name, tensor in given.items()}
    other_rbm.load_state_dict(rbm.state_dict())
    other.restore(given)
    assert other.rate_share == phase.rate_share
    ours, theirs = Random(5), Random(5)
    for _ in range(12):
        counts = [
            move(one, of, 0.7, 1, numbers) for one, of, numbers in ((rbm, phase, ours), (other_rbm, other, theirs))
        ]
        assert counts[0] == counts[1]
        assert phase.log_z(ours) == other.log_z(theirs)
        state = other.state()
        assert all(torch.equal(state.pop(name), tensor) for name, tensor in phase.state().items())
        assert not state
    assert all(torch.equal(given[name], tensor) for name, tensor in kept.items())
