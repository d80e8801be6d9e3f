"""What an attack makes large: functions of logits (n, classes) and true labels (n,), a number for each image, (n,)."""

from collections.abc import Callable

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
