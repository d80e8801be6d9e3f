"""How well Markov chains mix, and swap their states."""

import math
from typing import Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepbelief.system.processes import Share

_WINDOW: Final = 5.0  # Sokal's c


def autocorrelation_time(series: NDArray[np.float64]) -> float:
    """The integrated autocorrelation time tau = 1 + 2 sum_t rho(t), in steps: (steps, chains) -> a number.

    Variance and autocorrelation are pooled over the chains, about their common mean, so that chains that stay in
    different places count as slow; one alone cannot show that. The sum ends at the first t >= 5 tau(t) (Sokal 1997).
    1 for independent values. Infinite where no such t is among the steps, since the sum is then a lower bound at best,
    and where no value ever changes: n steps show times up to n / 5.
    """
    steps = len(series)
    centred = series - series.mean()
    spectrum = np.fft.rfft(centred, n=2 * steps, axis=0)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=0)[:steps].mean(axis=1) / np.arange(steps, 0, -1)
    if covariance[0] <= 0:
        return math.inf
    tau = 2 * np.cumsum(covariance / covariance[0]) - 1
    enough = np.arange(steps) >= _WINDOW * tau
    return max(1.0, float(tau[enough.argmax()])) if enough.any() else math.inf


def acceptance_rate(differences: Tensor) -> float:
    """The share of swaps that chains at equilibrium of two models would accept, from states of one of them alone.

    With weights w = exp(-D) = exp(F_0 - F_1), the ratio of the two models' probabilities but for a constant, it is
    E[min(1, w' / w)] with v of model 1 and v' of model 0, which is E[min(w, w')] / E[w] with both of model 0; here the
    mean over all pairs of different states. 1 if the models are the same, 0 if they have nothing in common.

    Args:
        differences: D = F_1 - F_0 of states of model 0, (states,), at least 2.
    """
    weights = torch.exp(differences.min() - differences.double()).sort().values
    n = len(weights)
    larger = torch.arange(n - 1, -1, -1, device=weights.device)  # how many weights come after each
    return float(2 * (weights * larger).sum() / ((n - 1) * weights.sum()))


@final
class Trace:
    """The latest values of one figure of every chain, kept on the chains' device.

    Args:
        chains: how many.
        like: a tensor on their device.
        length: steps that are kept; they show autocorrelation times up to a fifth of it.
    """

    def __init__(self, chains: int, like: Tensor, length: int = 1024) -> None:
        self._values = like.new_zeros(length, chains, dtype=torch.float32)
        # On the device, so that a step that CUDA replays writes to the next row each time.
        self._next = torch.zeros(1, dtype=torch.int64, device=like.device)

    def add(self, values: Tensor) -> None:
        """One step: (chains,)."""
        self._values.index_copy_(0, self._next % len(self._values), values[None].to(self._values.dtype))
        self._next += 1

    def autocorrelation_time(self, share: Share | None = None) -> float:
        """Of the latest values since the last call; infinite where they do not show it, NaN of fewer than ten steps.

        With a share, of the chains of all processes, each of which has to call this.
        """
        n, length = int(self._next), len(self._values)
        values = self._values[:n] if n <= length else self._values.roll(-(n % length), dims=0)
        self._next.zero_()
        if share is not None:
            values = share.processes.rows_of_all(values, share.whole, dim=1)
        return autocorrelation_time(values.double().cpu().numpy()) if n >= 10 else math.nan
