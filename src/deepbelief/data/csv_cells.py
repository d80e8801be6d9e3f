"""Reads all cells of a .csv file as text, and finds the numbers in them."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepbelief.data.cells import is_number
from deepbelief.data.csv_lines import csv_lines
from deepbelief.errors import DataError

_MISSING: Final = ("", "na", "n/a", "nan", "null")
"""What missing cells are written as, in small letters."""

_OTHER_MARKS: Final = (";", "\t", "|")


def read_csv_cells(path: Path) -> dict[str, NDArray[Any]]:
    """The columns of a .csv file by their names: text in each cell, None where it is missing, (rows,) objects.

    Missing is an empty cell, or NA, N/A, NaN or null.

    Raises:
        DataError: the file cannot be read, two columns have one name, or there is no row.
    """
    with csv_lines(path) as (header, lines):
        if len(header) == 1 and (other := next((mark for mark in _OTHER_MARKS if mark in header[0]), None)):
            raise DataError(f"{path} parts its cells by {other!r}; write it with commas between them.")
        if twice := [name for name in header if header.count(name) > 1]:
            raise DataError(f"{path} has two columns called {twice[0]!r}; give each a name of its own.")
        rows = [[None if cell.strip().lower() in _MISSING else cell.strip() for cell in cells] for _, cells in lines]
    if not rows:
        raise DataError(f"{path} has no rows below its column names; give at least one.")
    return {name: _objects(cells) for name, cells in zip(header, zip(*rows, strict=True), strict=True)}


def with_numbers(cells: NDArray[Any], *, all_or_none: bool) -> NDArray[Any]:
    """Cells whose text is a number as numbers; with `all_or_none` only if that are all, for codes such as A1, B2 and 3.

    >>> with_numbers(_objects(["1.5", None, "2"]), all_or_none=True)
    array([1.5, nan, 2. ])
    >>> with_numbers(_objects(["3", "B2"]), all_or_none=True)
    array(['3', 'B2'], dtype=object)
    """
    if all(cell is None or is_number(cell) for cell in cells):
        return np.array([np.nan if cell is None else float(cell) for cell in cells])
    if all_or_none:
        return cells
    return _objects([float(cell) if cell is not None and is_number(cell) else cell for cell in cells])


def _objects(cells: Collection[Any]) -> NDArray[Any]:
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    return array
