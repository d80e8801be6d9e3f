"""Rounding of a network's weights so that its outputs change little."""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

_DAMPING: Final = 0.01  # of the mean square of the inputs
_ROWS: Final = 64  # whose errors are passed on to the rows behind them together, which is faster


@torch.no_grad()
def passing_on(inputs: Tensor) -> Tensor:
    """How the error of a row of weights is passed on to later rows: the upper triangular U, U^T U = H^-1.

    Args:
        inputs: X, (n, inputs), what the layer sees for some items; H = X^T X / n + damping.

    Returns:
        (inputs, inputs).
    """
    seen = inputs.double()
    products = seen.T @ seen / len(seen)
    products += torch.eye(len(products)) * (_DAMPING * products.diagonal().mean()).clamp_min(1e-9)
    upper: Tensor = torch.linalg.cholesky(torch.linalg.inv(products), upper=True)
    return upper.float()


@torch.no_grad()
def rounded(weights: Tensor, nearest: Callable[[Tensor], Tensor], upper: Tensor) -> Tensor:
    """Weights as numbers of fewer bits, chosen by the inputs that occur (GPTQ, Frantar et al. 2023).

    Row after row is rounded, and what that changes in the outputs the rows that follow make good, as far as they can:
    with the error e_i of row i, row k > i moves by -e_i U_ik / U_ii. A weight may then not be the nearest number, but
    the outputs are off by less than otherwise.

    Args:
        weights: (inputs, outputs).
        nearest: weights -> for each the nearest number that can be sent.
        upper: U of `passing_on`.

    Returns:
        (inputs, outputs), numbers that can be sent.
    """
    left, found = weights.clone(), torch.empty_like(weights)
    for start in range(0, len(left), _ROWS):
        end = min(start + _ROWS, len(left))
        errors = torch.empty_like(left[start:end])
        for row in range(start, end):
            found[row] = nearest(left[row])
            errors[row - start] = (left[row] - found[row]) / upper[row, row]
            left[row + 1 : end].addr_(upper[row, row + 1 : end], errors[row - start], alpha=-1)
        left[end:] -= upper[start:end, end:].T @ errors
    return found
