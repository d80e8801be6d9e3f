"""How well Markov chains mix."""

from typing import Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_WINDOW: Final = 5.0  # Sokal's c


def autocorrelation_time(series: NDArray[np.float64]) -> float:
    """The integrated autocorrelation time tau = 1 + 2 sum_t rho(t), in steps: (steps, chains) -> a number.

    Variance and autocorrelation are pooled over the chains, about their common mean, so that chains that stay in
    different places count as slow. The sum ends at the first t >= 5 tau(t) (Sokal 1997). 1 for independent values.
    """
    steps = len(series)
    centred = series - series.mean()
    spectrum = np.fft.rfft(centred, n=2 * steps, axis=0)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=0)[:steps].mean(axis=1) / np.arange(steps, 0, -1)
    if covariance[0] <= 0:
        return 1.0
    tau = 2 * np.cumsum(covariance / covariance[0]) - 1
    enough = np.arange(steps) >= _WINDOW * tau
    return float(max(1.0, tau[int(enough.argmax()) if enough.any() else -1]))


@final
class Trace:
    """The latest values of one figure of every chain, kept on the chains' device."""

    def __init__(self, chains: int, like: Tensor, length: int = 256) -> None:
        self._values = like.new_zeros(length, chains, dtype=torch.float32)
        # On the device, so that a step that CUDA replays writes to the next row each time.
        self._next = torch.zeros(1, dtype=torch.int64, device=like.device)

    def add(self, values: Tensor) -> None:
        """One step: (chains,)."""
        self._values.index_copy_(0, self._next % len(self._values), values[None].to(self._values.dtype))
        self._next += 1

    def autocorrelation_time(self) -> float:
        """Of what has been added since the last call; NaN of fewer than ten steps."""
        n, length = int(self._next), len(self._values)
        values = self._values[:n] if n <= length else self._values.roll(-(n % length), dims=0)
        self._next.zero_()
        return autocorrelation_time(values.double().cpu().numpy()) if n >= 10 else float("nan")
