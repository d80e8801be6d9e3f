"""The top-down defence: let the network see its own reconstruction of an image."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from torch import Tensor

from deepbelief.arrays import Classifier


@final
@dataclass(frozen=True)
class Defended:
    """A classifier that sees `reconstruct(images, steps)` in place of the images.

    It can be differentiated through, so the attack that knows the defence (Athalye et al. 2018) is
    `fgsm(Defended(...), ...)` or `pgd(Defended(...), ...)`; an attack on the classifier alone does not know it.
    """

    classifier: Classifier
    reconstruct: Callable[[Tensor, int], Tensor]
    steps: int = 1

    def __call__(self, images: Tensor) -> Tensor:
        """Images (batch, width) -> logits (batch, classes)."""
        return self.classifier(self.reconstruct(images, self.steps))
