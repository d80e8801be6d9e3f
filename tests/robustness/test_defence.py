"""Defences are seen by attacks that know them; answers that are drawn are averaged as probabilities."""

import pytest
import torch
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.randomness import Random
from deepbelief.robustness import PGD, Averaged, Defended, LInf, Together, gradient_sign, margin
from tests.robustness.networks import network, right_labels, some_images


def flip(values: Tensor, steps: int) -> Tensor:
    return values if steps % 2 == 0 else 1 - values


def test_the_adaptive_attack_sees_the_defence() -> None:
    images = some_images()
    labels = right_labels(1 - images)
    defended = Defended(network, flip, 1)
    torch.testing.assert_close(defended(images), network(1 - images))
    assert torch.equal(gradient_sign(defended, images, labels), -gradient_sign(network, 1 - images, labels))
    ball = LInf(0.1)
    aware = margin(defended(PGD(20)(defended, images, labels, ball, 0)), labels)
    unaware = margin(defended(PGD(20)(network, images, labels, ball, 0)), labels)
    assert (aware > 0).sum() > (unaware > 0).sum()


class Drawing:
    """Adds numbers that it draws to the images."""

    def __init__(self, level: float) -> None:
        self.level, self.random = level, Random(0)

    def __call__(self, images: Tensor) -> Tensor:
        return network(images + self.random.normal(images.shape, self.level).to(images))


def test_probabilities_are_averaged() -> None:
    images, drawing = some_images(), Drawing(0.3)
    expected = torch.stack([drawing(images).softmax(dim=1) for _ in range(4)]).mean(dim=0)
    found = Averaged(Drawing(0.3), 4)(images)
    torch.testing.assert_close(found.exp(), expected)
    torch.testing.assert_close(Averaged(network, 3)(images).exp(), network(images).softmax(dim=1))


def test_the_gradient_of_a_mean_is_the_mean_of_gradients_of_probabilities() -> None:
    images, drawing = some_images(3), Drawing(0.3)

    def probability(values: Tensor) -> Tensor:
        return torch.stack([drawing(values).softmax(dim=1)[:, 0] for _ in range(5)]).mean(dim=0)

    expected = torch.func.grad(lambda x: probability(x).sum())(images)
    averaged = Averaged(Drawing(0.3), 5)
    torch.testing.assert_close(torch.func.grad(lambda x: averaged(x).exp()[:, 0].sum())(images), expected)


def test_several_answer_by_the_mean_of_their_probabilities() -> None:
    images, other = some_images(), Defended(network, flip)
    expected = (network(images).softmax(dim=1) + other(images).softmax(dim=1)) / 2
    torch.testing.assert_close(Together([network, other])(images).exp(), expected)
    with pytest.raises(SettingsError, match="give at least 1"):
        Together([])


def test_at_least_one_draw() -> None:
    with pytest.raises(SettingsError, match="0 draws is none: give at least 1"):
        Averaged(network, 0)
