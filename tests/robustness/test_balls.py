"""Balls: what an attack may do is in one place, and nothing leaves it."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepbelief.errors import SettingsError
from deepbelief.randomness import Random
from deepbelief.robustness import L2, LInf
from tests.robustness.networks import WIDTH, some_images

KINDS = pytest.mark.parametrize("kind", [LInf, L2])
EPSILONS = st.floats(0, 3)
BOUNDS = st.tuples(st.floats(-3, 0), st.floats(0.1, 4)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@KINDS
@given(EPSILONS, BOUNDS, st.integers(0, 50), st.sampled_from([torch.float32, torch.float64]))
def test_nothing_leaves_the_ball_or_the_bounds(kind, epsilon, bounds, seed, dtype) -> None:
    ball, random = kind(epsilon, bounds), Random(seed)
    images = some_images(6, bounds, seed).to(dtype)
    before = images.clone()
    far = ball.project(images + 5 * random.normal(images.shape).to(images), images)
    for points in (far, ball.start(images, random)):
        assert points.dtype == dtype
        assert points.min() >= torch.tensor(bounds[0], dtype=dtype)
        assert points.max() <= torch.tensor(bounds[1], dtype=dtype)
        assert (ball.distance(points, images) <= epsilon + 1e-5).all()
    assert torch.equal(images, before)
    # What is inside stays where it is.
    torch.testing.assert_close(ball.project(far, images), far, rtol=1e-5, atol=1e-6)


def test_points_outside_come_to_the_nearest_point_of_a_ball_without_bounds() -> None:
    images, far = torch.zeros(1, 2), torch.tensor([[3.0, -4.0]])
    assert LInf(0.5, (-9, 9)).project(far, images).tolist() == [[0.5, -0.5]]
    torch.testing.assert_close(L2(0.5, (-9, 9)).project(far, images), torch.tensor([[0.3, -0.4]]))
    assert L2(6, (-1, 1)).project(far, images).tolist() == [[1, -1]]


@KINDS
def test_no_step_of_its_length_goes_higher_than_the_ascent(kind) -> None:
    ball, random = kind(1.0, (-9.0, 9.0)), Random(0)
    gradient = random.normal((5, WIDTH)).double()
    ascent = ball.ascent(gradient)
    assert ball.distance(ascent, torch.zeros_like(ascent)) == pytest.approx(1)
    for _ in range(200):
        other = ball.project(3 * random.normal(gradient.shape).double(), torch.zeros_like(gradient))
        assert ((gradient * other).sum(dim=1) <= (gradient * ascent).sum(dim=1) + 1e-12).all()


@KINDS
def test_no_gradient_is_no_direction(kind) -> None:
    assert not kind(0.1).ascent(torch.zeros(2, 3)).any()


def test_a_gradient_too_small_to_be_squared_is_a_direction() -> None:
    torch.testing.assert_close(L2(0.1).ascent(torch.tensor([[3e-30, 4e-30]])), torch.tensor([[0.6, 0.8]]))


def test_starts_fill_the_ball_evenly() -> None:
    grey = torch.full((4000, 3), 0.5)
    inside = LInf(0.2).start(grey, Random(0)) - 0.5
    assert (inside.abs().max().item(), inside.std().item()) == (
        pytest.approx(0.2, rel=0.01),
        pytest.approx(0.4 / math.sqrt(12), rel=0.02),
    )
    lengths = L2(0.2).distance(L2(0.2).start(grey, Random(0)), grey)
    # The share of a ball of three dimensions within r of its centre is (r / epsilon)^3.
    for share in (0.2, 0.5, 0.8):
        assert ((lengths / 0.2) ** 3 < share).double().mean().item() == pytest.approx(share, abs=0.03)
    assert LInf(0.2).start(grey, Random(1)).equal(LInf(0.2).start(grey, Random(1)))


def test_distances() -> None:
    points, images = torch.tensor([[3.0, -4.0], [1.0, 1.0]]), torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    assert LInf(1).distance(points, images).tolist() == [4, 0]
    assert L2(1).distance(points, images).tolist() == [5, 0]


@KINDS
def test_impossible_balls(kind) -> None:
    for epsilon in (-0.1, math.nan, math.inf):
        with pytest.raises(SettingsError, match="give a number from 0"):
            kind(epsilon)
    with pytest.raises(SettingsError, match=r"bounds are 1 and 1: give the lower one first"):
        kind(0.1, (1, 1))
