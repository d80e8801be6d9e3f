"""Fine-tuning: a pre-trained DBN becomes a feed-forward network that is trained by backpropagation."""

import torch

from deepbelief.errors import SettingsError
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward
from deepbelief.randomness import Random


@torch.no_grad()
def network_to_finetune(
    dbn: DBN,
    classes: int,
    random: Random | int,
    readout: FeedForward | None = None,
    *,
    standardised: bool = False,
) -> FeedForward:
    """The DBN's recognition pass as a network of sigmoid layers with a linear layer on top (Hinton 2007).

    `MinibatchTraining` then fine-tunes all of its layers by backpropagation:

    >>> from deepbelief import MinibatchSettings, MinibatchTraining
    >>> dbn, images, labels = DBN.from_sizes([6, 5, 4], 0), torch.rand(20, 6), torch.arange(20) % 2
    >>> network = network_to_finetune(dbn, classes=2, random=0).requires_grad_(True)
    >>> settings = MinibatchSettings(epochs=3, patience=0)
    >>> [record.epoch for record in MinibatchTraining(network, (images, labels), settings).epochs()]
    [1, 2, 3]

    Args:
        dbn: gives the hidden layers their weights and biases; it is copied, not changed.
        classes: units of the new top layer.
        random: start of the top layer, where no read-out is given.
        readout: a linear read-out of the DBN's top layer to start the new top layer from.
        standardised: the network sees what the DBN's standardisation makes of the values, which Adam's steps suit
            whatever the scale of these is; `Standardisation.fold_into` then makes it one of the values as they are.

    Raises:
        SettingsError: hidden units are not binary, and have no sigmoid.
    """
    kinds = {dbn.layer(number).hidden.description["kind"] for number in range(1, len(dbn) + 1)}
    if kinds != {"Bernoulli"}:
        raise SettingsError(f"a network of sigmoids unfolds from Bernoulli hidden units, not from {sorted(kinds)}.")
    network = FeedForward([*dbn.sizes, classes], torch.sigmoid, random).to(next(dbn.parameters()))
    for number in range(1, len(dbn) + 1):
        rbm, layer = dbn.layer(number), network.linear(number)
        layer.weight.copy_(rbm.weights.T)
        layer.bias.copy_(rbm.hidden.bias)
    if dbn.standardisation is not None and not standardised:
        dbn.standardisation.fold_into(network.linear(1))
    if readout is not None:
        network.linear(-1).load_state_dict(readout.linear(1).state_dict())
    return network
