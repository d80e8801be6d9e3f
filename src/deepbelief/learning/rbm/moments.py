"""Mean and standard deviation of numbers that come one by one."""

import math
from typing import final

import torch
from torch import Tensor


@final
class Moments:
    """Counts, sums and sums of squares in float64, kept on a device so that nothing is read back at each number."""

    def __init__(self, device: torch.device) -> None:
        self._sums = torch.zeros(3, dtype=torch.float64, device=device)

    def add(self, value: Tensor) -> None:
        """One number, shape ()."""
        wide = value.double()
        self._sums += torch.stack([torch.ones_like(wide), wide, wide * wide])

    def take(self) -> tuple[float, float]:
        """Mean and standard deviation (with n - 1) since the last call; NaN of too few numbers."""
        n, total, squares = self._sums.tolist()
        self._sums.zero_()
        if n < 2:
            return total if n else math.nan, math.nan
        return total / n, math.sqrt(max(0.0, squares - total * total / n) / (n - 1))
