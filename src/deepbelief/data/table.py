"""Reads a table of numbers from a .csv file, as a data frame writes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepbelief.data.csv_lines import csv_lines, leading_index
from deepbelief.errors import DataError

LABEL_COLUMNS: Final = ("label", "labels", "class", "target", "y")
_LONGEST_LABEL: Final = 1000  # characters; NumPy gives each label as much memory as the longest


class Table(NamedTuple):
    """``values``: (rows, columns) uint8 or float32. ``labels``: the column's name and its values (rows,), if any."""

    values: NDArray[Any]
    labels: Mapping[str, NDArray[Any]] | None


def read_table(path: Path, real: bool = False) -> Table:
    """Read a .csv file: a line of column names, then one row of numbers for each item, separated by commas.

    A first column that counts the rows (named nothing, index or id) is left out. A column named label, labels, class,
    target or y holds labels, numbers or text. Where all other cells are whole numbers from 0 to 255, written
    without a decimal point, they are 8-bit images (uint8), unless they are ``real``.

    Raises `DataError`, which names row and column, if the file cannot be read or holds anything else.
    """
    with csv_lines(path) as (header, lines):
        first, label = _columns(path, header)
        names = [name for place, name in enumerate(header) if place >= first and place != label]
        labels, rows, whole = [], [], not real
        for where, cells in lines:
            _check_filled(header, cells, where)
            if label is not None:
                labels.append(cells.pop(label).strip())
            cells = cells[first:]
            rows.append(_numbers(cells, names, where))
            whole = whole and "".join(cells).isdecimal()
    if not rows:
        raise DataError(f"{path} has no rows below its column names; give at least one.")
    values = np.stack(rows)
    if whole and values.max() <= 255:
        values = values.astype(np.uint8)
    return Table(values, None if label is None else {f"the column {header[label]!r}": _labels(path, labels)})


def _columns(path: Path, header: list[str]) -> tuple[int, int | None]:
    """The first column of values, and the column of labels, if there is one."""
    first = leading_index(header)
    found = [place for place, name in enumerate(header) if name.lower() in LABEL_COLUMNS]
    if len(found) > 1:
        several = " and ".join(repr(header[place]) for place in found)
        raise DataError(f"{path} has several columns that may hold the labels, {several}; rename all but one.")
    if len(header) - first - len(found) < 1:
        raise DataError(f"{path} has no column of values; give a line of column names, then a row for each item.")
    return first, found[0] if found else None


def _check_filled(header: list[str], cells: list[str], where: str) -> None:
    if "" in cells and (empty := [name for name, cell in zip(header, cells, strict=True) if cell == "" and name]):
        raise DataError(f"{where} has an empty cell in the column {empty[0]!r}; fill it in or leave out the row.")


def _numbers(cells: list[str], names: list[str], where: str) -> NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):
            numbers = np.array([float(cell) for cell in cells], np.float64).astype(np.float32)
        if np.isfinite(numbers).all():
            return numbers
    except ValueError:
        pass
    column = next(place for place, cell in enumerate(cells) if not _is_number(cell))
    raise DataError(
        f"{where} has {cells[column][:40]!r} in the column {names[column]!r}, which is no finite number; "
        "give numbers, and text only in a column of labels."
    )


def _is_number(cell: str) -> bool:
    """Whether a cell holds a finite number."""
    try:
        with np.errstate(over="ignore"):
            return bool(np.isfinite(np.float32(float(cell))))
    except ValueError:
        return False


def _labels(path: Path, labels: list[str]) -> NDArray[Any]:
    """Numbers if all labels are numbers, else text."""
    if max(map(len, labels)) > _LONGEST_LABEL:
        raise DataError(f"{path} has a label of more than {_LONGEST_LABEL} characters; give short names of classes.")
    try:
        return np.array([float(label) for label in labels])
    except ValueError:
        return np.array(labels)
