"""Real-valued units."""

import math
from typing import final

import torch
from torch import Tensor, nn

from deepbelief.errors import SettingsError
from deepbelief.models.units.base import Units
from deepbelief.randomness import Random


@final
class Gaussian(Units):
    """Real units with a learned precision g = exp(log_precision): E(x) = sum_i g_i x_i^2 / 2 - a_i x_i.

    Given the field, x_i is normal with mean (a_i + field_i) / g_i and variance 1 / g_i. In these natural parameters a
    precise unit learns at the same rate as the others; in the form (x - a)^2 / (2 s^2) - x W h / s^2 its gradients
    grow as 1 / s^4. The family of distributions is the same (Cho et al. 2011; Liao et al. 2022).

    Args:
        size: number of units.
        min_std: the lower limit of the standard deviation 1 / sqrt(g) in learning. Without it the density of a value
            that hardly ever changes would grow without limit; the default is far below what standardised data have.

    Raises:
        SettingsError: `min_std` is not above 0.
    """

    bounded = False
    real = True
    takes = "Gaussian units take finite values"
    arguments = ("size", "min_std")

    def __init__(self, size: int, min_std: float = 0.1) -> None:
        super().__init__(size)
        if not 0 < min_std < math.inf:
            raise SettingsError(f"the standard deviation of Gaussian units needs a limit above 0, not {min_std}.")
        self.min_std = min_std
        self.log_precision = nn.Parameter(torch.zeros(size))

    @property
    def variance(self) -> Tensor:
        """1 / g, shape (size,)."""
        return torch.exp(-self.log_precision)

    def mean(self, field: Tensor) -> Tensor:
        """(a + field) / g, shape (batch, size)."""
        return (field + self.bias) * self.variance

    def mean_(self, field: Tensor) -> Tensor:
        return field.add_(self.bias).mul_(self.variance)

    @torch.no_grad()
    def sample(self, field: Tensor, random: Random) -> Tensor:
        """Normal values given the field, shape (batch, size)."""
        mean = self.mean(field)
        return random.normal_(torch.empty_like(mean)).mul_(torch.exp(-0.5 * self.log_precision)).add_(mean)

    def energy(self, values: Tensor) -> Tensor:
        """sum_i g_i x_i^2 / 2 - a_i x_i, shape (batch,)."""
        return 0.5 * (values * values) @ torch.exp(self.log_precision) - values @ self.bias

    def log_partitions(self, field: Tensor) -> Tensor:
        """(a_i + field_i)^2 / (2 g_i) + log(2 pi / g_i) / 2, shape (batch, size)."""
        return 0.5 * ((field + self.bias).square() * self.variance + math.log(2 * math.pi) - self.log_precision)

    def bias_of_mean(self, mean: Tensor) -> Tensor:
        """g times the mean."""
        return mean * torch.exp(self.log_precision)

    def further_statistics(self, values: Tensor, are_means: bool, known: Tensor | None = None) -> dict[str, Tensor]:
        """For log_precision: -g sum x^2 / 2; for means, with E[x^2] = mean^2 + 1 / g."""
        squares = values.to(self.log_precision.dtype).square().sum(dim=0) * torch.exp(self.log_precision)
        if are_means:
            squares = squares + (len(values) if known is None else known.sum(dim=0, dtype=squares.dtype))
        return {"log_precision": -0.5 * squares}

    def constrain_(self) -> None:
        """Keep the standard deviation at `min_std` or above."""
        self.log_precision.clamp_(max=-2 * math.log(self.min_std))
