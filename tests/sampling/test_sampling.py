"""Markov chains against the exact distributions of small models, and what the passes to and from images keep."""

import itertools
from collections.abc import Callable

import pytest
import scipy.interpolate
import scipy.stats
import torch
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.models.annealed_path import AnnealedPath
from deepbelief.models.dbn import DBN
from deepbelief.models.rbm import RBM
from deepbelief.models.standardisation import Standardisation
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, ReLU, Units
from deepbelief.randomness import Random
from deepbelief.sampling import (
    Clamp,
    annealing,
    chain,
    clamped_chain,
    fantasies,
    fantasy_frames,
    inpaint,
    inpainting_frames,
    interpolate,
)
from tests.small_models import KINDS, PAIRS, all_states, randomise, small_rbm, some_values

CHAINS = 5_000
DEEP = {
    "binary": lambda: [Bernoulli(3), Bernoulli(3), Bernoulli(2)],
    "one-hot": lambda: [Categorical(2, 3), Bernoulli(2), Categorical(1, 3)],
    "counts": lambda: [Bernoulli(3), ReLU(1), Bernoulli(2)],
}
SMALL = DEEP | {"one RBM": lambda: [Bernoulli(4), Bernoulli(3)]}
small = pytest.mark.parametrize("layers", SMALL.values(), ids=SMALL)
finite_pairs = pytest.mark.parametrize(("visible", "hidden"), [pair for pair in PAIRS if pair[0] != "Gaussian"])


def small_dbn(layers: Callable[[], list[Units]], scale: float = 0.9) -> DBN:
    random = Random(0, "small DBN")
    dbn = DBN.from_units(layers(), random)
    for number in range(1, len(dbn) + 1):
        randomise(dbn.layer(number), random, scale)
    return dbn


def assert_distributed(found: Tensor, states: Tensor, probability: Tensor) -> None:
    """Chi-square of how often each of the states was found; rare ones count together."""
    different, places = torch.cat([states, found]).unique(dim=0, return_inverse=True)
    assert len(different) == len(states)
    counts = places[len(states) :].bincount(minlength=len(states))[places[: len(states)]].double()
    expected = probability.detach() * len(found)
    rare = expected < 8
    counts = torch.cat([counts[~rare], counts[rare].sum()[None]])
    expected = torch.cat([expected[~rare], expected[rare].sum()[None]])
    assert counts[-1] <= 5 * expected[-1] + 8
    if expected[-1] < 1:
        counts, expected = counts[:-1], expected[:-1]
    assert len(counts) > 1
    assert scipy.stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 0.001


def conditional(units: Units, values: Tensor) -> Tensor:
    """p(state | field) of every state, for each row of fields: (rows, states)."""
    states = all_states(units)
    return torch.softmax(values @ states.T - units.energy(states), dim=1)


def exact_visible(rbm: RBM, known: Tensor | None = None, values: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """All visible states that agree with what is known, and their probabilities."""
    states = all_states(rbm.visible)
    if known is not None:
        states = states[(states[:, known] == values[known]).all(dim=1)]
    return states, torch.softmax(-rbm.free_energy(states), dim=0)


def end_of(rbm: RBM, start: Tensor, known: Tensor | None, betas: list[float]) -> Tensor:
    *_, step = clamped_chain(rbm, start, known, Random(1, "chain"), betas)
    return step.visible


@finite_pairs
def test_clamped_chains_reach_the_exact_conditional(visible: str, hidden: str) -> None:
    """Plain ones and annealed ones."""
    rbm = small_rbm(visible, hidden, 1, 0.6)
    of_kind = {"Bernoulli": 1, "Categorical": 3, "ReLU": 1, "ReplicatedSoftmax": 0, "Joint": 2}
    known = torch.arange(rbm.visible.size) < of_kind[visible]
    values = all_states(rbm.visible)[-1]
    if visible == "ReLU":
        values = torch.tensor([2.0, 0.0], dtype=torch.float64)
    states, probability = exact_visible(rbm, known, values)
    for betas in ([1.0] * 30, annealing(40)):
        assert_distributed(end_of(rbm, values.expand(CHAINS, -1), known, betas), states, probability)


def test_clamped_chains_of_real_units_reach_the_exact_conditional() -> None:
    rbm = small_rbm("Gaussian", "Bernoulli", 1, 0.9)
    known, values = torch.tensor([True, False, True]), torch.tensor([0.7, 0.0, -0.4], dtype=torch.float64)
    grid = torch.linspace(-15, 15, 3001, dtype=torch.float64)
    density = torch.softmax(-rbm.free_energy(values.where(known, grid[:, None])), dim=0)
    found = end_of(rbm, values.expand(CHAINS, -1), known, [1.0] * 30)
    assert torch.equal(found[:, known], values[known].expand(CHAINS, -1))
    cumulative = (density.cumsum(0) - density / 2).detach().numpy()
    reached = torch.from_numpy(scipy.interpolate.interp1d(grid.numpy(), cumulative)(found[:, 1].numpy()))
    assert scipy.stats.kstest(reached.numpy(), "uniform").pvalue > 0.001


@finite_pairs
def test_annealed_chains_reach_the_model_from_anywhere(visible: str, hidden: str) -> None:
    rbm = small_rbm(visible, hidden, 2, 0.6)
    start = torch.full((CHAINS, rbm.visible.size), 1e3, dtype=torch.float64)  # no state at all
    assert_distributed(end_of(rbm, start, None, annealing(60)), *exact_visible(rbm))


def test_at_beta_0_the_units_are_independent_and_the_start_has_no_influence() -> None:
    rbm = small_rbm("Bernoulli", "Bernoulli", 0, 2.0)
    start = torch.ones(CHAINS, 3, dtype=torch.float64)
    alone = torch.softmax(-rbm.visible.energy(all_states(rbm.visible)), dim=0)
    assert_distributed(end_of(rbm, start, None, [0.0]), all_states(rbm.visible), alone)
    assert torch.equal(end_of(rbm, start, None, [0.0]), end_of(rbm, 1 - start, None, [0.0]))


def test_between_the_ends_chains_follow_the_annealed_path() -> None:
    rbm = small_rbm("Bernoulli", "Bernoulli", 0, 2.0)
    states = all_states(rbm.visible)
    path = AnnealedPath(rbm, rbm.visible.bias)
    log = rbm.hidden.log_partition(path.hidden_field(states @ rbm.weights, 0.5)) - rbm.visible.energy(states)
    found = end_of(rbm, torch.ones(8 * CHAINS, 3, dtype=torch.float64), None, [0.5] * 40)
    assert_distributed(found, states, torch.softmax(log, dim=0))


def test_a_step_gives_the_mean_that_its_state_was_drawn_from() -> None:
    rbm, known = small_rbm("Categorical", "ReLU"), torch.arange(6) < 3
    values = some_values(rbm.visible, 5, Random(3))
    before = values
    for step in itertools.islice(clamped_chain(rbm, values, known, Random(4)), 3):
        torch.testing.assert_close(step.mean[:, ~known], rbm.visible_mean(step.hidden)[:, ~known])
        assert torch.equal(step.mean[:, known], values[:, known])
        assert torch.equal(step.visible[:, known], values[:, known])
        assert not torch.equal(step.visible, before)
        before = step.visible


def test_annealing_rises_to_1_and_stays() -> None:
    assert annealing(2) == [0, 1]
    assert annealing(5) == [0, 0.4, 0.8, 1, 1]
    assert annealing(6) == [0, 1 / 3, 2 / 3, 1, 1, 1]
    with pytest.raises(SettingsError, match="at least 2 steps, not 1"):
        annealing(1)


def exact_dbn(dbn: DBN, clamp: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """p(v) of every visible state: the top RBM's distribution, passed down through the conditionals."""
    top = dbn.layer(len(dbn))
    log = -top.free_energy(all_states(top.visible))
    if clamp is not None:
        values, known = clamp
        log[(all_states(top.visible)[:, known] != values[known]).any(dim=1)] = -torch.inf
    probability = torch.softmax(log, dim=0)
    for number in range(len(dbn) - 1, 0, -1):
        rbm = dbn.layer(number)
        probability = probability @ conditional(rbm.visible, all_states(rbm.hidden) @ rbm.weights.T)
    return probability


@small
def test_fantasies_follow_the_distribution_of_the_dbn(layers: Callable[[], list[Units]]) -> None:
    dbn = small_dbn(layers)
    found = fantasies(dbn, CHAINS, Random(2), steps=60, samples=True)
    assert_distributed(found, all_states(dbn.layer(1).visible), exact_dbn(dbn))


def test_chains_from_data_reach_the_same_distribution() -> None:
    dbn = small_dbn(SMALL["binary"])
    start = torch.tensor([[1.0, 0.0, 1.0]]).expand(CHAINS, -1)
    *_, found = itertools.islice(chain(dbn, start, Random(3), samples=True), 40)
    assert_distributed(found, all_states(dbn.layer(1).visible), exact_dbn(dbn))


def test_units_of_the_top_rbm_can_be_held() -> None:
    """As a class's label is."""
    dbn, known = small_dbn(SMALL["binary"]), torch.tensor([False, True, True])
    held = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    found = fantasies(dbn, CHAINS, Random(4), 60, clamp=Clamp(held.expand(CHAINS, -1), known), samples=True)
    assert_distributed(found, all_states(dbn.layer(1).visible), exact_dbn(dbn, (held, known)))


def test_means_on_the_way_down_are_those_of_the_layers() -> None:
    dbn = small_dbn(SMALL["binary"])
    start = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    image = next(chain(dbn, start, Random(5)))
    random, first, top = Random(5), dbn.layer(1), dbn.layer(2)
    hidden = top.sample_hidden(first.sample_hidden(start.double(), random), random)
    torch.testing.assert_close(image, first.visible_mean(top.visible_mean(hidden)))


def test_inpainting_with_one_rbm_is_exact() -> None:
    dbn, known = small_dbn(SMALL["one RBM"]), torch.tensor([True, False, False, True])
    image = torch.tensor([1.0, 0.3, 0.3, 0.0], dtype=torch.float64)  # what is unknown may hold anything
    found = inpaint(dbn, image.expand(CHAINS, -1), known, Random(6), 60, samples=True)
    assert_distributed(found, *exact_visible(dbn.layer(1), known, image))


@pytest.mark.parametrize("layers", DEEP.values(), ids=DEEP)
def test_inpainting_through_all_layers_reaches_the_limit_of_its_chain(layers: Callable[[], list[Units]]) -> None:
    """The limit by powers of the transition matrix: up, through the top RBM, down, and the known pixels back."""
    dbn = small_dbn(layers, 1.6)  # strong enough for a single step to be far from the limit
    first, top = dbn.layer(1), dbn.layer(2)
    states, known = all_states(first.visible), torch.arange(first.visible.size) < 3
    known = known if isinstance(first.visible, Categorical) else known & (torch.arange(3) < 1)
    image = states[-1]
    possible = (states[:, known] == image[known]).all(dim=1)
    transition = conditional(first.hidden, states[possible] @ first.weights)
    transition = transition @ conditional(top.hidden, all_states(top.visible) @ top.weights)
    transition = transition @ conditional(top.visible, all_states(top.hidden) @ top.weights.T)
    transition = transition @ conditional(first.visible, all_states(first.hidden) @ first.weights.T)
    # Where each state goes when the known pixels are put back.
    completed = torch.where(known, image, states)
    to = (completed[:, None, :] == states[possible][None]).all(dim=2).double()
    limit = torch.linalg.matrix_power(transition @ to, 200)[0]
    found = inpaint(dbn, image.expand(CHAINS, -1), known, Random(7), 120, samples=True)
    assert_distributed(found, states[possible], limit)


@pytest.mark.parametrize("sizes", [[6, 4], [6, 4, 3]])
def test_known_pixels_come_back_bit_by_bit_and_each_image_may_have_its_own(sizes: list[int]) -> None:
    dbn = DBN.from_sizes(sizes, Random(0))
    dbn.standardisation = Standardisation(torch.linspace(0.1, 0.7, 6), torch.linspace(0.3, 0.9, 6))
    images, known = torch.rand(4, 6, generator=torch.manual_seed(0)), torch.arange(24).view(4, 6) % 5 < 2
    for frame in inpainting_frames(dbn, images, known, Random(1), steps=4):
        assert torch.equal(frame[known], images[known])
        assert not torch.isclose(frame[~known], images[~known]).any()


def test_what_is_known_moves_to_the_models_device() -> None:
    dbn, random = DBN.from_sizes([6, 4, 3], Random(0)).to("meta"), Random(1)
    images, known = torch.rand(2, 6), torch.arange(6) < 3
    assert inpaint(dbn, images, known, random, steps=4).is_meta
    assert next(chain(dbn, images, random, clamp=Clamp(torch.rand(2, 4), known[:4]))).is_meta


def both_spaces(layers: list[Units]) -> tuple[DBN, DBN, Standardisation]:
    """The same DBN that sees standardised values and without that."""
    dbn = small_dbn(lambda: layers)
    standardised = DBN([dbn.layer(number) for number in range(1, len(dbn) + 1)])
    standardisation = Standardisation(torch.linspace(9, 11, 3).double(), torch.linspace(2, 4, 3).double())
    standardised.standardisation = standardisation
    return standardised, dbn, standardisation


@pytest.mark.parametrize("layers", [[Gaussian(3), Bernoulli(2)], [Gaussian(3), Bernoulli(3), ReLU(2)]])
@pytest.mark.parametrize("samples", [False, True])
def test_the_standardisation_is_undone(layers: list[Units], samples: bool) -> None:
    dbn, plain, standardisation = both_spaces(layers)
    images, known = standardisation.undo(Random(1).normal((5, 3)).double()), torch.tensor([True, False, False])
    seen = standardisation(images)
    for found, expected in (
        (fantasies(dbn, 5, Random(2), 20, samples=samples), fantasies(plain, 5, Random(2), 20, samples=samples)),
        (next(chain(dbn, images, Random(2))), next(chain(plain, seen, Random(2)))),
        (inpaint(dbn, images, known, Random(2), 20), inpaint(plain, seen, known, Random(2), 20)),
        (interpolate(dbn, images, images.flip(0)), interpolate(plain, seen, seen.flip(0))),
    ):
        torch.testing.assert_close(found, standardisation.undo(expected))


@pytest.mark.parametrize("hidden", ["Bernoulli", "Categorical", "ReLU"])
def test_between_two_images_lie_the_distributions_between_theirs(hidden: str) -> None:
    """The hidden mean at t is that of p_1(h)^(1 - t) p_2(h)^t, by enumeration."""
    rbm = small_rbm("Bernoulli", hidden, 3, 1.0)
    first, second = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], dtype=torch.float64)
    states = all_states(rbm.hidden)
    logs = [torch.log(conditional(rbm.hidden, image[None] @ rbm.weights)[0]) for image in (first, second)]
    for t, found in zip((0, 0.25, 0.5, 0.75, 1), interpolate(DBN([rbm]), first, second, 5), strict=True):
        mean = torch.softmax((1 - t) * logs[0] + t * logs[1], dim=0) @ states
        torch.testing.assert_close(found, rbm.visible_mean(mean[None])[0])


def test_the_ends_of_a_way_are_reconstructions() -> None:
    dbn = small_dbn(SMALL["binary"])
    first, second = Random(1).uniform((4, 3)).double(), Random(2).uniform((4, 3)).double()
    way = interpolate(dbn, first, second, 3)
    assert way.shape == (3, 4, 3)
    torch.testing.assert_close(way[[0, 2]], torch.stack([dbn.reconstruct(first), dbn.reconstruct(second)]))
    torch.testing.assert_close(interpolate(dbn, first[1], second[1], 3), way[:, 1])


@pytest.mark.parametrize("visible", KINDS)
def test_chains_are_set_by_the_seed(visible: str) -> None:
    dbn = DBN.from_units([KINDS[visible](), Bernoulli(4), Bernoulli(3)], Random(0))
    units = dbn.layer(1).visible
    images, known = some_values(units, 5, Random(1)), units.variable_of_each() < len(units.variable_sizes) // 2
    for draw in (
        lambda seed: fantasies(dbn, 5, Random(seed), 6),
        lambda seed: next(chain(dbn, images, Random(seed), samples=True)),
        lambda seed: inpaint(dbn, images, known, Random(seed), 6),
    ):
        assert torch.equal(draw(1), draw(1))
        assert not torch.equal(draw(1), draw(2))
        assert draw(1).shape == images.shape
        assert not draw(1).requires_grad


@pytest.mark.parametrize(("every", "numbers"), [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6, 7]), (7, [7]), (9, [7])])
def test_frames_are_every_nth_step_and_the_last(every: int, numbers: list[int]) -> None:
    dbn = DBN.from_sizes([5, 4, 3], Random(0))
    all_frames = list(fantasy_frames(dbn, 2, Random(1), 7))
    assert torch.equal(all_frames[-1], fantasies(dbn, 2, Random(1), 7))
    for number, frame in zip(numbers, fantasy_frames(dbn, 2, Random(1), 7, every=every), strict=True):
        assert torch.equal(frame, all_frames[number - 1])


def test_what_does_not_fit_is_refused() -> None:
    dbn, images, known = DBN.from_sizes([5, 4], Random(0)), torch.rand(2, 5), torch.ones(5, dtype=torch.bool)
    for message, call in {
        "the DBN sees 5 values of each item, not a tensor of shape (2, 4)": lambda: next(
            chain(dbn, images[:, :4], Random(0))
        ),
        "the RBM sees 5 values": lambda: next(clamped_chain(dbn.layer(1), images[0], None, Random(0))),
        "by a bool tensor of that shape or (5,), not by torch.float32": lambda: inpaint(dbn, images, images, Random(0)),
        "not by torch.bool of shape (4,)": lambda: inpaint(dbn, images, known[:4], Random(0)),
        "the top RBM sees 5 values": lambda: fantasies(dbn, 2, Random(0), clamp=Clamp(images[:, :4], known[:4])),
        "at least 1 fantasy to make, not 0": lambda: fantasies(dbn, 0, Random(0)),
        "at least 2 steps, not 1": lambda: fantasies(dbn, 2, Random(0), 1),
        "needs at least 2 steps, not 1": lambda: interpolate(dbn, images, images, 1),
        "the shapes (2, 5) and (5,)": lambda: interpolate(dbn, images, images[0]),
    }.items():
        with pytest.raises(SettingsError) as caught:
            call()
        assert message in str(caught.value)
