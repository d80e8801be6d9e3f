"""Defences: let the network see its own reconstruction of an image; answer by the mean of several views or draws."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.errors import SettingsError


@final
@dataclass(frozen=True)
class Defended:
    """A classifier that sees `reconstruct(images, steps)` in place of the images (Tang & Eliasmith 2010).

    It can be differentiated through, so the attack that knows the defence (Athalye et al. 2018) is
    `fgsm(Defended(...), ...)`, and likewise of every other attack; an attack on the classifier alone does not know it.
    A top-down pass from another layer than the top is `partial(dbn.reconstruct, layer=2)`.
    """

    classifier: Classifier
    reconstruct: Callable[[Tensor, int], Tensor]
    steps: int = 1

    def __call__(self, images: Tensor) -> Tensor:
        """Images (batch, width) -> logits (batch, classes)."""
        return self.classifier(self.reconstruct(images, self.steps))


@final
@dataclass(frozen=True)
class Together:
    """Several classifiers as one, by the mean of their probabilities: of several depths of looking top-down, say.

    Raises:
        SettingsError: there is none.
    """

    classifiers: Sequence[Classifier]

    def __post_init__(self) -> None:
        if not self.classifiers:
            raise SettingsError("no classifiers answer together: give at least 1.")

    def __call__(self, images: Tensor) -> Tensor:
        """Images (batch, width) -> the logarithm of mean probabilities (batch, classes)."""
        logs = torch.stack([classifier(images).log_softmax(dim=1) for classifier in self.classifiers])
        return logs.logsumexp(dim=0) - math.log(len(self.classifiers))


@final
@dataclass(frozen=True)
class Averaged:
    """A classifier that draws random numbers, by the mean of its probabilities over several `draws`.

    Its gradient is that of the mean, which is what an attack on such a classifier has to follow (expectation over
    transformation, Athalye et al. 2018): of a single draw it is mostly noise, which hides how weak the classifier is.

    Raises:
        SettingsError: there is no draw.
    """

    classifier: Classifier
    draws: int

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise SettingsError(f"a mean of {self.draws} draws is none: give at least 1.")

    def __call__(self, images: Tensor) -> Tensor:
        """Images (batch, width) -> the logarithm of mean probabilities (batch, classes)."""
        return Together([self.classifier] * self.draws)(images)
