"""The latent layers of a DBN given its visible values: joint and transition probabilities against enumeration."""

import copy

import pytest
import scipy.stats
import torch
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.likelihood import exact_log_z
from deepbelief.likelihood.posterior import Posterior
from deepbelief.models.dbn import DBN
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, Joint, ReLU, Units
from deepbelief.randomness import Random
from tests.small_models import all_states, exact_log_probabilities, some_values, tiny_dbn

LAYERS: dict[str, list[Units]] = {
    "one latent layer": [Bernoulli(4), Bernoulli(4), Bernoulli(3)],
    "two latent layers": [Bernoulli(4), Bernoulli(3), Bernoulli(2), Bernoulli(3)],
    "three latent layers": [Bernoulli(3), Bernoulli(1), Bernoulli(3), Bernoulli(1), Bernoulli(3)],
    "real values": [Gaussian(3), Bernoulli(3), Bernoulli(2), Categorical(1, 3)],
    "counts": [ReLU(2), Bernoulli(3), Bernoulli(2), ReLU(2)],
    "several kinds": [Joint(Bernoulli(2), Categorical(1, 3)), Bernoulli(4), Gaussian(2)],
    "binary parts": [Categorical(2, 3), Joint(Bernoulli(3), Bernoulli(1)), Bernoulli(2)],
}
dbns = pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)


def posterior_of(dbn: DBN) -> tuple[Posterior, Tensor, Tensor]:
    """The posterior of one item, repeated for each state of the latent layers; these states; and the item."""
    latent = sum(dbn.sizes[1:-1])
    states = all_states(Bernoulli(latent).double())
    item = some_values(dbn.layer(1).visible, 1, Random(3))
    return Posterior(dbn, item.repeat(len(states), 1)), states, item


def transitions(posterior: Posterior, states: Tensor, backwards: bool) -> Tensor:
    """T(target <- state) of all pairs, shape (targets, states)."""
    rows = [posterior.log_transition(states, target.expand_as(states), backwards).exp() for target in states]
    return torch.stack(rows)


@dbns
def test_the_joint_probabilities_sum_to_the_likelihood(layers: list[Units]) -> None:
    dbn = tiny_dbn(*layers)
    posterior, states, item = posterior_of(dbn)
    found = torch.logsumexp(posterior.log_joint(states), dim=0) - exact_log_z(dbn.layer(len(dbn)))
    assert found == pytest.approx(exact_log_probabilities(dbn, item).item(), abs=1e-9)


@dbns
def test_sweeps_leave_the_posterior_as_it_is_and_their_reverse_is_their_reverse(layers: list[Units]) -> None:
    posterior, states, _ = posterior_of(tiny_dbn(*layers))
    probabilities = posterior.log_joint(states).softmax(dim=0)
    forwards, backwards = (transitions(posterior, states, either) for either in (False, True))
    for matrix in (forwards, backwards):
        torch.testing.assert_close(matrix.sum(dim=0), torch.ones(len(states)).double())
        torch.testing.assert_close(matrix @ probabilities, probabilities)
    torch.testing.assert_close(backwards * probabilities, (forwards * probabilities).T)
    assert (forwards - backwards).abs().max() > 0.01  # there was something to reverse


@pytest.mark.parametrize("backwards", [False, True])
def test_sweeps_draw_what_their_probabilities_say(backwards: bool) -> None:
    posterior, states, _ = posterior_of(tiny_dbn(*LAYERS["two latent layers"]))
    start, n = torch.tensor([13]), 40_000
    many = posterior.of(start.expand(n))
    drawn = many.sweep(states[start].expand(n, -1), Random(1), backwards)
    numbers = (drawn @ torch.tensor([16.0, 8.0, 4.0, 2.0, 1.0]).double()).long()
    counts = torch.bincount(numbers, minlength=32)
    expected = n * transitions(posterior, states, backwards)[:, 13]
    assert scipy.stats.chisquare(counts, expected).pvalue > 0.001


@pytest.mark.parametrize("temperature", [0.2, 1.0, 3.0])
def test_a_temperature_divides_the_log_odds(temperature: float) -> None:
    posterior, states, _ = posterior_of(tiny_dbn(Gaussian(3), Bernoulli(1), Bernoulli(2)))
    joint, n = posterior.log_joint(states), 40_000
    probability = torch.sigmoid((joint[1] - joint[0]) / temperature)
    many = posterior.of(torch.zeros(n, dtype=torch.int64))
    drawn = many.sweep(torch.zeros(n, 1).double(), Random(2), temperature=temperature)
    assert scipy.stats.binomtest(int(drawn.sum()), n, float(probability)).pvalue > 0.001
    assert 0.01 < probability < 0.99


def test_recognition_draws_each_layer_given_the_one_below() -> None:
    dbn = tiny_dbn(*LAYERS["two latent layers"])
    posterior, _, item = posterior_of(dbn)
    drawn = posterior.of(torch.zeros(40_000, dtype=torch.int64)).recognise(Random(4))
    first, second = drawn[:, :3], drawn[:, 3:]
    expected = dbn.layer(1).hidden_mean(item)[0]
    torch.testing.assert_close(first.mean(dim=0), expected, rtol=0, atol=0.01)
    for state in all_states(Bernoulli(3).double()):
        given = second[(first == state).all(dim=1)]
        expected = dbn.layer(2).hidden_mean(state[None])[0]
        torch.testing.assert_close(given.mean(dim=0), expected, rtol=0, atol=2 / len(given) ** 0.5)


def test_each_item_has_a_posterior_of_its_own() -> None:
    dbn, random = tiny_dbn(*LAYERS["several kinds"]), Random(5)
    items = some_values(dbn.layer(1).visible, 6, random)
    together, picked = Posterior(dbn, items), torch.tensor([4, 1])
    states, target = (random.bernoulli(torch.full((6, 4), 0.5).double()) for _ in range(2))
    for part, own in ((together.of(picked), picked), (Posterior(dbn, items[2:3]), torch.tensor([2]))):
        torch.testing.assert_close(part.log_joint(states[own]), together.log_joint(states)[own])
        found = part.log_transition(states[own], target[own])
        torch.testing.assert_close(found, together.log_transition(states, target)[own])


def test_single_precision_gives_what_double_does() -> None:
    random = Random(6)
    dbn = DBN.from_sizes([200, 150, 100, 150], random, weight_std=0.3).requires_grad_(False)
    precise = copy.deepcopy(dbn).double()
    visible = random.bernoulli(torch.full((20, 200), 0.3))
    posterior, exact = Posterior(dbn, visible), Posterior(precise, visible.double())
    start = posterior.recognise(random)
    target = posterior.sweep(start, random)
    assert ((target - start).abs().sum(dim=1) > 10).all()  # units changed on the way
    found, expected = posterior.log_transition(start, target), exact.log_transition(start.double(), target.double())
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=0, atol=0.01)


def test_a_sweep_changes_nothing_that_it_was_given() -> None:
    posterior, states, _ = posterior_of(tiny_dbn(*LAYERS["two latent layers"]))
    before = states.clone()
    posterior.sweep(states, Random(7))
    posterior.log_transition(states, states.flip(0))
    assert torch.equal(states, before)


@pytest.mark.parametrize("units", [ReLU(2), Gaussian(2), Categorical(1, 2), Joint(Bernoulli(2), Categorical(1, 2))])
def test_latent_layers_that_are_not_binary_are_refused(units: Units) -> None:
    dbn = DBN.from_units([Bernoulli(3), Bernoulli(2), units, Bernoulli(2)], Random(0))
    message = f"layer 2 has {type(units).__name__} units, but .* are Bernoulli: take its bound by dbn_bound"
    with pytest.raises(SettingsError, match=message):
        Posterior(dbn, torch.zeros(1, 3))
