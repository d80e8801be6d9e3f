"""Writes tables as .csv, .parquet or .npy files."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepbelief.data.cells import first_text, read_cells
from deepbelief.data.csv_cells import with_numbers
from deepbelief.data.parquet import pyarrow_parquet, write_parquet
from deepbelief.data.user_table import UserTable
from deepbelief.errors import SettingsError
from deepbelief.system.atomic import replacing

ENDINGS: Final = (".csv", ".parquet", ".npy")
"""The endings of files that `write_table` writes."""


def check_table_file(path: Path, names_of_texts: Iterable[str] = (), further: Iterable[str] = ()) -> None:
    """`SettingsError` if no table with columns of text of these names can be written to a file of this name.

    ``further``: endings that are allowed, too.
    """
    suffix = path.suffix.lower()
    if suffix not in (endings := (*ENDINGS, *further)):
        raise SettingsError(f"tables are written as {', '.join(endings)}, not {path.name}: give one of these endings.")
    if path.is_dir():
        raise SettingsError(f"{path} is a folder: give the name of a file.")
    if suffix == ".parquet":
        pyarrow_parquet()
    if suffix == ".npy" and (texts := list(names_of_texts)):
        raise SettingsError(f"the column {texts[0]!r} holds text, which .npy files do not: write a .csv or .parquet.")


def columns_of_text(table: UserTable) -> list[str]:
    """The names of the columns that hold text which is no number."""
    return [name for name, cells in _typed(table).items() if first_text(read_cells(name, cells)) is not None]


def write_table(path: Path, table: UserTable) -> None:
    """Write a table by the ending of the file's name: a .npy file holds the numbers alone, (rows, columns).

    Images, which have a shape, are (rows, height, width) there.

    Raises:
        SettingsError: as `check_table_file` says.
    """
    check_table_file(path, columns_of_text(table) if path.suffix.lower() == ".npy" else ())
    with replacing(path) as temporary:
        if path.suffix.lower() == ".csv":
            _write_csv(temporary, table.cells)
        elif path.suffix.lower() == ".parquet":
            with temporary.open("wb") as file:
                write_parquet(file, _typed(table))
        else:
            values = np.column_stack([*_typed(table).values()])
            with temporary.open("wb") as file:
                np.save(file, values.reshape(len(values), *(table.image_shape or values.shape[1:])))


def _typed(table: UserTable) -> dict[str, NDArray[Any]]:
    """The columns, with numbers in place of texts that are numbers."""
    if not table.are_text:
        return dict(table.cells)
    return {name: with_numbers(cells, all_or_none=True) for name, cells in table.cells.items()}


def _write_csv(path: Path, cells: Mapping[str, NDArray[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(cells)
        writer.writerows(zip(*(map(_text, column) for column in cells.values()), strict=True))


def _text(cell: Any) -> str:
    return "" if cell is None or cell != cell else str(cell)  # NaN is not itself
