"""Rounding of a network's weights so that its outputs change little."""

from typing import Final

import torch
from torch import Tensor

_DAMPING: Final = 0.01  # of the mean square of the inputs


@torch.no_grad()
def rounded(weights: Tensor, step: float, inputs: Tensor) -> Tensor:
    """Weights (inputs, outputs) as whole numbers of steps, chosen by the inputs that occur (GPTQ, Frantar et al. 2023).

    Row after row is rounded, and what that changes in the outputs the rows that follow make good, as far as they can:
    with H = X^T X / n + damping and the upper triangular U^T U = H^-1, row i's error e_i moves each later row k by
    -e_i U_ik / U_ii. A weight may then be off by more than half a step, but the outputs are off by less than otherwise.

    Args:
        weights: (inputs, outputs).
        step: what the whole numbers are multiples of.
        inputs: X, (n, inputs), what the layer sees for some items.

    Returns:
        (inputs, outputs), whole numbers.
    """
    seen = inputs.double()
    products = seen.T @ seen / len(seen)
    products += torch.eye(len(products)) * (_DAMPING * products.diagonal().mean()).clamp_min(1e-9)
    upper = torch.linalg.cholesky(torch.linalg.inv(products), upper=True).float()
    left, found = weights.clone(), torch.empty_like(weights)
    for row in range(len(left)):
        found[row] = torch.round(left[row] / step)
        error = (left[row] - found[row] * step) / upper[row, row]
        left[row + 1 :].addr_(upper[row, row + 1 :], error, alpha=-1)
    return found
