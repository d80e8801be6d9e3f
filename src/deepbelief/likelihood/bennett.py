"""Bennett's acceptance ratio: how far the log Z of two models are apart, from states of both."""

import math
from dataclasses import dataclass
from typing import final

import scipy.optimize
import scipy.special
import torch
from torch import Tensor

from deepbelief.errors import SettingsError


@final
@dataclass(frozen=True)
class LogRatio:
    """log(Z_1 / Z_0) in nats, and its standard error if all states are independent of each other."""

    value: float
    standard_error: float


def bennett(of_first: Tensor, of_second: Tensor) -> LogRatio:
    """log(Z_1 / Z_0) of two models from states of both (Bennett 1976; Shirts et al. 2003).

    With D(v) = F_1(v) - F_0(v), n_0 states of model 0 and n_1 of model 1, log(Z_1 / Z_0) is the number c that solves

    sum over states of 0 of sigmoid(-(D + c) - m) = sum over states of 1 of sigmoid((D + c) + m),  m = log(n_0 / n_1).

    The left side falls with c and the right side grows, so there is one solution. It is the maximum of the likelihood
    with which a state tells by D which model it comes from, and of all estimates from these states it has the smallest
    variance, 1 / I - 1 / n_0 - 1 / n_1, with I = sum over all states of sigmoid(D + c + m) (1 - sigmoid(D + c + m)).
    It needs models that overlap: where no state of one is likely under the other, the error is large and itself
    uncertain.

    Args:
        of_first: D of states of model 0, shape (n_0,).
        of_second: D of states of model 1, shape (n_1,).

    Returns:
        The logarithm of the ratio, computed in float64; NaN where a value is not finite.

    Raises:
        SettingsError: there is no state of one of the models.

    >>> bennett(torch.tensor([1.0, 1.0]), torch.tensor([1.0]))
    LogRatio(value=-1.0, standard_error=0.0)
    """
    first, second = (one.detach().double().flatten().cpu().numpy() for one in (of_first, of_second))
    if not (first.size and second.size):
        raise SettingsError("Bennett's acceptance ratio needs at least 1 state of each of the two models.")
    lowest, highest = min(first.min(), second.min()), max(first.max(), second.max())
    if not math.isfinite(highest - lowest):
        return LogRatio(math.nan, math.nan)
    m = math.log(first.size / second.size)

    def excess(c: float) -> float:
        return float(scipy.special.expit(-(first + c) - m).sum() - scipy.special.expit(second + c + m).sum())

    # -c is a mean of the differences, so it lies between the lowest and the highest of them.
    c = -lowest if lowest == highest else scipy.optimize.brentq(excess, -highest - 1e-9, -lowest + 1e-9, xtol=1e-12)
    both = torch.cat([of_first.flatten(), of_second.flatten()]).detach().double().cpu()
    belief = torch.sigmoid(both + c + m)
    information = float((belief * (1 - belief)).sum())
    variance = 1 / information - 1 / first.size - 1 / second.size if information else math.inf
    return LogRatio(float(c), math.sqrt(max(0.0, variance)))
