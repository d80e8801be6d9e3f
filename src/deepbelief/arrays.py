"""Converts arrays, lists and tensors to tensors, and checks their values."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from deepbelief.errors import DataError, SettingsError

Classifier = Callable[[Tensor], Tensor]
"""(batch, width) values in their bounds, [0, 1] for images -> (batch, classes) logits."""

TensorLike = Tensor | ArrayLike
"""A tensor, a NumPy array, nested lists of numbers, or whatever NumPy converts to an array, such as a data frame."""


def as_tensor(given: TensorLike, what: str = "the data") -> Tensor:
    """The numbers as a dense tensor of their own type: a tensor as it is, an array without a copy where possible.

    The library itself always returns tensors; `.numpy()` turns one without gradients into an array.

    Args:
        given: numbers of any type.
        what: their name in messages.

    Raises:
        DataError: they are sparse, ragged, masked, complex, or not numbers.

    >>> as_tensor([[1, 2], [3, 4]]).shape
    torch.Size([2, 2])
    """
    if isinstance(given, list | tuple) and given and all(isinstance(one, Tensor) for one in given):
        given = _stacked(given, what)
    if isinstance(given, Tensor):
        if given.layout != torch.strided:
            raise DataError(f"{what} are a sparse tensor: give a dense one, as its to_dense() makes it.")
        if given.is_complex():
            raise DataError(f"{what} are complex numbers: give real ones.")
        return given
    return _from_array(given, what)


def _stacked(rows: list[Tensor] | tuple[Tensor, ...], what: str) -> Tensor:
    try:
        return torch.stack(list(rows))
    except RuntimeError:
        raise DataError(f"{what} are tensors of different shapes: give the same number of values for each.") from None


def _from_array(given: ArrayLike, what: str) -> Tensor:
    if hasattr(given, "toarray"):  # SciPy's name for it
        raise DataError(f"{what} are a sparse {type(given).__name__}: give a dense array, as its toarray() makes it.")
    if np.ma.is_masked(given):
        raise DataError(f"{what} are an array with masked values, which are missing: leave those items out.")
    try:
        array = np.asarray(given)
    except ValueError:
        raise DataError(f"{what} are lists of different lengths: give the same number of values for each.") from None
    except (TypeError, RuntimeError):
        raise DataError(f"{what} are a {type(given).__name__}: give a tensor or an array of numbers.") from None
    if array.dtype.kind not in "buif":
        kind = type(given).__name__ if array.ndim == 0 else f"{type(given).__name__} of {array.dtype.name}"
        raise DataError(f"{what} are a {kind}: give a tensor or an array of real numbers.")
    wanted = np.dtype(np.float64) if array.dtype.itemsize > 8 else array.dtype.newbyteorder("=")
    # PyTorch shares memory only with arrays that can be written to, forwards, in the machine's byte order.
    return torch.from_numpy(np.require(array, wanted, ["C", "W"]))


def as_batch(given: TensorLike, like: Tensor, width: int, subject: str) -> Tensor:
    """Values for a model, in the type and on the device of its parameters: (..., width); differentiable.

    Args:
        given: a tensor, array or lists; a tensor that fits is returned as it is.
        like: a parameter of the model.
        width: the number of values that the model takes for each item.
        subject: the start of a message, such as "the RBM sees".

    Raises:
        SettingsError: another width.
        DataError: see `as_tensor`.
    """
    values = as_tensor(given, "the values")
    if not values.ndim or values.shape[-1] != width:
        raise SettingsError(f"{subject} {width} values of each item, not a tensor of shape {tuple(values.shape)}.")
    return values.to(like.device, like.dtype)


def count_missing(values: Tensor) -> int:
    """How many values are missing, that is, NaN; where all are finite, one sum tells that, at a tenth of the time."""
    return 0 if values.sum().isfinite() else int(values.isnan().sum())


def widened(low: NDArray[Any], high: NDArray[Any], rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Bounds of columns, (width,) each, that hold for these rows as well, (n, width); NaN does not count."""
    return np.fmin(low, np.fmin.reduce(rows, axis=0)), np.fmax(high, np.fmax.reduce(rows, axis=0))


def check_range(
    values: Tensor,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    wanted: str,
    advice: str = "",
    item: int = 0,
    position: int = 0,
) -> None:
    """`DataError` that names the first value that is NaN, infinite, below `low` or above `high`, if there is one.

    Args:
        values: (batch, width).
        low: the lowest value that is allowed.
        high: the highest.
        wanted: what is allowed, such as "Bernoulli units take values from 0 to 1", for the message.
        advice: what to do about a finite value that is not allowed.
        item: the number of the first item, counted from 0.
        position: the number of the first value.
    """
    largest = torch.finfo(values.dtype).max
    low, high = max(low, -largest), min(high, largest)
    if not values.numel():
        return
    least, most = values.aminmax()  # one pass; NaN, which it passes on, compares as False
    if least >= low and most <= high:
        return
    row, column = (~((values >= low) & (values <= high))).nonzero()[0].tolist()
    value = float(values[row, column])
    advice = advice if math.isfinite(value) else "leave such items out, or fill the value in"
    raise DataError(
        f"item {item + row} has the value {value:g} at position {position + column}, but {wanted}: {advice}."
    )
