"""What an attack makes large: functions of logits (n, classes) and true labels (n,), a number for each image, (n,)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log softmax(logits) of the true class; its gradient vanishes where the classifier is very sure."""
    return functional.cross_entropy(logits, labels, reduction="none")


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """The largest logit of a wrong class less that of the true one (Carlini & Wagner 2017).

    An image is classified rightly where it is below 0.
    """
    true = labels[:, None]
    return logits.scatter(1, true, -torch.inf).amax(dim=1) - logits.gather(1, true).squeeze(1)


def logits_ratio(logits: Tensor, labels: Tensor) -> Tensor:
    """`margin` divided by the difference of the largest and the third largest logit (DLR, Croce & Hein 2020).

    Unlike the others it does not depend on the scale of the logits. Of two classes the second takes the place of the
    third.
    """
    ranked = logits.sort(dim=1, descending=True).values
    spread = ranked[:, 0] - ranked[:, min(2, logits.shape[1] - 1)]
    return margin(logits, labels) / (spread + 1e-12)


@final
@dataclass(frozen=True)
class TargetedRatio:
    """`logits_ratio` with one wrong class in place of the likeliest (targeted DLR, Croce & Hein 2020).

    (z_target - z_true) / (z_1 - (z_3 + z_4) / 2), where z_1 is the largest logit, z_2 the second largest and so on. Of
    fewer than four classes the last takes the place of those that are missing.
    """

    target: int

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(n, classes), (n,) -> (n,)."""
        ranked, last = logits.sort(dim=1, descending=True).values, logits.shape[1] - 1
        spread = ranked[:, 0] - (ranked[:, min(2, last)] + ranked[:, min(3, last)]) / 2
        return (logits[:, self.target] - logits.gather(1, labels[:, None]).squeeze(1)) / (spread + 1e-12)
