"""Each perturbation is its formula, written out by hand."""

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from torch import Tensor

from deepbelief.randomness import Random
from deepbelief.robustness import gaussian, uniform
from deepbelief.robustness.perturbations import (
    BLUR,
    BRIGHTNESS,
    CLIPPED_GAUSSIAN,
    CONTRAST,
    GAUSSIAN,
    INVERSION,
    OCCLUSION,
    ROTATION,
    SALT_AND_PEPPER,
    SHOT,
    TRANSLATION,
    UNIFORM,
)

LOW, HIGH = BOUNDS = (-2.0, 6.0)
SHARES = st.floats(0.01, 1)
SIDES = st.integers(1, 8)
SEEDS = st.integers(0, 100)


def pictures(n: int, *shape: int, seed: int = 0) -> Tensor:
    """(n, rows, columns[, channels]) in the bounds, float64."""
    return Random(seed, "pictures").uniform((n, *shape), LOW, HIGH).double()


def is_one_of(found: Tensor, candidates: list[Tensor], atol: float = 1e-9) -> list[int]:
    """For each found image the first candidate that it equals; there is one for each."""
    gaps = torch.stack([(found - candidate).flatten(1).abs().amax(dim=1) for candidate in candidates])
    assert (gaps.amin(dim=0) <= atol).all(), gaps
    return (gaps <= atol).int().argmax(dim=0).tolist()


@given(st.floats(0.01, 3), SEEDS)
@settings(max_examples=20)
def test_noise_is_that_of_the_library_in_shares_of_the_range(level: float, seed: int) -> None:
    images = pictures(2, 9, seed=seed)
    unclipped = gaussian(images, level * 8, seed)
    assert torch.equal(GAUSSIAN(images, level, seed, bounds=BOUNDS), unclipped)
    assert torch.equal(CLIPPED_GAUSSIAN(images, level, seed, bounds=BOUNDS), unclipped.clamp(LOW, HIGH))
    assert torch.equal(UNIFORM(images, level, seed, bounds=BOUNDS), uniform(images, level * 8, seed, BOUNDS))


@pytest.mark.parametrize("level", [0.07, 0.5, 1.0])
def test_salt_and_pepper_takes_its_share_of_whole_pixels(level: float) -> None:
    images = pictures(40, 50, 20, 3)
    found = SALT_AND_PEPPER(images.flatten(1), level, 1, shape=(50, 20, 3), bounds=BOUNDS).reshape(images.shape)
    salt, pepper = (found == HIGH).all(dim=3), (found == LOW).all(dim=3)
    assert torch.equal(found[~(salt | pepper)], images[~(salt | pepper)])
    for grains in (salt, pepper):
        assert scipy.stats.binomtest(int(grains.sum()), grains.numel(), level / 2).pvalue > 0.001
        at_each_place = grains.sum(dim=0).flatten().numpy()  # 40 draws each: none is preferred
        expected = scipy.stats.binom(40, level / 2)
        assert at_each_place.var() == pytest.approx(expected.var(), rel=0.15)
    assert level < 1 or (salt | pepper).all()


@pytest.mark.parametrize(("share", "level"), [(0.2, 0.2), (0.7, 0.1), (0.05, 0.5), (0.5, 1.0)])
def test_shot_noise_counts_photons(share: float, level: float) -> None:
    n = 40_000
    x = LOW + share * 8
    counts = (SHOT(torch.full((1, n), x).double(), level, 3, bounds=BOUNDS) - LOW).div(8 * level**2).squeeze()
    photons = round(1 / level**2)  # where the count is clipped
    torch.testing.assert_close(counts, counts.round(), rtol=0, atol=1e-6)
    expected = scipy.stats.poisson(share / level**2)
    usual = np.arange(int(expected.ppf(1e-3)), min(photons, int(expected.ppf(1 - 1e-3)) + 1))
    seen = np.array([int((counts.round() == count).sum()) for count in usual])
    rest = n * (1 - expected.pmf(usual).sum())
    assert scipy.stats.chisquare([*seen, n - seen.sum()], [*(n * expected.pmf(usual)), rest]).pvalue > 0.001
    if share < 0.5:  # hardly anything is clipped
        assert counts.mean().item() * level**2 == pytest.approx(share, abs=0.02 * level)
        assert counts.var().item() * level**4 == pytest.approx(share * level**2, rel=0.05)


def test_shot_noise_of_any_level_and_of_values_out_of_bounds() -> None:
    images = torch.tensor([[LOW - 1, LOW, HIGH, HIGH + 1]]).double()
    for level in (1e-300, 1e-9, 1e-4):
        found = SHOT(images, level, 0, bounds=BOUNDS)
        assert (found[0, 0], found[0, 1]) == (LOW, LOW)
        torch.testing.assert_close(found, images.clamp(LOW, HIGH), rtol=0, atol=80 * max(level, 1e-9))
    assert set(SHOT(images.expand(99, -1), 30.0, 0, bounds=BOUNDS).unique().tolist()) <= {LOW, HIGH}


@given(SIDES, SIDES, st.integers(1, 3), st.floats(0.01, 5), SEEDS)
@settings(max_examples=25)
def test_blur_is_scipys_for_each_image_and_channel(
    rows: int, columns: int, channels: int, level: float, seed: int
) -> None:
    level = min(level, 4 * max(rows, columns))
    images = pictures(2, rows, columns, channels, seed=seed)
    found = BLUR(images.flatten(1), level, 0, shape=(rows, columns, channels), bounds=BOUNDS).reshape(images.shape)
    for image, blurred in zip(images.unbind(0), found.unbind(0), strict=True):
        for before, after in zip(image.unbind(2), blurred.unbind(2), strict=True):
            torch.testing.assert_close(after, torch.from_numpy(gaussian_filter(before.numpy(), level)))
    torch.testing.assert_close(found.mean(dim=(1, 2)), images.mean(dim=(1, 2)))


def test_a_blur_wider_than_the_image_leaves_its_mean() -> None:
    images = pictures(3, 45)
    expected = images.mean(dim=1, keepdim=True).expand_as(images)
    for shape, level in (((5, 9), 20), ((1, 45), 180), ((9, 5), 1e12)):  # the last must not take long, either
        found = BLUR(images, level, 0, shape=shape, bounds=BOUNDS)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


@given(SHARES, SEEDS)
@settings(max_examples=20)
def test_tones_are_their_formulas(level: float, seed: int) -> None:
    images = pictures(3, 4, 5, 3, seed=seed).flatten(1)
    means = images.mean(dim=1, keepdim=True)
    expected = {
        CONTRAST: means + (1 - level) * (images - means),
        BRIGHTNESS: (images + 8 * level).clamp(LOW, HIGH),
        INVERSION: images + level * (LOW + HIGH - 2 * images),
    }
    for kind, by_hand in expected.items():
        for shape in (None, (4, 5, 3)):
            torch.testing.assert_close(kind(images, level, 0, shape=shape, bounds=BOUNDS), by_hand)
    torch.testing.assert_close(CONTRAST(images, 1, 0, bounds=BOUNDS), means.expand_as(images))
    torch.testing.assert_close(INVERSION(images, 1, 0, bounds=BOUNDS), LOW + HIGH - images)


@given(SIDES, SIDES, SHARES, SEEDS)
@settings(max_examples=40)
def test_a_square_of_the_images_is_hidden(rows: int, columns: int, level: float, seed: int) -> None:
    images = pictures(6, rows, columns, seed=seed) + 1e-3  # nothing is as low as what is hidden
    found = OCCLUSION(images.flatten(1), level, seed, shape=(rows, columns), bounds=(LOW, 7)).reshape(images.shape)
    side = round(level * min(rows, columns))
    hidden = found == LOW
    assert torch.equal(found[~hidden], images[~hidden])
    for lines in (hidden.any(dim=2), hidden.any(dim=1)):  # rows and columns that it touches: as many as its side
        assert (lines.sum(dim=1) == side).all()
        assert (lines.int().diff(dim=1).abs().sum(dim=1) <= 2).all()  # without a gap
    assert (hidden.sum(dim=(1, 2)) == side**2).all()  # so it fills the whole square
    assert level < 1 or rows != columns or hidden.all()


def test_the_hidden_square_is_anywhere_with_the_same_probability() -> None:
    found = OCCLUSION(torch.ones(6000, 20), 0.5, 0, shape=(4, 5)).reshape(-1, 4, 5)
    first = (found == 0).flatten(1).int().argmax(dim=1)  # its upper left corner
    corners, counts = first.unique(return_counts=True)
    assert corners.tolist() == [5 * row + column for row in range(3) for column in range(4)]
    assert scipy.stats.chisquare(counts.numpy()).pvalue > 0.001


def turned(images: Tensor, times: int) -> Tensor:
    """Images (n, rows, columns) turned by 90 degrees, to the left, on a larger dark square; of even rows + columns."""
    rows, columns = images.shape[1:]
    size = max(rows, columns)
    top, left = (size - rows) // 2, (size - columns) // 2
    square = torch.full((len(images), size, size), LOW, dtype=images.dtype)
    square[:, top : top + rows, left : left + columns] = images
    return torch.rot90(square, times, (1, 2))[:, top : top + rows, left : left + columns]


@given(SIDES, SIDES, SEEDS, st.sampled_from([torch.float32, torch.float64]))
@settings(max_examples=30)
def test_quarter_turns_are_those_of_torch(rows: int, columns: int, seed: int, dtype: torch.dtype) -> None:
    columns += (rows + columns) % 2
    images = pictures(12, rows, columns, seed=seed).to(dtype)
    atol = 1e-5 * 8 if dtype == torch.float32 else 1e-9
    for degrees, ways in ((90, (1, 3)), (180, (2,))):
        found = ROTATION(images.flatten(1), degrees, seed, shape=(rows, columns), bounds=BOUNDS).reshape(images.shape)
        is_one_of(found, [turned(images, way) for way in ways], atol)


def test_images_turn_to_either_side_equally_often() -> None:
    images = pictures(1, 3, 5).expand(2000, -1, -1)
    left, right = (turned(images, times) for times in (1, 3))
    found = ROTATION(images.flatten(1), 90, 0, shape=(3, 5), bounds=BOUNDS).reshape(images.shape)
    to_the_right = sum(is_one_of(found, [left, right]))
    assert scipy.stats.binomtest(to_the_right, 2000, 0.5).pvalue > 0.001
    nearly = ROTATION(images.flatten(1), 89.999, 0, shape=(3, 5), bounds=BOUNDS).reshape(images.shape)
    torch.testing.assert_close(nearly, found, rtol=0, atol=0.01)  # the same draw turns to the same side


@given(st.integers(2, 9), st.integers(2, 9), st.floats(0.5, 180), SEEDS)
@settings(max_examples=40)
def test_a_slope_turned_is_the_slope_at_the_turned_places(rows: int, columns: int, degrees: float, seed: int) -> None:
    """Linear interpolation is exact on x(p) = s . p, wherever R p lies between pixels of the image."""
    down, across = torch.meshgrid(
        torch.arange(rows).double() - (rows - 1) / 2, torch.arange(columns).double() - (columns - 1) / 2, indexing="ij"
    )
    slope = Random(seed).uniform((2,), -0.2, 0.2).tolist()
    image = 2 + slope[0] * down + slope[1] * across
    found = ROTATION(image.flatten().expand(8, -1), degrees, seed, shape=(rows, columns), bounds=BOUNDS)
    expected, inside = [], torch.ones(rows, columns, dtype=torch.bool)
    for angle in np.radians([degrees, -degrees]):
        y, x = np.cos(angle) * down + np.sin(angle) * across, np.cos(angle) * across - np.sin(angle) * down
        inside &= (y.abs() <= (rows - 1) / 2) & (x.abs() <= (columns - 1) / 2)
        expected.append((2 + slope[0] * y + slope[1] * x)[None])
    assume(inside.any())
    is_one_of(found.reshape(8, rows, columns)[:, inside], [one[:, inside] for one in expected])


def moved(images: Tensor, pixels: int) -> list[Tensor]:
    """Images (n, rows, columns) moved by whole pixels to the right, down, to the left and up, dark from outside."""
    ways = []
    for dim, steps in ((2, pixels), (1, pixels), (2, -pixels), (1, -pixels)):
        rolled = images.roll(steps, dim)
        outside = slice(None, steps) if steps > 0 else slice(steps, None)
        rolled[(slice(None),) * dim + (outside,)] = LOW
        ways.append(rolled)
    return ways


@given(SIDES, SIDES, st.integers(1, 9), st.floats(0, 1), SEEDS)
@settings(max_examples=40)
def test_translations_move_whole_pixels_and_interpolate(
    rows: int, columns: int, pixels: int, fraction: float, seed: int
) -> None:
    images = pictures(10, rows, columns, seed=seed)
    found = TRANSLATION(images.flatten(1), pixels + fraction, seed, shape=(rows, columns), bounds=BOUNDS)
    near, far = moved(images, pixels), moved(images, pixels + 1)
    between = [(1 - fraction) * one + fraction * other for one, other in zip(near, far, strict=True)]
    is_one_of(found.reshape(images.shape), between)
    whole = TRANSLATION(images.flatten(1).float(), pixels, seed, shape=(rows, columns), bounds=BOUNDS)
    is_one_of(whole.reshape(images.shape), [one.float() for one in near], 1e-5 * 8)


def test_images_move_in_four_directions_equally_often() -> None:
    images = pictures(1, 4, 3).expand(2000, -1, -1)
    found = TRANSLATION(images.flatten(1), 1, 0, shape=(4, 3), bounds=BOUNDS).reshape(images.shape)
    counts = np.bincount(is_one_of(found, moved(images, 1)), minlength=4)
    assert scipy.stats.chisquare(counts).pvalue > 0.001


def test_images_moved_far_away_are_gone() -> None:
    images = pictures(9, 4, 3).flatten(1).float()
    for level in (4, 7.5, 1e38, 1e300):
        assert (TRANSLATION(images, level, 0, shape=(4, 3), bounds=BOUNDS) == LOW).all()
