"""Binary units."""

from typing import final

import torch
from torch import Tensor, nn

from deepbelief.models.units.base import Units
from deepbelief.randomness import Random


@final
class Bernoulli(Units):
    """Binary units: values x in {0, 1}, E(x) = -a . x, so that p(x_i = 1 | field) = sigmoid(a_i + field_i).

    Values in [0, 1] are taken as probabilities, as usual for grey images (Hinton 2002).
    """

    bounded = grey = True
    lowest, highest = 0, 1
    takes, advice = "Bernoulli units take values from 0 to 1", "scale the data, or take Gaussian units"

    def mean(self, field: Tensor) -> Tensor:
        """sigmoid(a + field), shape (batch, size)."""
        return torch.sigmoid(field + self.bias)

    def mean_(self, field: Tensor) -> Tensor:
        return field.add_(self.bias).sigmoid_()

    @torch.no_grad()
    def sample(self, field: Tensor, random: Random) -> Tensor:
        """Binary values drawn given the field, shape (batch, size)."""
        return random.bernoulli(self.mean(field))

    @torch.no_grad()
    def sample_(self, field: Tensor, random: Random, out: Tensor) -> Tensor:
        return random.bernoulli(self.mean_(field), out=out)

    def log_partitions(self, field: Tensor) -> Tensor:
        """log(1 + exp(a_i + field_i)), shape (batch, size)."""
        return nn.functional.softplus(field + self.bias, threshold=40)

    def bias_of_mean(self, mean: Tensor) -> Tensor:
        """The log-odds of the mean, log(p / (1 - p))."""
        return torch.logit(mean)

    @property
    def states(self) -> int:
        """2^size."""
        return 1 << self.size

    def state(self, numbers: Tensor) -> Tensor:
        """The binary digits of the numbers, most significant first."""
        digits = torch.arange(self.size - 1, -1, -1, device=numbers.device)
        return (numbers[:, None] >> digits & 1).to(self.bias.dtype)
