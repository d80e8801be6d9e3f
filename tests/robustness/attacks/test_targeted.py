"""Targeted APGD: one run of APGD towards each wrong class."""

import pytest
import torch
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.randomness import Random
from deepbelief.robustness import APGD, L2, LInf, TargetedAPGD, TargetedRatio, margin
from deepbelief.robustness.balls import Ball
from tests.robustness.networks import CLASSES, network, right_labels, some_images


def by_hand(images: Tensor, labels: Tensor, ball: Ball, steps: int, targets: int, seed: int) -> Tensor:
    """Class by class, on the images that are not lost yet and have it among their likeliest wrong ones."""
    found, random, ranked = images.clone(), Random(seed), network(images).argsort(dim=1, descending=True)
    for target in range(CLASSES):
        rows = []
        for row, order in enumerate(ranked.tolist()):
            wrong = [one for one in order if one != labels[row]]
            if target in wrong[:targets] and margin(network(found[row : row + 1]), labels[row : row + 1]) < 0:
                rows.append(row)
        if rows:
            attack = APGD(steps, loss=TargetedRatio(target))
            reached = attack(network, images[rows], labels[rows], ball, random)
            for row, image in zip(rows, reached, strict=True):
                both = torch.stack([found[row], image])
                better = margin(network(both), labels[row].expand(2))
                found[row] = both[int(better[1] > better[0])]
    return found


@pytest.mark.parametrize("ball", [LInf(0.08), L2(0.3)])
@pytest.mark.parametrize("targets", [1, 2, 9])
def test_it_is_a_run_towards_each_likely_class(ball: Ball, targets: int) -> None:
    images = some_images(40)
    labels = right_labels(images)
    found = TargetedAPGD(9, targets)(network, images, labels, ball, 5)
    torch.testing.assert_close(found, by_hand(images, labels, ball, 9, targets, 5), rtol=0, atol=1e-9)


def test_it_finds_what_an_attack_that_follows_the_nearest_class_does_not() -> None:
    """The nearest class can never win here: its logit stays 0.1 below the true one, wherever an image is moved."""

    def trap(images: Tensor) -> Tensor:
        true = images[:, 0]
        return torch.stack([true, true - 0.1, 3 * images[:, 1] - 2.4, 0 * true - 9], dim=1)

    images, labels = torch.full((6, 2), 0.5, dtype=torch.float64), torch.zeros(6, dtype=torch.int64)
    followed = APGD(30)(trap, images, labels, LInf(0.4), 0)
    targeted = TargetedAPGD(30)(trap, images, labels, LInf(0.4), 0)
    assert (margin(trap(followed), labels) < 0).all()
    assert (margin(trap(targeted), labels) > 0).all()


def test_what_is_wrong_already_stays_as_it_is() -> None:
    images = some_images(10)
    wrong = (right_labels(images) + 1) % CLASSES
    assert torch.equal(TargetedAPGD(3)(network, images, wrong, LInf(0.1), 0), images)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"targets": 0}])
def test_at_least_one(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="at least one step towards one class"):
        TargetedAPGD(**wrong)
