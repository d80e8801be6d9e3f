"""The images of the tour: the first of which each thing is true that a step says."""

import dataclasses

import pytest
import torch

from deepbelief.data import Images
from deepbelief.explorer.choice import choose
from deepbelief.explorer.payload import make_payload
from deepbelief.explorer.sources import Contestant, Found
from deepbelief.explorer.tour import tour_images
from deepbelief.models import DBN, FeedForward
from deepbelief.randomness import Random
from tests.explorer.conftest import small


def network(weights: list[list[float]]) -> FeedForward:
    made = FeedForward([2, 2], torch.relu, 0).requires_grad_(False)
    made.linear(1).weight.copy_(torch.tensor(weights))
    made.linear(1).bias.zero_()
    return made


def found(labels: list[int] | None) -> Found:
    """One classifier says which of two pixels is brighter; the other, which is attacked, asks more of the second."""
    pixels = torch.tensor([[0.9, 0.8], [0.5, 0.6], [0.1, 0.9], [0.55, 0.5], [0.5, 0.9]])
    images = Images(pixels, 1.0, None if labels is None else torch.tensor(labels), real=True)
    contestants = (
        Contestant("ffnn", network([[1.2, 0], [0, 1]])),
        Contestant("finetuned", network([[1, 0], [0, 1]])),
    )
    dbn = DBN.from_sizes([2, 3], Random(0)).requires_grad_(False)
    return Found("two pixels", dbn, (1, 2), classes=("left", "right"), contestants=contestants, images=images)


def test_the_first_image_of_each_kind_is_chosen() -> None:
    rows = torch.arange(5)
    assert tour_images(found([1, 1, 1, 0, 1]), rows) == {"agreed": 2, "disputed": 1, "fooled": 3}
    assert tour_images(found([1, 1, 1, 0, 1]), rows[1:]) == {"agreed": 1, "disputed": 0, "fooled": 2}
    assert tour_images(found([1, 1, 1, 1, 1]), rows[2:]) == {"agreed": 0, "disputed": 0, "fooled": 0}
    assert tour_images(found(None), rows) == {"agreed": 0, "disputed": 1, "fooled": 0}


def test_without_classifiers_it_is_the_first_image_and_without_images_none() -> None:
    rows = torch.arange(5)
    alone = dataclasses.replace(found(None), contestants=(), classes=())
    assert tour_images(alone, rows) == {"agreed": 0, "disputed": 0, "fooled": 0}
    assert tour_images(dataclasses.replace(alone, images=None), rows[:0]) is None


@pytest.mark.parametrize("gaussian", [False, True])
def test_a_page_says_which_images_they_are(gaussian: bool) -> None:
    model = small(gaussian)
    header = make_payload(model, choose(model, "float32")).header
    assert header["tour"] == tour_images(model, torch.tensor(header["images"]["rows"]))
