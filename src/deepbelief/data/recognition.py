"""Recognises what kind the columns of a table are of."""

import re
from collections.abc import Mapping
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from deepbelief.data.cells import Value, are_missing, as_numbers, as_values, first_text, place, read_cells
from deepbelief.data.columns import Column, Columns, Kind, TableLike, check_lengths
from deepbelief.errors import DataError, SettingsError, one_line

_DECIMAL_COMMA: Final = re.compile(r"[-+]?\d+,\d+")
_MANY: Final = 50  # different texts: more of them, most of which occur once, are names or remarks


def recognise_columns(table: TableLike, declared: Mapping[str, Kind] | None = None) -> Columns:
    """The columns of a table by what they hold.

    Text makes a category column. Numbers are real, except that a column of zeros and ones alone, or of truth values,
    is binary, and that all columns of numbers are binary where none holds anything but numbers from 0 to 1: these are
    then grey values or probabilities. Whole numbers that stand for categories look like any others: declare such a
    column.

    Args:
        table: the columns; see `TableLike`.
        declared: the kinds of some of the columns, which are taken instead.

    Raises:
        SettingsError: what is declared is no column or no kind.
        DataError: there is no row; or a column has another length, no known cell, a number that is not finite, text
            beside numbers, or texts most of which occur once: a name, a number or a remark for each row.

    >>> columns = recognise_columns({"on": [0, 1, 1], "size": [1, 2, None], "colour": ["red", "blue", "red"]})
    >>> [column.kind for column in columns.each]
    ['binary', 'real', 'category']
    >>> recognise_columns({"size": [1, 3]}, {"size": "category"}).each[0].values
    (1, 3)
    """
    declared = declared or {}
    if unknown := [name for name in declared if name not in table]:
        raise SettingsError(f"there is no column {unknown[0]!r} to declare: give one of the table's names.")
    if wrong := [(name, kind) for name, kind in declared.items() if kind not in get_args(Kind)]:
        name, kind = wrong[0]
        raise SettingsError(f"{kind!r} is no kind of column for {name!r}: give one of {', '.join(get_args(Kind))}.")
    cells = {name: read_cells(name, table[name]) for name in table}
    each = [_column(name, found, declared.get(name)) for name, found in cells.items()]
    if any(column.kind == "real" and column.name not in declared for column in each):
        each = [_of_states(column, cells[column.name], column.name in declared) for column in each]
    columns = Columns(tuple(each))
    check_lengths({name: len(found) for name, found in cells.items()})
    return columns


def _column(name: str, cells: NDArray[Any], kind: Kind | None) -> Column:
    if not len(cells):
        raise DataError(f"the column {name!r} has no rows: give at least one.")
    if are_missing(cells).all():
        raise DataError(f"the column {name!r} is empty in every row: leave it out.")
    text = first_text(cells)
    if kind is None and text is not None:
        _check_all_text(name, cells, text)
    if kind == "category" or (kind is None and text is not None):
        return Column(name, "category", _categories(name, cells, text is not None, declared=kind is not None))
    numbers = as_numbers(name, cells)
    if kind is None:
        kind = "binary" if np.nanmin(numbers) >= 0 and np.nanmax(numbers) <= 1 else "real"
    column = Column(name, kind)
    column.encode(numbers)  # which refuses what a declared kind cannot hold
    return column


def _of_states(column: Column, cells: NDArray[Any], declared: bool) -> Column:
    """The column, but real where it holds fractions that were taken for probabilities."""
    if column.kind != "binary" or declared:
        return column
    numbers = np.nan_to_num(as_numbers(column.name, cells))
    return column if ((numbers == 0) | (numbers == 1)).all() else Column(column.name, "real")


def _check_all_text(name: str, cells: NDArray[Any], text: int) -> None:
    """`DataError` where numbers stand beside text, which is in the row of this number."""
    number = next((row for row, cell in enumerate(cells) if not isinstance(cell, str | None)), None)
    if number is not None:
        raise DataError(
            f"{place(name, text)} holds the text {one_line(cells[text])!r}, and row {number + 1} the number "
            f"{cells[number]:g}: give one of both only, or leave the cell empty."
        )


def _categories(name: str, cells: NDArray[Any], texts: bool, *, declared: bool) -> tuple[Value, ...]:
    """The values of a category column, sorted."""
    known = [value for value in as_values(name, cells, texts) if value is not None]
    different = {*known}
    if not declared and all(_DECIMAL_COMMA.fullmatch(str(value)) for value in different):
        raise DataError(
            f"the column {name!r} holds numbers with a decimal comma, such as {known[0]!r}: write them with a point, "
            "or declare it a category."
        )
    if not declared and len(different) > max(_MANY, len(known) / 2):
        raise DataError(
            f"the column {name!r} holds {len(different):,} different texts in {len(known):,} rows, too many to learn "
            "from: leave it out, or declare it a category."
        )
    return tuple(sorted(different))
