"""The cells of one column of a table: which are missing, and the others as numbers or as categories."""

import math
from numbers import Real
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepbelief.errors import DataError, one_line

Value = str | int
"""Of a category: text, or a whole number."""

_NUMBERS: Final = "biuf"  # NumPy's kinds of numbers
_NO_VALUES: Final = ("<NA>", "NaT")  # what pandas' objects for missing values are called
_LARGEST: Final = float(np.finfo(np.float32).max)


def read_cells(name: str, given: ArrayLike) -> NDArray[Any]:
    """The cells of a column as an array of numbers, or of objects: text, numbers, and None where missing.

    Missing is what is NaN, None, masked, or an empty text.

    Raises:
        DataError: the column is no list of numbers and text.
    """
    array = _array(given)
    if array.ndim != 1:
        raise DataError(f"the column {name!r} has the shape {array.shape}: give one cell for each row.")
    if array.dtype.kind in _NUMBERS:
        return array
    if array.dtype.kind not in "USO":
        raise DataError(f"the column {name!r} holds {array.dtype.name}: give numbers or text, or leave the column out.")
    cells = np.empty(len(array), dtype=object)
    cells[:] = [_cell(name, row, cell) for row, cell in enumerate(array.tolist())]
    return cells


def _array(given: ArrayLike) -> NDArray[Any]:
    if isinstance(given, np.ma.MaskedArray):
        cells: NDArray[Any] = np.ma.getdata(given).astype(object)
        cells[np.ma.getmaskarray(given)] = None
        return cells
    array = np.asarray(given)
    # NumPy makes texts of the numbers in a list that holds both.
    return array if hasattr(given, "dtype") or array.dtype.kind not in "US" else np.asarray(given, dtype=object)


def _cell(name: str, row: int, cell: Any) -> Any:
    """A text, a number, or None where it is missing."""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", errors="replace")
    if isinstance(cell, str):
        return cell.strip() or None
    if cell is None or str(cell) in _NO_VALUES or (isinstance(cell, Real) and math.isnan(cell)):
        return None
    if isinstance(cell, Real | np.bool_):
        return cell
    raise DataError(
        f"{place(name, row)} holds {one_line(str(cell))!r}, a {type(cell).__name__}: give numbers or text, or leave "
        "the column out."
    )


def place(name: str, row: int) -> str:
    """The name of a cell in a message; rows are counted from 1 there."""
    return f"row {row + 1} of the column {name!r}"


def are_missing(cells: NDArray[Any]) -> NDArray[np.bool_]:
    """Which cells are missing, (rows,)."""
    if cells.dtype == object:
        return np.array([cell is None for cell in cells], dtype=bool)
    return np.isnan(cells) if cells.dtype.kind == "f" else np.zeros(len(cells), dtype=bool)


def first_text(cells: NDArray[Any]) -> int | None:
    """The first row that holds text, if there is one."""
    texts = (row for row, cell in enumerate(cells) if isinstance(cell, str)) if cells.dtype == object else iter(())
    return next(texts, None)


def is_number(text: str) -> bool:
    """Whether a text is a number, in the way numbers are written in files: `1.5`, `-2e3`, also `inf` and `nan`."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # 1_000 is Python's own


def as_numbers(name: str, cells: NDArray[Any]) -> NDArray[Any]:
    """The numbers of a column, NaN where they are missing: (rows,) float32 where that is enough, else float64.

    Raises:
        DataError: a cell holds text that is no number, or a number that is not finite.
    """
    if cells.dtype == object:
        numbers = np.array([_number(name, row, cell) for row, cell in enumerate(cells)], dtype=np.float64)
    else:
        numbers = cells.astype(np.float32 if np.can_cast(cells.dtype, np.float32) else np.float64)
    if (wrong := np.abs(numbers) > _LARGEST).any():  # not where it is NaN
        row = int(wrong.argmax())
        raise DataError(
            f"{place(name, row)} holds {numbers[row]:g}, which is no finite number: correct it, or leave the cell "
            "empty."
        )
    return numbers


def _number(name: str, row: int, cell: Any) -> float:
    if isinstance(cell, str) and not is_number(cell):
        raise DataError(
            f"{place(name, row)} holds {one_line(cell)!r}, where numbers are wanted: correct it, leave the cell empty, "
            "or declare the column a category."
        )
    return math.nan if cell is None else float(cell)


def as_values(name: str, cells: NDArray[Any], texts: bool) -> list[Value | None]:
    """The categories of a column, None where they are missing: texts, or else whole numbers.

    Raises:
        DataError: a cell holds something else.
    """
    if texts:
        missing = are_missing(cells)
        return [None if missing[row] else _text(name, row, cell) for row, cell in enumerate(cells.tolist())]
    numbers = as_numbers(name, cells)
    known = np.nan_to_num(numbers)
    if (broken := np.trunc(known) != known).any():
        row = int(broken.argmax())
        raise DataError(
            f"{place(name, row)} holds {known[row]:g}, and a category is text or a whole number: declare the column "
            "real, or correct it."
        )
    return [None if math.isnan(number) else int(number) for number in numbers.tolist()]


def _text(name: str, row: int, cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    raise DataError(f"{place(name, row)} holds the number {cell:g}, where text is wanted: give text in every row.")
