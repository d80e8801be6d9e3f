"""The lines of a .csv file: the names of its columns, then rows of as many cells."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deepbelief.data.cells import is_number
from deepbelief.errors import DataError

Rows = Iterator[tuple[str, list[str]]]
"""The cells of each row, and what the row is called in messages."""

# What pandas and R write over the numbers of the rows: nothing, or "Unnamed: 0" when that is read and written again.
_INDEX_COLUMNS: Final = ("", "index", "id", "file")
_INDEX_AGAIN: Final = ("unnamed: ", "__index_level_")


@contextmanager
def csv_lines(path: Path) -> Iterator[tuple[list[str], Rows]]:
    """The names of the columns and the rows below them, while the file is open; empty lines are skipped.

    Raises:
        DataError: the file cannot be read, has no line of names, or a row has another number of cells.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            header = [name.strip() for name in next(reader, [])]
            _check_names(path, header)
            yield header, _rows(path, header, ((reader.line_num, cells) for cells in reader if cells))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; check the path.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check the path and its permissions.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is damaged or no table of text parted by commas ({error}); write it anew.") from error


def _check_names(path: Path, header: list[str]) -> None:
    numbered = [str(number) for number in range(len(header))]  # the columns of a data frame without names
    if header and header != numbered and all(is_number(name) for name in header):
        raise DataError(f"{path} has no line of column names but begins with numbers; put names above them.")


def _rows(path: Path, header: list[str], lines: Iterator[tuple[int, list[str]]]) -> Rows:
    for number, (line, cells) in enumerate(lines, 1):
        where = f"{path}: row {number} (line {line})"
        if len(cells) != len(header):
            raise DataError(
                f"{where} has {len(cells)} cells where there are {len(header)} columns, the last of them "
                f"{header[-1]!r}; give each row as many."
            )
        yield where, cells


def leading_index(names: Sequence[str]) -> int:
    """How many columns at the start only count or name the rows, by what they are called."""
    first = 0
    for name in map(str.lower, names):
        if name not in _INDEX_COLUMNS and not name.startswith(_INDEX_AGAIN):
            break
        first += 1
    return first
