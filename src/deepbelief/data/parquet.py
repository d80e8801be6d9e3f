"""Reads and writes .parquet files by pyarrow, which the extra `tables` installs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from deepbelief.errors import DataError, SettingsError, one_line

ARROW_ENDINGS: Final = (".arrow", ".feather")
"""The endings of Arrow files (its IPC format)."""


def pyarrow_parquet() -> Any:
    """The modules `pyarrow` and `pyarrow.parquet`; `SettingsError` if they are not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise SettingsError('.parquet files need pyarrow: pip install "deepbelief[tables]".') from None
    return pyarrow


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A .parquet or Arrow file, open to be read.

    Raises:
        DataError: the file cannot be read, or is damaged; what is read from it may find that, too.
        SettingsError: pyarrow is not installed.
    """
    pyarrow = pyarrow_parquet()
    if not path.is_file():
        raise DataError(f"{path} does not exist or is no file; check the path.")
    ending = path.suffix.lower()
    try:
        if ending in ARROW_ENDINGS:
            with pyarrow.OSFile(str(path)) as source, pyarrow.ipc.open_file(source) as file:
                yield file
        else:
            with pyarrow.parquet.ParquetFile(path) as file:
                yield file
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} is damaged or no {ending} file ({one_line(str(error))}); write it anew.") from None


def read_parquet(path: Path) -> dict[str, NDArray[Any]]:
    """The columns of a .parquet file by their names, (rows,) each: numbers, or objects with None where missing.

    Raises:
        DataError: the file cannot be read, is damaged, has no row, or two columns of one name.
        SettingsError: pyarrow is not installed.
    """
    pyarrow = pyarrow_parquet()
    with opened(path) as file:
        table = file.read()
    names = table.column_names
    if twice := [name for name in names if names.count(name) > 1]:
        raise DataError(f"{path} has two columns called {twice[0]!r}; give each a name of its own.")
    if not len(table):
        raise DataError(f"{path} has no rows; give at least one.")
    return {name: cells_of(pyarrow, column) for name, column in zip(names, table.columns, strict=True)}


def cells_of(pyarrow: Any, column: Any) -> NDArray[Any]:
    """The cells of a column, (rows,): numbers, NaN where one is missing, or objects, None where one is missing."""
    if pyarrow.types.is_decimal(column.type):
        column = column.cast(pyarrow.float64())
    if pyarrow.types.is_boolean(column.type) and column.null_count:
        column = column.cast(pyarrow.int8())
    kinds = (pyarrow.types.is_floating, pyarrow.types.is_integer, pyarrow.types.is_boolean)
    if any(is_kind(column.type) for is_kind in kinds):
        return np.asarray(column.to_numpy())  # NaN where a number is missing
    cells = np.empty(len(column), dtype=object)
    cells[:] = column.to_pylist()
    return cells


def write_parquet(file: IO[bytes], table: Mapping[str, NDArray[Any]]) -> None:
    """Write columns by their names, (rows,) each.

    Raises:
        SettingsError: pyarrow is not installed.
    """
    pyarrow = pyarrow_parquet()
    pyarrow.parquet.write_table(pyarrow.table({name: pyarrow.array(cells) for name, cells in table.items()}), file)
