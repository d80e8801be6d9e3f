"""The rows of .parquet and Arrow files, which are read in the groups that they were written in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from deepbelief.data.parquet import ARROW_ENDINGS, cells_of, opened, pyarrow_parquet
from deepbelief.data.shards import Shard
from deepbelief.errors import DataError

_GROUP_BYTES: Final = 2**26  # of the largest group; some of them are in memory at a time


def column_names(path: Path) -> list[str]:
    """The names of all columns of a .parquet or Arrow file; errors as of `ArrowShard`."""
    with opened(path) as file:
        return list(_schema(file).names)


def _schema(file: Any) -> Any:
    return getattr(file, "schema_arrow", None) or file.schema


@final
class ArrowShard(Shard):
    """The rows of a .parquet or Arrow file whose columns are numbers; a missing one is NaN.

    Args:
        path: the file.
        names: the columns to read, in this order; all of them if None.

    Raises:
        DataError: it cannot be read, has no rows, or such a column is not there or holds no numbers, or its groups of
            rows are too large to be read one by one.
        SettingsError: pyarrow is not installed.
    """

    def __init__(self, path: Path, names: Sequence[str] | None = None) -> None:
        self.path, self.maximum = path, 1.0
        self._is_arrow = path.suffix.lower() in ARROW_ENDINGS
        self._pyarrow = pyarrow_parquet()
        with opened(path) as file:
            schema = _schema(file)
            there, lengths = schema.names, self._lengths(file)
        self.names = tuple(there if names is None else names)
        for name in self.names:
            if there.count(name) != 1:
                raise DataError(f"{path} has {there.count(name) or 'no'} columns called {name!r}; it needs one.")
        kinds = [self._kind(name, schema.field(name).type) for name in self.names]
        if not self.names or not sum(lengths):
            raise DataError(f"{path} has no rows of numbers; give at least one.")
        self.dtype = np.dtype(np.float32 if all(kind.itemsize <= 2 or kind == "f4" for kind in kinds) else np.float64)
        self.shape = (len(self.names),)
        self.starts = np.cumsum([0, *lengths])
        if max(lengths) * self.row_bytes > _GROUP_BYTES:
            rows = max(1, _GROUP_BYTES // 8 // self.row_bytes)
            raise DataError(
                f"{path} has {max(lengths):,} rows in one group, too many to have several groups in memory: write it "
                f"anew with groups of up to {rows:,} rows (row_group_size of pyarrow.parquet.write_table)."
            )

    def _kind(self, name: str, of: Any) -> np.dtype[Any]:
        """The type of a column's numbers."""
        types = self._pyarrow.types
        if types.is_decimal(of):
            return np.dtype(np.float64)
        if not (types.is_floating(of) or types.is_integer(of) or types.is_boolean(of)):
            raise DataError(f"{self.path}: the column {name!r} holds {of}: give numbers, or leave the column out.")
        found: np.dtype[Any] = np.dtype(of.to_pandas_dtype())
        return found

    def _lengths(self, file: Any) -> list[int]:
        """The number of rows in each group."""
        if self._is_arrow:
            return [file.get_batch(number).num_rows for number in range(file.num_record_batches)]
        return [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]

    def read(self, pieces: Sequence[slice], out: NDArray[Any]) -> None:
        """As `Shard.read`."""
        start, last, rows = 0, -1, np.empty((0, len(self.names)), self.dtype)
        with opened(self.path) as file:
            for piece in pieces:
                at = piece.start
                while at < piece.stop:
                    group = int(np.searchsorted(self.starts, at, side="right")) - 1
                    if group != last:
                        last, rows = group, self._group(file, group)
                    first = int(self.starts[group])
                    part = rows[at - first : piece.stop - first]
                    out[start : start + len(part)] = part
                    start, at = start + len(part), at + len(part)

    def _group(self, file: Any, number: int) -> NDArray[Any]:
        """All rows of a group."""
        if self._is_arrow:
            columns = self._pyarrow.Table.from_batches([file.get_batch(number)])
        else:
            columns = file.read_row_group(number, columns=list(self.names))
        rows = np.empty((columns.num_rows, len(self.names)), self.dtype)
        if columns.num_rows != self.starts[number + 1] - self.starts[number]:
            raise DataError(f"{self.path} has been changed while it was read: begin anew.")
        for place, name in enumerate(self.names):
            rows[:, place] = cells_of(self._pyarrow, columns.column(name))
        return rows
