"""Reconstructions by samples: their mean by enumeration, and a gradient that an attack can follow."""

import pytest
import torch

from deepbelief.errors import SettingsError
from deepbelief.models.dbn import DBN
from deepbelief.models.standardisation import Standardisation
from deepbelief.models.units import Bernoulli, Gaussian
from deepbelief.randomness import Random
from deepbelief.sampling import sampled_reconstruction
from tests.small_models import all_states, randomise


def small_dbn(*sizes: int, scale: float = 1.0) -> DBN:
    random = Random(0, "small DBN")
    dbn = DBN.from_sizes(sizes, random)
    for number in range(1, len(dbn) + 1):
        randomise(dbn.layer(number), random, scale)
    return dbn.requires_grad_(False)


IMAGE = torch.tensor([[0.1, 0.9, 0.4, 1.0]], dtype=torch.float64)


def chances(mean: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
    """Of binary states (m, size), given the mean of each of n rows, (n, m)."""
    log = torch.where(states == 1, mean[:, None].log(), torch.log1p(-mean[:, None]))
    return log.sum(dim=2).exp()


def test_the_mean_over_draws_is_the_sum_over_all_states() -> None:
    dbn = small_dbn(4, 3, 2)
    first, second = all_states(dbn.layer(1).hidden), all_states(dbn.layer(2).hidden)
    below = all_states(dbn.layer(2).visible)
    up = chances(dbn.layer(1).hidden_mean(IMAGE), first) @ chances(dbn.layer(2).hidden_mean(first), second)
    expected = up @ chances(dbn.layer(2).visible_mean(second), below) @ dbn.layer(1).visible_mean(below)
    found = sampled_reconstruction(dbn, IMAGE.repeat(40_000, 1), Random(1))
    torch.testing.assert_close(found.mean(dim=0), expected[0], rtol=0, atol=0.01)
    once = chances(dbn.layer(1).hidden_mean(IMAGE), first) @ dbn.layer(1).visible_mean(first)
    found = sampled_reconstruction(dbn, IMAGE.repeat(40_000, 1), Random(1), layer=1)
    torch.testing.assert_close(found.mean(dim=0), once[0], rtol=0, atol=0.01)


def test_each_draw_comes_from_states_and_not_from_means() -> None:
    dbn = small_dbn(4, 3, 2)
    found = sampled_reconstruction(dbn, IMAGE.repeat(500, 1), Random(1))
    possible = dbn.layer(1).visible_mean(all_states(dbn.layer(2).visible))
    distance = torch.cdist(found, possible)
    assert distance.min(dim=1).values.max() < 1e-6
    assert len(distance.argmin(dim=1).unique()) == 8


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("layer", [None, 0, 1, 2])
def test_units_that_are_sure_give_what_means_give(steps: int, layer: int | None) -> None:
    dbn = small_dbn(4, 3, 2, scale=300.0)
    found = sampled_reconstruction(dbn, IMAGE, Random(1), steps, layer)
    torch.testing.assert_close(found, dbn.reconstruct(IMAGE, steps, layer), rtol=0, atol=1e-6)


def test_the_gradient_is_that_of_the_means_at_the_drawn_states() -> None:
    dbn = small_dbn(4, 3, 2)
    found = torch.func.jacrev(lambda x: sampled_reconstruction(dbn, x, Random(3)).sum(dim=0))(IMAGE)[:, 0]
    random = Random(3)
    one, two = dbn.layer(1), dbn.layer(2)
    h1 = one.sample_hidden(IMAGE, random)
    h2 = two.sample_hidden(h1, random)
    below = two.sample_visible(h2, random)

    def slope(mean: torch.Tensor) -> torch.Tensor:
        return torch.diag((mean * (1 - mean))[0])

    expected = (
        slope(one.visible_mean(below)) @ one.weights
        @ slope(two.visible_mean(h2)) @ two.weights
        @ slope(two.hidden_mean(h1)) @ two.weights.T
        @ slope(one.hidden_mean(IMAGE)) @ one.weights.T
    )  # fmt: skip
    torch.testing.assert_close(found, expected)


def test_the_scale_of_the_data_is_kept() -> None:
    random = Random(0)
    scale = Standardisation(torch.tensor([5.0, -3.0]).double(), torch.tensor([2.0, 0.5]).double())
    rbm = randomise(DBN.from_units([Gaussian(2), Bernoulli(3)], random).layer(1), random)
    dbn, plain = DBN([rbm], scale), DBN([rbm])
    values = torch.tensor([[7.0, -3.5]]).double()
    found = sampled_reconstruction(dbn, values, Random(1), 2)
    torch.testing.assert_close(found, scale.undo(sampled_reconstruction(plain, scale(values), Random(1), 2)))
    with pytest.raises(SettingsError, match="layers 1 to 1, not 2"):
        sampled_reconstruction(dbn, values, 0, 1, 2)
