"""What a network learns from in place of clean images, so that it stands noise or attacks (`MinibatchTraining`)."""

from dataclasses import dataclass
from typing import final

from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.errors import SettingsError
from deepbelief.randomness import Random
from deepbelief.robustness.attacks.attack import Attack
from deepbelief.robustness.balls import Ball


@final
@dataclass(frozen=True)
class NoisyLevels:
    """Gaussian noise, not clipped, whose level is drawn anew for each image at each sight.

    x' = x + s z, with s uniform in [0, `most`] and z of mean 0 and standard deviation 1. A network that has seen all
    levels stands all of them better than one that has seen a single one.

    Raises:
        SettingsError: the highest level is not above 0.
    """

    most: float

    def __post_init__(self) -> None:
        if not 0 < self.most < float("inf"):
            raise SettingsError(f"the highest level of noise is {self.most}: give a number above 0.")

    def __call__(self, values: Tensor, labels: Tensor, random: Random) -> Tensor:
        """Values (batch, width) with noise; the labels do not matter."""
        levels = random.uniform((len(values), 1), 0, self.most).to(values)
        return values + levels * random.normal(values.shape).to(values)


@final
@dataclass(frozen=True)
class Adversarial:
    """Adversarial training (Madry et al. 2018): each image is attacked, through the network as it is just now.

    min over the weights of E max_{x' in ball(x)} loss(x', y), the maximum being what the attack finds: `PGD` with a few
    steps, or a single one from a random start (Wong, Rice & Kolter 2020).

    >>> from deepbelief import FeedForward, MinibatchSettings, MinibatchTraining
    >>> from deepbelief.robustness import PGD, LInf
    >>> import torch
    >>> network, images, labels = FeedForward([6, 8, 2], torch.relu, 0), torch.rand(20, 6), torch.arange(20) % 2
    >>> hardened = Adversarial(network, PGD(steps=2), LInf(0.1))
    >>> training = MinibatchTraining(
    ...     network, (images, labels), MinibatchSettings(epochs=2, patience=0), augment=hardened
    ... )
    >>> [record.epoch for record in training.epochs()]
    [1, 2]
    """

    classifier: Classifier
    attack: Attack
    ball: Ball

    def __call__(self, values: Tensor, labels: Tensor, random: Random) -> Tensor:
        """The worst image that the attack finds for each, (batch, width)."""
        return self.attack(self.classifier, values, labels, self.ball, random)
