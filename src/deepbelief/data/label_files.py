"""Reads class labels: integers, booleans or text, in a column or one-hot."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from deepbelief.errors import DataError, DataWarning

Arrays = Mapping[str, NDArray[Any]]

_MOST: Final = 2**53  # up to here floats hold every integer


def read_labels(arrays: Arrays) -> dict[str, torch.Tensor]:
    """Labels as integers: (n,) int64 for each of the ``arrays``; see `read_classes` for what they may hold.

    Numbers are not changed; text is numbered in alphabetical order, over all arrays together.

    Raises `DataError`, whose message calls the array by its key, if one holds no labels.

    >>> read_labels({"y": np.array(["bee", "ant", "bee"])})
    {'y': tensor([1, 0, 1])}
    """
    columns = _columns(arrays)
    if any(column.dtype.kind == "U" for column in columns.values()):
        return _numbered(columns)[0]
    return {key: torch.from_numpy(column) for key, column in columns.items()}


def read_classes(arrays: Arrays, names: NDArray[Any] | None = None) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """Labels numbered from 0 for each of the ``arrays``, and the names of the classes.

    An array holds one label for each image, (n,) or (n, 1): integers (also as floats or booleans) or text; or
    (n, classes) with a single 1 in each row. The classes are the distinct labels of all arrays in order, and named by
    them. With ``names``, (classes,) text, a label is the number of its class there, from 0, or the name itself.

    Raises `DataError`, whose message calls the array by its key, if one holds anything else.

    >>> read_classes({"y_train": np.array([[1.0], [3.0]]), "y_test": np.array([2, 3])})
    ({'y_train': tensor([0, 2]), 'y_test': tensor([1, 2])}, ('1', '2', '3'))
    """
    columns = _columns(arrays)
    if names is None:
        return _numbered(columns)
    given = _names(names)
    if not any(column.dtype.kind == "U" for column in columns.values()):
        return {key: torch.from_numpy(column) for key, column in columns.items()}, given
    found, texts = _numbered(columns)
    if unknown := [text for text in texts if text not in given]:
        raise DataError(f"the label {unknown[0]!r} is not among class_names; name every class there.")
    places = torch.tensor([given.index(text) for text in texts])
    return {key: places[labels] for key, labels in found.items()}, given


def warn_of_unlearnt(path: Path, training: torch.Tensor, names: tuple[str, ...]) -> None:
    """Warn by a `DataWarning` of classes that have a name, or test images, but no training image."""
    learnt = {*training.tolist()}
    if lacking := [name for number, name in enumerate(names) if number not in learnt]:
        message = f"{path} has no training image of the class {', '.join(lacking)}, which cannot be learnt from it."
        warnings.warn(message, DataWarning, stacklevel=2)


def _numbered(columns: Arrays) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """The position of each label among the distinct labels of all columns, and the distinct labels as text."""
    classes = np.unique(np.concatenate(list(columns.values())))
    found = {key: torch.from_numpy(np.searchsorted(classes, column)) for key, column in columns.items()}
    return found, tuple(str(label) for label in classes)


def _columns(arrays: Arrays) -> dict[str, NDArray[Any]]:
    """One label for each image, (n,) int64 or text, the same kind in all arrays."""
    columns = {key: _column(key, array) for key, array in arrays.items()}
    kinds = {column.dtype.kind for column in columns.values()}
    if len(kinds) > 1:
        raise DataError(f"{' and '.join(arrays)} are partly numbers and partly text; save labels of one kind.")
    return columns


def _column(key: str, array: NDArray[Any]) -> NDArray[Any]:
    one_hot = array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "biuf"
    if one_hot and ((array == 0) | (array == 1)).all() and ((array == 1).sum(axis=1) == 1).all():
        return np.nonzero(array)[1]
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "biufUS":
        raise DataError(
            f"{key} has the type {array.dtype} and shape {array.shape}; give one label for each image, a whole number "
            "or text, or rows with a single 1."
        )
    return _text(key, array) if array.dtype.kind in "US" else _whole(key, array)


def _text(key: str, array: NDArray[Any]) -> NDArray[Any]:
    try:
        text = np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
    except UnicodeDecodeError:
        raise DataError(f"{key} holds text that is not UTF-8; save it as str.") from None
    if (text == "").any():
        raise DataError(f"{key} has an empty label at position {int((text == '').argmax())}; give each image a label.")
    return text


def _whole(key: str, array: NDArray[Any]) -> NDArray[np.int64]:
    if array.dtype.kind == "f":
        array = array.astype(np.float64)
        wrong = ~(np.abs(array) <= _MOST) | (np.trunc(array) != array)  # so that NaN fails too
    else:
        wrong = array > _MOST
    if wrong.any():
        place = int(wrong.argmax())
        raise DataError(f"{key} has the label {array[place]:g} at position {place}; give whole numbers or text.")
    return array.astype(np.int64)


def _names(names: NDArray[Any]) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(f"class_names has the type {names.dtype} and shape {names.shape}; give a list of text.")
    found = tuple(str(name) for name in names)
    if len({*found}) < len(found):
        raise DataError("class_names names a class twice; give every class a name of its own.")
    return found
