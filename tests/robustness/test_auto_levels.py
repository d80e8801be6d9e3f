"""Automatic levels: the best linear unbiased estimate of light, what is stretched, and what stays as it is."""

import math

import numpy as np
import pytest
import torch

from deepbelief.errors import DataError, SettingsError
from deepbelief.randomness import Random
from deepbelief.robustness import AutoLevels

SHAPE = (6, 5)


def some_images(n: int = 400, bounds: tuple[float, float] = (0.0, 1.0)) -> torch.Tensor:
    """Bright squares of changing place and size on black, whose pixels hang together."""
    random = Random(0, "images")
    place, size = random.uniform((n, 2, 1, 1), 0, 3).floor(), random.uniform((n, 1, 1), 2, 4).floor()
    rows, columns = torch.arange(6.0)[:, None], torch.arange(5.0)
    across = (rows >= place[:, 0]) & (rows < place[:, 0] + size)
    inside = across & (columns >= place[:, 1]) & (columns < place[:, 1] + size)
    low, high = bounds
    return (low + (high - low) * inside.flatten(1).float()).double()


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-2.0, 6.0)])
def test_light_is_estimated_by_generalised_least_squares(bounds: tuple[float, float]) -> None:
    images, span = some_images(bounds=bounds), bounds[1] - bounds[0]
    levels = AutoLevels.of(images, SHAPE, bounds, noise=0.3)
    ones, values = np.ones((30, 1)), images.numpy()
    precision = np.linalg.inv(np.cov(values.T, bias=True) + (0.3 * span) ** 2 * np.eye(30))
    solve = np.linalg.inv(ones.T @ precision @ ones) @ ones.T @ precision
    given = values[:20] + 0.2 * span
    expected = np.maximum(solve @ (given - values.mean(axis=0)).T, 0)[0]
    assert levels.light(torch.from_numpy(given)).numpy() == pytest.approx(expected)
    assert levels.weights.sum().item() == pytest.approx(1)


def test_light_is_found_wherever_it_comes_from_and_taken_away() -> None:
    images = some_images()
    levels = AutoLevels.of(images, SHAPE)
    with_light = levels.light(images + 0.4)
    assert with_light.mean().item() == pytest.approx(0.4, abs=0.001)
    assert with_light.std().item() < 0.05
    noisy = (images + 0.3 * Random(1).normal(images.shape)).clamp(0, 1)
    # On average clipping adds level / sqrt(2 pi) to a black pixel and takes as much from a white one.
    added = 0.3 / math.sqrt(2 * math.pi) * (2 * (images == 0).double().mean(dim=0) - 1)
    assert levels.light(noisy).mean().item() == pytest.approx((levels.weights @ added).item(), abs=0.005)


def test_light_that_would_be_negative_is_none() -> None:
    images = some_images()
    levels = AutoLevels.of(images, SHAPE)
    assert (levels.light(images - 0.5) == 0).all()


def test_the_brightest_patch_becomes_white_and_nothing_gets_darker() -> None:
    image = torch.zeros(1, 5, 6, dtype=torch.float64)
    image[0, 1:4, 1:4] = 0.5
    levels = AutoLevels(torch.zeros(30, dtype=torch.float64), torch.zeros(30, dtype=torch.float64), (5, 6))
    assert torch.equal(levels(image.view(1, 30)), 2 * image.view(1, 30))
    image[0, 1, 1] = 0.0  # the brightest patch is known by its mean
    assert levels(image.view(1, 30)).max().item() == pytest.approx(0.5 / (8 * 0.5 / 9))
    bright = torch.full((1, 30), 3.0, dtype=torch.float64)
    assert torch.equal(levels(bright), bright)
    black = torch.zeros(1, 30, dtype=torch.float64)
    assert torch.equal(levels(black), black)
    assert levels(black + 0.02).max().item() == pytest.approx(0.2)  # hardly an image


def test_channels_and_images_smaller_than_a_patch() -> None:
    levels = AutoLevels(torch.zeros(8), torch.zeros(8), (2, 2, 2), (0.0, 10.0))
    image = torch.tensor([[1.0, 4.0, 1.0, 4.0, 1.0, 4.0, 1.0, 4.0]])
    assert levels(image).tolist() == [pytest.approx([2.5, 10.0] * 4)]


def test_black_is_kept_where_it_is() -> None:
    images = some_images(bounds=(-2.0, 6.0))
    levels = AutoLevels.of(images, SHAPE, (-2.0, 6.0))
    assert levels(images + 3).median().item() == pytest.approx(-2, abs=0.5)


def test_a_gradient_goes_through() -> None:
    images = (some_images(3) * 0.8 + 0.1 * Random(1).uniform((3, 30))).requires_grad_()
    levels = AutoLevels.of(some_images(), SHAPE)
    assert torch.autograd.gradcheck(levels, images)


@pytest.mark.parametrize(
    ("images", "shape", "noise", "error"),
    [
        (torch.rand(5, 12), (3, 5), 0.2, DataError),
        (torch.rand(0, 12), (3, 4), 0.2, DataError),
        (torch.rand(12), (3, 4), 0.2, DataError),
        (torch.full((5, 12), math.nan), (3, 4), 0.2, DataError),
        (torch.rand(5, 12), (12,), 0.2, SettingsError),
        (torch.rand(5, 12), (3, 4), 0.0, SettingsError),
    ],
)
def test_what_cannot_be_is_refused(images: torch.Tensor, shape: tuple[int, ...], noise: float, error: type) -> None:
    with pytest.raises(error, match=r"give|finite"):
        AutoLevels.of(images, shape, noise=noise)
