"""APGD: its formula, written out for one image after the other."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.randomness import Random
from deepbelief.robustness import APGD, L2, LInf, cross_entropy, logits_ratio, margin
from deepbelief.robustness.attacks.apgd import _checkpoints
from deepbelief.robustness.balls import Ball
from tests.robustness.networks import network, right_labels, some_images


def by_hand(image: Tensor, label: Tensor, ball: Ball, steps: int, start: Tensor, loss) -> Tensor:
    """One image (1, width): the point with the largest margin."""

    def value(point: Tensor) -> float:
        return float(loss(network(point), label))

    def gradient(point: Tensor) -> Tensor:
        return torch.func.grad(lambda x: loss(network(x), label).sum())(point)

    points, length, best, best_at_check, shortened = [start], 2 * ball.epsilon, start, value(start), True
    shares = [0.0, 0.22]
    while shares[-1] <= 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    checks = [0, *(math.ceil(round(share * steps, 6)) for share in shares[1:] if share <= 1)]
    before, here, rises = start, start, 0
    for number in range(1, steps + 1):
        there = ball.project(here + length * ball.ascent(gradient(here)), image)
        if number > 1:
            there = ball.project(here + 0.75 * (there - here) + 0.25 * (here - before), image)
        rises += value(there) > value(here)
        before, here = here, there
        points.append(here)
        best = here if value(here) > value(best) else best
        if number in checks[1:]:
            since = number - max(check for check in checks if check < number)
            shorten = rises < 0.75 * since or (not shortened and value(best) == best_at_check)
            if shorten:
                length, here = length / 2, best
            shortened, best_at_check, rises = shorten, value(best), 0
    return max(points, key=lambda point: float(margin(network(point), label)))


@pytest.mark.parametrize("kind", [LInf, L2])
@pytest.mark.parametrize("loss", [cross_entropy, logits_ratio])
@settings(max_examples=15)
@given(st.floats(0.02, 0.6), st.integers(1, 40), st.integers(0, 20))
def test_it_is_its_formula(kind, loss, epsilon: float, steps: int, seed: int) -> None:
    images, ball = some_images(4, seed=seed), kind(epsilon)
    labels, starts = right_labels(images), ball.start(images, Random(seed))
    expected = [
        by_hand(images[row : row + 1], labels[row : row + 1], ball, steps, starts[row : row + 1], loss)
        for row in range(4)
    ]
    found = APGD(steps, loss=loss)(network, images, labels, ball, seed)
    torch.testing.assert_close(found, torch.cat(expected), rtol=0, atol=1e-6)


def test_a_length_that_is_new_is_tried_first() -> None:
    """Of 400 images these five come to a checkpoint whose loss is no larger just after their length was halved."""
    images = some_images(400, seed=9)
    ball, labels, rows = LInf(0.4), right_labels(images), [12, 151, 168, 284, 317]
    starts = ball.start(images, Random(0))
    found = APGD(40)(network, images, labels, ball, 0)
    for row in rows:
        one = slice(row, row + 1)
        expected = by_hand(images[one], labels[one], ball, 40, starts[one], logits_ratio)
        torch.testing.assert_close(found[one], expected, rtol=0, atol=1e-6)


def test_checkpoints_of_a_hundred_steps_are_the_papers() -> None:
    assert list(_checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert list(_checkpoints(1)) == [1] * 8


def test_more_starts_are_never_weaker() -> None:
    images, ball = some_images(40), LInf(0.15)
    labels = right_labels(images)
    one, three = (margin(network(APGD(5, restarts)(network, images, labels, ball, 0)), labels) for restarts in (1, 3))
    assert (three >= one).all()
    assert (three > one).any()


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"restarts": 0}])
def test_at_least_one(wrong) -> None:
    with pytest.raises(SettingsError, match="at least one step and one start"):
        APGD(**wrong)
