"""Targeted APGD: each wrong class in turn is made the answer."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.errors import SettingsError
from deepbelief.randomness import Random, as_random
from deepbelief.robustness.attacks.apgd import APGD
from deepbelief.robustness.attacks.attack import Worst, answers, margins
from deepbelief.robustness.balls import Ball
from deepbelief.robustness.losses import TargetedRatio, margin


@final
@dataclass(frozen=True)
class TargetedAPGD:
    """`APGD` with `TargetedRatio`, towards each of the likeliest wrong classes of an image (APGD-T, Croce & Hein 2020).

    Other attacks follow whichever wrong class is nearest on the way. This one also finds the way to a class that is
    far at first. An image that is taken for any wrong class is left as it is then.

    Args:
        steps: towards each class.
        targets: how many classes are tried, those with the largest logits where the attack begins.

    Raises:
        SettingsError: there is no step or no class.
    """

    steps: int = 100
    targets: int = 9

    def __post_init__(self) -> None:
        if self.steps < 1 or self.targets < 1:
            raise SettingsError(
                f"TargetedAPGD takes at least one step towards one class, not {self.steps} towards {self.targets}: "
                "give more."
            )

    def __call__(
        self, classifier: Classifier, images: Tensor, labels: Tensor, ball: Ball, random: Random | int
    ) -> Tensor:
        """The worst image found for each, (n, width); the arguments are those of `Attack`."""
        random = as_random(random, images.device)
        logits = answers(classifier, images)
        classes = logits.shape[1]
        wrong = logits.scatter(1, labels[:, None], -torch.inf)
        likeliest = wrong.topk(min(self.targets, classes - 1), dim=1).indices
        worst = Worst(images.clone(), margin(logits, labels))
        for target in range(classes):
            rows = ((likeliest == target).any(dim=1) & (worst.margin < 0)).nonzero().squeeze(1)
            if len(rows):
                attack = APGD(self.steps, loss=TargetedRatio(target))
                found = attack(classifier, images[rows], labels[rows], ball, random)
                worst.show_some(rows, found, margins(classifier, found, labels[rows]))
        return worst.images
