"""The ladder along a training: its start, its growth, updates that are undone, and the log Z that it tells."""

import math

import pytest
import torch
from torch import Tensor

from deepbelief.errors import DeepBeliefError
from deepbelief.learning import RBMSettings, Tempering
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
    counts = move(rbm, phase, 0.05, 100, random)
    assert 2 < counts[-1] < 30
    assert phase.undone == 0
    monitors = phase.mixing()
    assert 0.3 < monitors["swap_rate"] < 0.9
    assert (monitors["snapshots"], monitors["undone"]) == (counts[-1], 0)
    assert math.isnan(phase.mixing()["swap_rate"])  # since the last call there was no update


def test_few_chains_are_judged_by_a_hundred_swaps() -> None:
    rbm, phase, random = phase_of(chains=10)
    phase.statistics(NOTHING, random)
    for _ in range(8):
        rbm.weights.add_(random.normal((20, 10), 1.0))
        phase.statistics(NOTHING, random)
        assert (phase.snapshots, phase.undone) == (1, 0)
    phase.statistics(NOTHING, random)
    assert (phase.snapshots, phase.undone) != (1, 0)


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


def test_an_update_that_needs_a_snapshot_of_its_own_is_undone() -> None:
    """Where every single update needed one, all time would go into snapshots."""
    rbm, phase, random = phase_of()
    phase.statistics(NOTHING, random)
    found = set()
    for _ in range(20):
        before = phase.snapshots, phase.undone
        rbm.weights.copy_(phase.snapshot.rbm.weights + random.normal((20, 10), 0.45))
        phase._updates = 0
        phase.statistics(NOTHING, random)
        found.add((phase.snapshots - before[0], phase.undone - before[1]))
    assert found == {(0, 0), (0, 1)}


def test_chains_that_come_to_no_equilibrium_make_no_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    rbm, phase, random = phase_of()
    phase.statistics(NOTHING, random)
    monkeypatch.setattr(
        "deepbelief.learning.rbm.negative_phases.trajectory.autocorrelation_time", lambda series: math.inf
    )
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
        "persistent_chains": 500,
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


@pytest.mark.parametrize("hidden", [10, 14])
def test_log_z_along_a_whole_training_is_within_a_tenth_of_a_nat(hidden: int) -> None:
    """Of data with separate modes, between which plain chains of the trained RBM do not go; AIS says the same."""
    rbm, data = bernoulli_rbm(30, hidden, Random(1), 0.01), clusters()
    training = trained(rbm, data, 30, learning_rate=0.3)
    for record in training.epochs():
        monitors = record.monitors
        exact = exact_log_z(rbm)
        assert abs(monitors["log_z"] - exact) < max(0.1, 2.5 * monitors["log_z_error"])
        likelihood = float(-rbm.free_energy(data).mean()) - monitors["log_z"]
        assert monitors["log_likelihood"] == pytest.approx(likelihood, abs=1e-3)
    assert abs(monitors["log_z"] - exact) < 0.1
    assert monitors["log_z_error"] < 0.06
    assert monitors["snapshots"] > 3
    assert monitors["log_likelihood"] > -13  # -20.8 if all were 0 or 1 at random
    path = AnnealedPath(rbm, base_rate_bias(rbm.visible, [data]))
    by_ais = ais(path, Random(3), AISSettings.of(1000, 200))
    assert abs(monitors["log_z"] - by_ais.log_z) < 0.1 + by_ais.error
    again = training.negative_phase.log_z(Random(4))
    assert again is not None
    assert abs(again[0] - exact) < 0.1


def test_chance_deviations_that_an_rbm_fits_do_not_make_its_log_z_seem_low() -> None:
    """Many units and few states: without fresh states, each pixel's chance mean is learnt and found again."""
    errors, random = [], Random(0)
    data = random.bernoulli(torch.full((400, 200), 0.3))
    for seed in range(6):
        rbm = bernoulli_rbm(200, 2, Random(seed), 0.001)
        settings = {"persistent_chains": 100, "learning_rate": 0.05}
        *_, record = trained(rbm, data, 40, **settings).epochs()
        errors.append(record.monitors["log_z"] - exact_log_z(rbm))
    assert abs(sum(errors) / 6) < 0.05


def test_real_values_and_held_out_items_have_log_likelihoods_too() -> None:
    random = Random(1)
    rbm = RBM(Gaussian(6), Bernoulli(5), random, 0.01)
    data = random.normal((100, 6))
    settings = RBMSettings(
        epochs=3, batch_size=20, learning_rate=0.01, persistent_chains=200, tempering=Tempering(trajectory=True)
    )
    *_, record = RBMTraining(rbm, data, settings, random=random, held_out=data[:30] * 2).epochs()
    exact = exact_log_z(rbm)
    assert record.monitors["log_z"] == pytest.approx(exact, abs=0.05)
    expected = float(-rbm.free_energy(data[:30] * 2).mean()) - record.monitors["log_z"]
    assert record.monitors["held_out_log_likelihood"] == pytest.approx(expected, abs=1e-3)


def test_modes_are_visited_as_often_as_the_model_has_them() -> None:
    """Plain chains of the trained RBM stay for long in the mode where they begin; those of the ladder do not."""
    data = clusters()
    rbm = bernoulli_rbm(30, 10, Random(1), 0.01)
    training = trained(rbm, data, 60, learning_rate=0.3)
    list(training.epochs())
    phase = training.negative_phase
    assert isinstance(phase, TrajectoryTempering)
    prototypes = torch.stack([data[kind::3].mean(dim=0).round() for kind in range(3)])
    states = all_states(Bernoulli(10))
    weight = torch.softmax(rbm.visible.log_partition(states @ rbm.weights.T) - rbm.hidden.energy(states), dim=0)
    many = states[torch.multinomial(weight, 4000, replacement=True, generator=torch.Generator().manual_seed(0))]
    drawn = rbm.sample_visible(many, Random(6))

    def shares(visible: Tensor) -> Tensor:
        return torch.bincount(torch.cdist(visible, prototypes).argmin(dim=1), minlength=3) / len(visible)

    torch.testing.assert_close(shares(phase.snapshot.states), shares(drawn), rtol=0, atol=0.05)


@pytest.mark.parametrize("updates", [0, 11])
def test_chains_go_on_from_their_state(updates: int) -> None:
    random = Random(0)
    rbm, other_rbm = (bernoulli_rbm(20, 10, Random(seed), 0.1).requires_grad_(False) for seed in (1, 1))
    phase, other = (
        TrajectoryTempering(one, 1, chains, torch.full((20,), bias), Random(seed))
        for one, chains, bias, seed in ((rbm, 30, 0.0, 2), (other_rbm, 30, 1.0, 4))
    )
    move(rbm, phase, 0.3, updates, random)
    given = {name: tensor.clone() for name, tensor in phase.state().items()}
    kept = {name: tensor.clone() for name, tensor in given.items()}
    other_rbm.load_state_dict(rbm.state_dict())
    other.restore(given)
    assert other.rate_share == phase.rate_share
    ours, theirs = Random(5), Random(5)
    for _ in range(12):
        counts = [
            move(one, of, 0.3, 1, numbers) for one, of, numbers in ((rbm, phase, ours), (other_rbm, other, theirs))
        ]
        assert counts[0] == counts[1]
        assert phase.log_z(ours) == other.log_z(theirs)
        state = other.state()
        assert all(torch.equal(state.pop(name), tensor) for name, tensor in phase.state().items())
        assert not state
    assert phase.undone  # and what was undone was undone in both
    assert all(torch.equal(given[name], tensor) for name, tensor in kept.items())
