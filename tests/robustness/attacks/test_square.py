"""The square attack: what it proposes, when it stops, and how often it asks."""

import pytest
import torch
from torch import Tensor

from deepbelief.errors import DataError, SettingsError
from deepbelief.randomness import Random
from deepbelief.robustness import LInf, Square, margin
from tests.robustness.networks import SHAPE, network, right_labels, some_images


class Asked:
    """A classifier that keeps what it was asked."""

    def __init__(self, classifier=network) -> None:
        self.classifier, self.images = classifier, []

    def __call__(self, images: Tensor) -> Tensor:
        self.images.append(images)
        return self.classifier(images)


def never_wrong(images: Tensor) -> Tensor:
    return torch.tensor([[5.0, 0.0, 0.0, 0.0]]).to(images).repeat(len(images), 1)


def test_it_begins_with_vertical_stripes() -> None:
    asked, grey = Asked(), torch.full((30, 12), 0.5, dtype=torch.float64)
    Square(SHAPE, 1)(asked, grey, right_labels(grey), LInf(0.25), 0)
    stripes = (asked.images[0].view(30, *SHAPE) - 0.5) / 0.25
    assert (stripes.abs() == 1).all()
    assert (stripes == stripes[:, :1]).all()
    assert len(stripes[:, 0].unique(dim=0)) == 2**3


def test_then_one_square_of_each_image_goes_to_an_edge_of_the_ball() -> None:
    square, random = Square((6, 5, 2)), Random(0)
    drawn = square._squares(500, 3, random).view(500, 6, 5, 2)
    places = set()
    for one in drawn:
        for channel in range(2):
            inside = one[:, :, channel].nonzero()
            assert len(inside) == 9
            assert (inside.amax(dim=0) - inside.amin(dim=0)).tolist() == [2, 2]
            assert len(one[:, :, channel][one[:, :, channel] != 0].unique()) == 1
        assert torch.equal(one[:, :, 0] != 0, one[:, :, 1] != 0)
        places.add(tuple(inside.amin(dim=0).tolist()))
    assert places == {(row, column) for row in range(4) for column in range(3)}
    # Each channel has a sign of its own.
    assert len(drawn.sum(dim=(1, 2)).unique(dim=0)) == 4


def test_a_square_is_at_an_edge_of_the_ball_as_the_stripes_are() -> None:
    asked, grey = Asked(never_wrong), torch.full((50, 12), 0.5, dtype=torch.float64)
    Square(SHAPE, 2)(asked, grey, torch.zeros(50, dtype=torch.int64), LInf(0.25), 0)
    stripes, proposals = ((images - 0.5) / 0.25 for images in asked.images)
    assert (proposals.abs() == 1).all()
    assert (proposals != stripes).any()


def test_squares_get_smaller() -> None:
    square = Square((28, 28), 10_000)
    sides = {query: square._side(query) for query in (1, 10, 11, 51, 201, 501, 1001, 2001, 4001, 6001, 8001, 9999)}
    # The area, a share of 0.8, is halved after 10, 50, 200, ... of 10,000 queries.
    expected = [25, 25, 18, 13, 9, 6, 4, 3, 2, 2, 1, 1]
    assert list(sides.values()) == expected
    assert [Square((28, 28), 1000)._side(query) for query in (1, 2, 6, 21)] == [25, 18, 13, 9]
    assert Square((2, 300), 100)._side(1) == 2


def test_only_what_raises_the_margin_is_kept() -> None:
    images, ball = some_images(30), LInf(0.05)
    labels = right_labels(images)
    found = [margin(network(Square(SHAPE, queries)(network, images, labels, ball, 4)), labels) for queries in (1, 400)]
    assert (found[1] >= found[0]).all()
    assert (found[1] > found[0]).any()
    before = margin(network(images), labels)
    assert (found[1] > before).double().mean() > 0.9


def test_it_asks_as_often_as_allowed_and_no_more_of_an_image_that_is_lost() -> None:
    asked, images = Asked(never_wrong), some_images(5)
    Square(SHAPE, 23)(asked, images, torch.zeros(5, dtype=torch.int64), LInf(0.1), 0)
    assert [len(batch) for batch in asked.images] == [5] * 23
    asked = Asked(never_wrong)
    Square(SHAPE, 23)(asked, images, torch.tensor([0, 1, 0, 1, 0]), LInf(0.1), 0)
    assert [len(batch) for batch in asked.images] == [5] + [3] * 22


def test_impossible_settings() -> None:
    for shape in ((28,), (0, 3), (2, 2, 2, 2)):
        with pytest.raises(SettingsError, match="give its rows and columns"):
            Square(shape)
    for wrong in ({"queries": 0}, {"area": 0.0}, {"area": 1.1}):
        with pytest.raises(SettingsError, match="at least 1 query, and an area above 0"):
            Square(SHAPE, **wrong)
    with pytest.raises(DataError, match=r"have 12 values, and an image of shape \(5, 5\) has 25"):
        Square((5, 5))(network, some_images(2), torch.tensor([0, 0]), LInf(0.1), 0)
