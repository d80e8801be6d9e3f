"""Kinds of units: how the values of one layer are distributed, given what the other layer sends."""

from typing import Final, final

import torch
from torch import Tensor, nn

from deepbelief.randomness import Random


@final
class Bernoulli(nn.Module):
    """Binary units: values x in {0, 1} with biases a, so that p(x_i = 1 | field) = sigmoid(a_i + field_i).

    The *field* is what the other layer sends: v W for hidden units, h W^T for visible units, shape (batch, size).
    Values in [0, 1] are taken as probabilities, as usual for grey images (Hinton 2002).
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size: Final = size
        self.bias = nn.Parameter(torch.zeros(size))

    def mean(self, field: Tensor) -> Tensor:
        """sigmoid(a + field), shape (batch, size)."""
        return torch.sigmoid(field + self.bias)

    def mean_(self, field: Tensor) -> Tensor:
        """`mean`, written over the field; for learning, which needs no gradient through it."""
        return field.add_(self.bias).sigmoid_()

    def sample(self, field: Tensor, random: Random) -> Tensor:
        """Binary values drawn given the field, shape (batch, size)."""
        return random.bernoulli(self.mean(field))

    def sample_(self, field: Tensor, random: Random, out: Tensor) -> Tensor:
        """`sample`, written to `out`; the means are written over the field."""
        return random.bernoulli(self.mean_(field), out=out)

    def energy(self, values: Tensor) -> Tensor:
        """The units' own part of the energy, -sum_i a_i x_i, shape (batch,)."""
        return -(values @ self.bias)

    def log_partition(self, field: Tensor) -> Tensor:
        """log of the sum over all x of exp(sum_i (a_i + field_i) x_i) = sum_i softplus(a_i + field_i), (batch,)."""
        return nn.functional.softplus(field + self.bias).sum(dim=-1)
