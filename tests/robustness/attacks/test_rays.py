"""RayS: of the corners, the direction in which a wrong answer is nearest; it sees answers only."""

import pytest
import torch

from deepbelief.errors import SettingsError
from deepbelief.robustness import L2, LInf, RayS, margin
from tests.robustness.attacks.test_square import Asked, never_wrong
from tests.robustness.networks import linear, network, right_labels, some_images


def test_of_two_classes_and_a_plane_between_it_finds_the_shortest_way() -> None:
    """The distance to a plane in the largest norm is the margin over the sum of the weights' sizes."""
    weights = torch.tensor([1.0, -2.0, 3.0, -1.5, 0.5, -0.5, 2.0, 1.0]).double()

    def plane(images):
        return torch.stack([images @ weights, torch.zeros(len(images)).double()], dim=1)

    images = torch.full((1, 8), 0.5).double()
    nearest = float(images @ weights / weights.abs().sum())
    labels = torch.tensor([0])
    for epsilon, wrong in ((0.98 * nearest, False), (1.02 * nearest, True)):
        found = RayS(2000)(plane, images, labels, LInf(epsilon))
        assert bool(margin(plane(found), labels) >= 0) == wrong
        assert torch.equal(found, images) != wrong


def test_answers_are_all_it_sees() -> None:
    images = some_images(20)
    labels = right_labels(images)

    def answers(values):
        return torch.nn.functional.one_hot(network(values).argmax(dim=1), 4).to(values)

    found = (RayS(300)(classifier, images, labels, LInf(0.2)) for classifier in (network, answers))
    assert torch.equal(*found)


def test_no_image_is_seen_more_often_than_allowed() -> None:
    images = some_images(4)
    for queries in (1, 2, 37):
        asked = Asked(linear)
        RayS(queries)(asked, images, linear(images).argmax(dim=1), LInf(0.001))
        seen = torch.cat(asked.images)
        assert len(seen) <= 4 * queries
    asked = Asked(never_wrong)
    RayS(100)(asked, images, torch.zeros(4, dtype=torch.int64), LInf(0.1))
    assert [len(batch) for batch in asked.images] == [4] * 100


def test_blocks_are_halved_until_they_are_single_values() -> None:
    asked, grey = Asked(never_wrong), torch.full((1, 12), 0.5)
    RayS(38)(asked, grey, torch.tensor([0]), LInf(0.1))
    turned = [images.eq(0).nonzero()[:, 1].tolist() for images in asked.images]
    blocks = [range(first, min(first + size, 12)) for size in (12, 6, 3, 2, 1, 1) for first in range(0, 12, size)]
    assert turned == [[], *map(list, blocks)]


def test_an_image_whose_answer_is_wrong_within_epsilon_is_left_alone() -> None:
    asked, images, labels = Asked(never_wrong), some_images(6), torch.tensor([1, 1, 0, 0, 0, 0])
    RayS(50)(asked, images, labels, LInf(0.01))
    # Of those that are wrong anywhere: one query far away, and ten that bisect.
    assert sum(len(seen) for seen in asked.images) == 2 * 11 + 4 * 50


def test_more_queries_find_nearer_answers() -> None:
    images = some_images(60)
    labels = right_labels(images)
    lost = [(margin(network(RayS(q)(network, images, labels, LInf(0.12))), labels) >= 0).sum() for q in (5, 50, 600)]
    assert lost[0] < lost[1] < lost[2]


def test_an_image_that_is_wrong_already_stays() -> None:
    images = some_images(10)
    labels = (right_labels(images) + 1) % 4
    torch.testing.assert_close(RayS(50)(network, images, labels, L2(0.5)), images, rtol=0, atol=5e-3)


def test_impossible_settings() -> None:
    with pytest.raises(SettingsError, match="0 queries: give at least 1"):
        RayS(0)
