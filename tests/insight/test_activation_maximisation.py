"""The image that excites a unit most: exact where the unit is linear, and as another optimiser finds it where not."""

import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from deepbelief.insight.activation_maximisation import maximise_activation
from deepbelief.models import DBN, Bernoulli, Gaussian
from deepbelief.models.views import standardise
from deepbelief.randomness import Random


def some_images(n: int, width: int) -> Tensor:
    return Random(3).uniform((n, width)).double()


def spread(images: Tensor) -> float:
    """The root of the mean squared distance from the mean image."""
    return float((images - images.mean(dim=0)).square().sum(dim=1).mean().sqrt())


def field(dbn: DBN, layer: int, unit: int, images: Tensor) -> Tensor:
    return (dbn.encode(images, layer - 1) @ dbn.layer(layer).weights)[:, unit].detach()


def test_far_from_the_bounds_a_linear_unit_is_excited_most_along_its_weights() -> None:
    dbn, images = DBN.from_sizes([6, 4], Random(0), weight_std=1.0).double(), some_images(9, 6)
    found = maximise_activation(dbn, 1, torch.tensor([2, 0]), images, (-9.0, 9.0), reach=0.5, steps=1)
    weights = dbn.layer(1).weights.detach().T[[2, 0]]
    expected = images.mean(dim=0) + 0.5 * spread(images) * weights / weights.norm(dim=1, keepdim=True)
    torch.testing.assert_close(found, expected)


@given(st.integers(0, 50), st.sampled_from([0.3, 0.7, 1.0, 5.0]), st.integers(1, 5))
def test_no_image_within_the_limits_excites_a_linear_unit_more(seed: int, reach: float, steps: int) -> None:
    dbn, images = DBN.from_sizes([5, 3], Random(seed), weight_std=2.0).double(), some_images(8, 5)
    found = maximise_activation(dbn, 1, torch.tensor([1]), images, reach=reach, steps=steps)
    mean, radius = images.mean(dim=0), reach * spread(images)
    assert found.min() >= 0 and found.max() <= 1
    assert float((found - mean).norm()) <= radius + 1e-9
    others = Random(seed, "others").uniform((3000, 5)).double()
    others = others[(others - mean).norm(dim=1) <= radius]
    assert (field(dbn, 1, 1, others) <= field(dbn, 1, 1, found) + 1e-6).all()


@pytest.mark.parametrize("layer", [2, 3])
def test_deep_units_are_excited_as_by_another_optimiser(layer: int) -> None:
    dbn, images = DBN.from_sizes([4, 6, 5, 3], Random(1), weight_std=2.0).double(), some_images(12, 4)
    found = maximise_activation(dbn, layer, torch.tensor([0, 2]), images, steps=200)
    mean, radius = images.mean(dim=0).numpy(), 0.7 * spread(images)
    for unit, image in zip((0, 2), found, strict=True):

        def falling(x: np.ndarray, unit: int = unit) -> float:
            return -float(field(dbn, layer, unit, torch.from_numpy(x)[None]))

        limit = {"type": "ineq", "fun": lambda x: radius**2 - float(((x - mean) ** 2).sum())}
        best = scipy.optimize.minimize(falling, mean, bounds=[(0, 1)] * 4, constraints=limit, method="SLSQP")
        assert falling(image.numpy()) == pytest.approx(best.fun, rel=0.01)
        assert best.fun < falling(mean) - 0.1


def test_images_that_are_all_alike_leave_no_room() -> None:
    dbn, images = DBN.from_sizes([5, 3], Random(0), weight_std=1.0), torch.full((4, 5), 0.3)
    torch.testing.assert_close(maximise_activation(dbn, 1, torch.arange(3), images), torch.full((3, 5), 0.3))


def test_real_values_are_on_the_scale_of_the_data() -> None:
    dbn = DBN.from_units([Gaussian(2), Bernoulli(2)], Random(0))
    images = torch.tensor([[100.0, -1.0], [300.0, 1.0], [200.0, 0.0]])
    standardise(dbn, images)
    with torch.no_grad():
        dbn.layer(1).weights.copy_(torch.tensor([[1.0, -1.0], [0.0, 0.0]]))
    with torch.no_grad():  # as most callers have it
        found = maximise_activation(dbn, 1, torch.tensor([0, 1]), images, (-1.0, 300.0))
    torch.testing.assert_close(
        found, torch.tensor([[200 + 0.7 * spread(images), 0.0], [200 - 0.7 * spread(images), 0.0]])
    )
    assert all(parameter.grad is None for parameter in dbn.parameters())
