"""Converts arrays to grey values; their type alone decides what is white, never other values of the file."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from deepbelief.errors import DataError, DataWarning

_COLOURS: Final = (3, 4)  # RGB, and RGB with transparency


class Pixels(NamedTuple):
    """``values`` (n, width), ``maximum`` and ``real`` as `Images` takes them, and the shape of one image."""

    values: torch.Tensor
    maximum: float
    real: bool
    shape: tuple[int, ...]


def read_pixels(name: str, array: NDArray[Any], real: bool = False) -> Pixels:
    """Pixels from an array (n, height, width) or (n, values); a channel axis of 1, last or after n, is left out.

    The type decides what means white: True for bool, 1 for floats, 65535 for uint16, 255 for uint8; other integers
    must be from 0 to 255 and are treated as uint8. With ``real``, all but bool and uint8 are kept as they are.

    Raises `DataError`, whose message calls the array by its ``name``, for any other shape, type or value.

    >>> read_pixels("x", np.array([[0, 13107]], np.uint16)).values
    tensor([[0.0000, 0.2000]])
    """
    array, maximum = without_channels(name, array), 1.0
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name} has the type {array.dtype}; save it as uint8, or as float32 scaled to [0, 1].")
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    elif array.dtype == np.uint8:
        maximum = 255.0
    elif real:
        array = _finite(name, array)
    elif array.dtype.kind == "f":
        array = _scaled(name, _finite(name, array))
    elif _white(array) == 65535:
        array = array.astype(np.float32) / np.float32(65535)
    else:
        array, maximum = _as_8_bit(name, array), 255.0
    flat = torch.from_numpy(np.ascontiguousarray(array)).flatten(1)  # (n, height * width)
    return Pixels(flat, maximum, real and array.dtype == np.float32, array.shape[1:])


def warn_if_dark(path: Path, arrays: Iterable[NDArray[Any]], real: bool = False) -> None:
    """Warn by a `DataWarning` if the integers of a file reach less than half of what means white.

    Such a file may hold zeros and ones, 0 to 16 or percentages, all of which would be learnt as almost black images.
    """
    counted = [array for array in arrays if array.dtype == np.uint8 or (array.dtype.kind in "iu" and not real)]
    brightest = [(int(array.max(initial=0)), _white(array)) for array in counted]
    value, white = max(brightest, key=lambda pair: pair[0] / pair[1], default=(0, 1))
    if 0 < value < white / 2:
        message = (
            f"{path} holds no pixel above {value} where {white} is white; if less is meant to be white, divide by that "
            "number and save floats, or save zeros and ones as bool."
        )
        warnings.warn(message, DataWarning, stacklevel=2)


def _white(array: NDArray[Any]) -> int:
    """The integer that means white, in either byte order."""
    return 65535 if (array.dtype.kind, array.dtype.itemsize) == ("u", 2) else 255


def without_channels(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """(n, height, width) or (n, values)."""
    if array.ndim == 4 and 1 in (array.shape[3], array.shape[1]):
        array = array[..., 0] if array.shape[3] == 1 else array[:, 0]
    if array.ndim == 4 and {array.shape[1], array.shape[3]} & {*_COLOURS}:
        raise DataError(f"{name} holds colour images of the shape {array.shape}; make them grey before you save them.")
    if array.ndim not in (2, 3) or 0 in array.shape[1:]:
        raise DataError(
            f"{name} has the shape {array.shape}; give (images, height, width) or (images, values), grey and not empty."
        )
    return array


def _finite(name: str, array: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise DataError(f"{name} holds values that are not finite numbers (NaN or infinite); replace them.")
    return array


def _scaled(name: str, array: NDArray[np.float32]) -> NDArray[np.float32]:
    # After rounding to float32: a float64 of 1 + 1e-12 is a 1.
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise DataError(
            f"{name} ranges from {array.min():g} to {array.max():g}; scale it to [0, 1], save 8-bit images as uint8, "
            "or use a model of real-valued units (`visible = 'gaussian'` in a recipe, real=True in Python)."
        )
    return array


def _as_8_bit(name: str, array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.size and not (array.min() >= 0 and array.max() <= 255):
        raise DataError(
            f"{name} has the type {array.dtype} and ranges from {array.min()} to {array.max()}, of which it is not "
            "said what is white; save it as uint8 (255), uint16 (65535) or float32 scaled to [0, 1], "
            "or use a model of real-valued units (`visible = 'gaussian'` in a recipe, real=True in Python)."
        )
    return array.astype(np.uint8)
