"""A DBN with a read-out on top, as one classifier."""

from collections.abc import Sequence
from typing import Final, final

import torch
from torch import Tensor, nn

from deepbelief.arrays import TensorLike
from deepbelief.errors import SettingsError
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward


@final
class ReadoutClassifier(nn.Module):
    """A DBN up to hidden layer `layer`, or several of its layers side by side, then a read-out, linear or not.

    Differentiable from end to end.

    Raises:
        SettingsError: the DBN has no such layer, or the read-out does not see as many values as there are units.

    >>> dbn = DBN.from_sizes([6, 5, 4], 0)
    >>> ReadoutClassifier(dbn, [1, 2], FeedForward([9, 3], torch.relu, 0))(torch.rand(2, 6)).shape
    torch.Size([2, 3])
    """

    def __init__(self, dbn: DBN, layer: int | Sequence[int], readout: FeedForward) -> None:
        super().__init__()
        self.dbn = dbn
        self.readout = readout
        self.layers: Final = (layer,) if isinstance(layer, int) else tuple(layer)
        features = sum(dbn.layer(number).hidden.size for number in self.layers)
        if readout.sizes[0] != features:
            raise SettingsError(
                f"a read-out of {readout.sizes[0]} values cannot see {features} hidden units: make the two equal."
            )

    def forward(self, images: TensorLike) -> Tensor:
        """(batch, visible) values in [0, 1] -> (batch, classes) logits."""
        return self.of_layers(self.dbn.encode_all(images, max(self.layers)))

    def of_layers(self, means: Sequence[Tensor]) -> Tensor:
        """The means of the hidden layers from layer 1 up, (batch, units) each -> (batch, classes) logits."""
        logits: Tensor = self.readout(side_by_side(means, self.layers))
        return logits


def side_by_side(means: Sequence[Tensor], layers: Sequence[int]) -> Tensor:
    """Of the means of the hidden layers from layer 1 up, (n, units) each, some as one tensor, (n, all their units)."""
    chosen = [means[layer - 1] for layer in layers]
    return chosen[0] if len(chosen) == 1 else torch.cat(chosen, dim=1)
