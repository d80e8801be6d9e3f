"""What a network may learn from in place of clean images: noise of all levels, and attacks through itself."""

import pytest
import torch

from deepbelief.errors import SettingsError
from deepbelief.models.feedforward import FeedForward
from deepbelief.randomness import Random
from deepbelief.robustness import FGSM, PGD, Adversarial, LInf, NoisyLevels
from deepbelief.robustness.attacks.attack import margins
from tests.robustness.networks import network, right_labels, some_images


def test_noise_is_of_all_levels_up_to_the_highest() -> None:
    values = torch.full((4000, 400), 0.5, dtype=torch.float64)
    noisy = NoisyLevels(0.8)(values, torch.zeros(4000), Random(0))
    assert noisy.dtype == torch.float64
    stds = (noisy - values).std(dim=1).sort().values
    # One level an image, uniform in [0, 0.8]: its quantiles are those of the standard deviations.
    expected = 0.8 * (torch.arange(4000) + 0.5) / 4000
    assert (stds - expected.double()).abs().max() < 0.1
    assert (stds - expected.double()).abs().mean() < 0.02
    assert (noisy - values).mean().abs() < 0.002
    assert torch.equal(values, torch.full((4000, 400), 0.5, dtype=torch.float64))


@pytest.mark.parametrize("most", [0, -1, float("nan"), float("inf")])
def test_a_level_that_is_none_is_refused(most: float) -> None:
    with pytest.raises(SettingsError, match="the highest level of noise is"):
        NoisyLevels(most)


def test_images_are_attacked_through_the_network_itself() -> None:
    images = some_images()
    labels, ball = right_labels(images), LInf(0.1)
    attacked = Adversarial(network, PGD(3), ball)(images, labels, Random(0))
    assert torch.equal(attacked, PGD(3)(network, images, labels, ball, Random(0)))
    assert (margins(network, attacked, labels) > margins(network, images, labels)).all()


def test_the_network_is_attacked_as_it_is_just_then() -> None:
    learner = FeedForward([12, 6, 4], torch.tanh, Random(0)).double()
    images, labels = some_images(), torch.arange(20) % 4
    hardened = Adversarial(learner, FGSM(), LInf(0.1))
    before = hardened(images, labels, Random(0))
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.neg_()
    assert not torch.equal(hardened(images, labels, Random(0)), before)
    assert all(parameter.grad is None for parameter in learner.parameters())
