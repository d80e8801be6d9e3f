"""Rectified linear units."""

import math
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.models.units.base import Units
from deepbelief.randomness import Random

_COPIES: Final = 40  # exp(-40) is negligible beside 1, in double precision too
_NEAR: Final = 12  # a copy this far from its threshold is on, or off, to the resolution of `Random.bernoulli`
_RIPPLE: Final = 2 * math.pi / math.sinh(2 * math.pi**2)  # see `_ripple`


@final
class ReLU(Units):
    """Rectified linear units as stepped sigmoids: values n = 0, 1, 2, ... (Nair & Hinton 2010), without approximation.

    A unit is infinitely many binary units with the same weights and the biases a - 1/2, a - 3/2, a - 5/2, ...; its
    value n is how many of them are on. Summed over all ways to get n, the weights that their biases give are, by
    Euler's q-binomial theorem for q = 1 / e, q^(n^2 / 2) / ((1 - q) (1 - q^2) ... (1 - q^n)). So

    E(n) = n^2 / 2 + sum_{j <= n} log(1 - e^-j) - a n,

    and the mean, near log(1 + e^(a + field)), grows as max(0, a + field).
    """

    bounded = False
    lowest = 0
    takes, advice = "ReLU units take finite values from 0 up", "shift the data, or take Gaussian units"

    def mean(self, field: Tensor) -> Tensor:
        """sum_k sigmoid(a + field - k + 1/2) over k = 1, 2, ..., shape (batch, size)."""
        x = field + self.bias
        total = torch.zeros_like(x)
        below = torch.exp(-_magnitude(x))
        for threshold in self._thresholds(x):
            odds = below * threshold
            total = total + odds / (1 + odds)
        # Above 0, by symmetry: x for the copies that are certainly on, plus the same sum as below 0.
        return torch.where(x > 0, x + total + _ripple(x), total)

    @torch.no_grad()
    def sample(self, field: Tensor, random: Random) -> Tensor:
        """Integers drawn given the field, shape (batch, size): how many of the copies are on."""
        x = field + self.bias
        certain = (x.floor() - _NEAR).clamp_(min=0)
        total = certain.clone()
        for k in range(1, 2 * _NEAR + 1):
            total += random.bernoulli(torch.sigmoid(x - certain - (k - 0.5)))
        return total

    def energy(self, values: Tensor) -> Tensor:
        """sum_i n_i^2 / 2 + sum_{j <= n_i} log(1 - e^-j) - a_i n_i, shape (batch,)."""
        steps = torch.arange(1, _COPIES + 1, dtype=values.dtype, device=values.device)
        ways = torch.cat([steps.new_zeros(1), torch.log1p(-torch.exp(-steps)).cumsum(dim=0)])
        own = values * values / 2 + ways[values.long().clamp(0, _COPIES)]
        return own.sum(dim=-1) - values @ self.bias

    def log_partitions(self, field: Tensor) -> Tensor:
        """sum_k log(1 + exp(a_i + field_i - k + 1/2)) over k = 1, 2, ..., shape (batch, size)."""
        x = field + self.bias
        below = self._log_sum(torch.exp(-_magnitude(x)))
        # The integral of `mean`: x^2 / 2 for the copies that are on, plus twice the value at 0, minus the value at -x.
        at_zero = self._log_sum(torch.ones_like(x[..., :1]))
        ripple = _RIPPLE / (2 * math.pi) * (torch.cos(2 * math.pi * x) - 1)
        return torch.where(x > 0, x * x / 2 + 2 * at_zero - below + ripple, below)

    def _log_sum(self, below: Tensor) -> Tensor:
        """log of the product over k of 1 + below e^(-k + 1/2)."""
        product = torch.ones_like(below)
        for threshold in self._thresholds(below):
            product = product * (1 + below * threshold)
        return torch.log(product)

    @staticmethod
    def _thresholds(like: Tensor) -> list[float]:
        """e^(-k + 1/2), k = 1, 2, ..., as long as it is not negligible beside 1 in this precision."""
        digits = -math.log(torch.finfo(like.dtype).eps)
        return [math.exp(0.5 - k) for k in range(1, min(_COPIES, math.ceil(digits) + 1))]

    def bias_of_mean(self, mean: Tensor) -> Tensor:
        """The biases that give this mean, by bisection."""
        low, high = torch.full_like(mean, -_COPIES), mean + 1
        for _ in range(60):
            middle = (low + high) / 2
            above = self.mean(middle - self.bias) > mean
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return (low + high) / 2


def _magnitude(x: Tensor) -> Tensor:
    """|x| with slope -1 at 0, as the branch below 0 needs it."""
    return torch.where(x > 0, x, -x)


def _ripple(x: Tensor) -> Tensor:
    """sum_k (sigmoid(x - k + 1/2) - (k <= 0)) over all integers k, minus x: the first term of its Fourier series.

    By Poisson's summation formula; it is below 4e-8, and the second term below 1e-16.
    """
    return -_RIPPLE * torch.sin(2 * math.pi * x)
