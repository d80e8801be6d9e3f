"""The deep autoencoder, made by unrolling a DBN."""

import copy
from typing import final

from torch import Tensor, nn

from deepbelief.arrays import TensorLike, as_batch
from deepbelief.models.dbn import DBN
from deepbelief.system.products import product


@final
class Autoencoder(nn.Module):
    """An encoder and a decoder, each a stack of layers with weights of its own (Hinton & Salakhutdinov 2006).

    The encoder goes up through the hidden units' means, the decoder down through the visible units'; see `unroll`.

    Args:
        encoder: goes up; its visible units' parameters are not used.
        decoder: goes down; its hidden units' parameters are not used.
    """

    def __init__(self, encoder: DBN, decoder: DBN) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        for number in range(1, len(encoder) + 1):
            encoder.layer(number).visible.requires_grad_(False)
            decoder.layer(number).hidden.requires_grad_(False)

    def _given(self, visible: TensorLike) -> Tensor:
        first = self.encoder.layer(1)
        return as_batch(visible, first.weights, first.visible.size, "the autoencoder sees")

    def encode(self, visible: TensorLike) -> Tensor:
        """The code: (batch, visible) -> (batch, code); differentiable."""
        return self.encoder.encode(visible)

    def decode(self, code: TensorLike) -> Tensor:
        """The reconstruction from a code: (batch, code) -> (batch, visible); differentiable."""
        return self.decoder.decode(code)

    def reconstruct(self, visible: TensorLike) -> Tensor:
        """Encode and decode: (batch, visible) -> (batch, visible); differentiable."""
        return self.decode(self.encode(visible))

    forward = reconstruct

    def squared_error(self, visible: TensorLike) -> Tensor:
        """sum_i (v_i - reconstruction_i)^2 of each item, shape (batch,); differentiable."""
        given = self._given(visible)
        return (given - self.reconstruct(given)).square().sum(dim=-1)

    def cross_entropy(self, visible: TensorLike) -> Tensor:
        """-log p(v | code) of each item in nats, shape (batch,); differentiable.

        For binary units that is the cross-entropy -sum_i v_i log r_i + (1 - v_i) log(1 - r_i) of the reconstruction r,
        for real ones the squared error over twice the variance, with a constant. Where the DBN standardises its input
        it is that of the original values: sum_i log scale_i more than that of the standardised ones.
        """
        scaling, given = self.encoder.standardisation, self._given(visible)
        seen = given if scaling is None else scaling(given)
        constant = 0.0 if scaling is None else scaling.log_scale.sum().to(given)
        values, first = self.encode(given), self.decoder.layer(1)
        for number in range(len(self.decoder), 1, -1):
            values = self.decoder.layer(number).visible_mean(values)
        field = product(values, first.weights.T)
        return constant + first.visible.energy(seen) + first.visible.log_partition(field) - (field * seen).sum(dim=-1)


def unroll(dbn: DBN) -> Autoencoder:
    """An autoencoder of untied copies of the DBN's layers; at first it is exactly `dbn.reconstruct`.

    The code is linear, as in the paper, where the top hidden units are real-valued (`Gaussian`).

    >>> import torch
    >>> from deepbelief import Bernoulli, Gaussian, Random
    >>> dbn = DBN.from_units([Bernoulli(784), Bernoulli(100), Gaussian(30)], Random(0))
    >>> unroll(dbn).encode(torch.rand(5, 784)).shape
    torch.Size([5, 30])
    """
    return Autoencoder(copy.deepcopy(dbn).requires_grad_(True), copy.deepcopy(dbn).requires_grad_(True))
