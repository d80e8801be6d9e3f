"""The worst that several attacks together do to each image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.randomness import Random, as_random
from deepbelief.robustness.attacks.attack import Attack, margins
from deepbelief.robustness.balls import Ball


@final
@dataclass(frozen=True, eq=False)
class WorstCase:
    """What is left of a classifier after several attacks, each on the images that all before it have left."""

    images: Tensor
    """For each image one that is classified wrongly, where any was found, else the image itself, (n, width)."""
    lost_to: Tensor
    """The number of the attack that found it, (n,), from 1; 0 if the image itself is wrong, -1 if none was found."""
    names: tuple[str, ...]
    """Of the attacks, in their order."""

    @property
    def right(self) -> Tensor:
        """The images that no attack has made the classifier take for another class, (n,)."""
        return self.lost_to < 0

    @property
    def accuracy(self) -> float:
        """The share of images that are classified rightly in spite of all attacks."""
        return float(self.right.double().mean())

    @property
    def taken(self) -> dict[str, float]:
        """The share of all images that each attack took of those which the attacks before it had left."""
        return {name: float((self.lost_to == n).double().mean()) for n, name in enumerate(self.names, start=1)}


def worst_case(
    classifier: Classifier,
    images: Tensor,
    labels: Tensor,
    ball: Ball,
    attacks: Mapping[str, Attack],
    random: Random | int,
) -> WorstCase:
    """Try several attacks, one after the other, each on the images that are still classified rightly.

    Give those that follow gradients first, then those without: what these still take is a measure of how far the
    gradients mislead.

    Args:
        classifier, images, labels, ball, random: as for every `Attack`.
        attacks: by name, in the order in which they are tried.
    """
    random = as_random(random, images.device)
    found = images.clone()
    lost_to = torch.where(margins(classifier, images, labels) >= 0, 0, -1)
    for number, attack in enumerate(attacks.values(), start=1):
        rows = (lost_to < 0).nonzero().squeeze(1)
        if not len(rows):
            break
        attacked = attack(classifier, images[rows], labels[rows], ball, random)
        lost = margins(classifier, attacked, labels[rows]) >= 0
        found[rows[lost]], lost_to[rows[lost]] = attacked[lost], number
    return WorstCase(found, lost_to, tuple(attacks))
