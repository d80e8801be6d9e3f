"""Rows in files as a source: read when they are asked for, ahead in a known order, and never all in memory."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepbelief.data.ahead import Ahead
from deepbelief.data.arrow_shard import ArrowShard
from deepbelief.data.order import Runs
from deepbelief.data.parquet import ARROW_ENDINGS
from deepbelief.data.shards import NpyShard, Shard
from deepbelief.data.source import Reader, Rows, Source
from deepbelief.errors import DataError

_WINDOW_BYTES: Final = 2**27  # of the rows that are mixed with each other
_GROUPS: Final = 4  # runs in a window, at least
_PART_BYTES: Final = 2**22  # of rows that are looked at together
_KEPT_BYTES: Final = 2**25  # of rows that are asked for again and again, as by monitors
_KEPT: Final = 4  # times that such rows were asked for
SHARD_ENDINGS: Final = (".npy", ".parquet", *ARROW_ENDINGS)
"""The endings of files that `open_rows` reads."""


@final
class StoredRows(Source):
    """The rows of one or more files, one after the other, as a `Source` that never holds all of them.

    Learning shuffles them by a window: it reads runs of neighbouring rows in random order, each of them once, and mixes
    the rows of so many runs as take 128 MB. While it learns from one window a thread reads the next; there are up to
    three in memory at a time.

    Args:
        shards: the files.
        window: rows to mix; None: so many as take 128 MB.

    Raises:
        DataError: there is none, or their rows are not alike.
    """

    def __init__(self, shards: Sequence[Shard], window: int | None = None) -> None:
        if not shards:
            raise DataError("there are no files of rows: give at least one.")
        first = self._first = shards[0]
        for shard in shards:
            _check_alike(shard, first)
        self.shards: Final = tuple(shards)
        lengths = [len(shard) for shard in shards]
        self._ends = np.cumsum(lengths)
        starts = [shard.starts[:-1] + end - len(shard) for shard, end in zip(shards, self._ends, strict=True)]
        joined = torch.from_numpy(np.append(np.concatenate(starts), self._ends[-1]))
        longest = int(joined.diff().max()) if len(joined) > 1 else 1
        self._runs = Runs(joined, window or max(1, _WINDOW_BYTES // first.row_bytes, _GROUPS * longest))
        self._kept: OrderedDict[bytes, Tensor] = OrderedDict()
        self._ahead: Ahead | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to read the files: nothing of what has been read of them."""
        state = {name: value for name, value in self.__dict__.items() if name != "_executor"}
        return {**state, "_ahead": None, "_kept": OrderedDict()}

    def __len__(self) -> int:
        return int(self._ends[-1])

    @property
    def names(self) -> tuple[str, ...]:
        """Of the values of a row."""
        return self._first.names

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a row: (values,), or (height, width) of an image."""
        return self._first.shape

    @property
    def maximum(self) -> float:
        """What the value 1 is stored as, such as 255 in images; 1 where values are numbers."""
        return self._first.maximum

    @property
    def grey(self) -> bool:
        """Whether all values are known to be grey values, from 0 to 1."""
        return self.maximum > 1 or self.is_uint8

    @property
    def is_uint8(self) -> bool:
        """Whether values are stored in 8 bits, as those of images."""
        return bool(self._first.dtype == np.uint8)

    @property
    def width(self) -> int:
        """Number of values per row."""
        return len(self.names)

    @cached_property
    def missing(self) -> float:
        """The share of all values that are NaN; floating-point numbers are all read for it, once."""
        return 0.0 if self.grey else super().missing

    @property
    def runs(self) -> Runs:
        """Rows that are cheap to read together, and how many are mixed."""
        return self._runs

    def expect(self, order: Tensor) -> None:
        """Begins to read in a thread what comes first."""
        self._ahead = Ahead(order, self._runs.window, self.stored, self._executor)

    @cached_property
    def _executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, "read-ahead")

    def batch(self, rows: Rows) -> Tensor:
        """The rows asked for, (batch, width): grey values from 0 to 1, and other numbers as they are."""
        stored = self._few(rows)
        return stored if stored.is_floating_point() and self.maximum == 1 else stored.float().div_(self.maximum)

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        like = torch.from_numpy(np.empty(0, self._first.dtype))
        raw, ready = like.new_empty(size, self.width), torch.empty(size, self.width, dtype=dtype)

        def read(rows: Rows) -> Tensor:
            ahead = None
            if self._ahead is not None and not isinstance(rows, slice):
                ahead = self._ahead.take(rows.cpu(), raw)
            stored = self.stored(rows) if ahead is None else ahead
            if stored.dtype == dtype and self.maximum == 1:
                return stored
            values = ready[: len(stored)].copy_(stored)
            return values if self.maximum == 1 else values.div_(self.maximum)

        return read

    def _few(self, rows: Rows) -> Tensor:
        """`stored`, and kept for a while where they are few."""
        if isinstance(rows, slice) or len(rows) * self._first.row_bytes > _KEPT_BYTES:
            return self.stored(rows)
        key = rows.cpu().numpy().tobytes()
        if key not in self._kept:
            self._kept[key] = self.stored(rows)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def stored(self, rows: Rows) -> Tensor:
        """The rows as they are stored, (batch, width): uint8, float32 or float64, grey values up to `maximum`."""
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return torch.from_numpy(self._read([slice(start, max(start, stop))]))
            wanted = np.arange(start, stop, step)
        else:
            wanted = rows.cpu().numpy()
            wanted = np.where(wanted < 0, wanted + len(self), wanted)
        if len(wanted) and not (wanted.min() >= 0 and wanted.max() < len(self)):
            raise IndexError(f"there are {len(self)} rows, and not all of those that are asked for")
        ascending, places = np.unique(wanted, return_inverse=True)
        found = self._read(_pieces(ascending))
        mixed = np.empty((len(wanted), self.width), found.dtype)
        # Into memory that it gets by itself NumPy takes ten times as long; and "clip", which clips nothing here, saves
        # it a buffer.
        np.take(found, places.reshape(-1), axis=0, out=mixed, mode="clip")
        return torch.from_numpy(mixed)

    def parts(self) -> Iterator[tuple[int, Tensor]]:
        """All rows as they are stored, some of them at a time: the number of the first one, and these."""
        size = max(1, _PART_BYTES // (self.width * self._first.dtype.itemsize))
        for start in range(0, len(self), size):
            yield start, self.stored(slice(start, start + size))

    def _read(self, pieces: Sequence[slice]) -> NDArray[Any]:
        """The rows of ascending pieces."""
        out = np.empty((sum(piece.stop - piece.start for piece in pieces), self.width), self._first.dtype)
        done, begin = 0, 0
        for shard, end in zip(self.shards, self._ends.tolist(), strict=True):
            inside = [
                slice(max(piece.start, begin) - begin, min(piece.stop, end) - begin)
                for piece in pieces
                if piece.start < end and piece.stop > begin
            ]
            if inside:
                rows = sum(piece.stop - piece.start for piece in inside)
                shard.read(inside, out[done : done + rows])
                done += rows
            begin = end
        return out


def _pieces(ascending: NDArray[np.int64]) -> list[slice]:
    """Ascending positions as slices of neighbours."""
    breaks = np.flatnonzero(np.diff(ascending) != 1) + 1
    bounds = [0, *breaks.tolist(), len(ascending)]
    return [slice(int(ascending[first]), int(ascending[end - 1]) + 1) for first, end in pairwise(bounds) if end > first]


def _check_alike(shard: Shard, first: Shard) -> None:
    if len(shard.shape) == len(first.shape) == 2 and shard.shape != first.shape:  # of images the size says more
        raise DataError(
            f"{shard.path} has images of the shape {shard.shape}, and {first.path.name} of {first.shape}: make all "
            "files of a data set alike."
        )
    kinds = {"names": "other columns", "shape": "rows of another shape"}
    for what in ("names", "shape", "dtype", "maximum"):
        if getattr(shard, what) != getattr(first, what):
            kind = kinds.get(what, "numbers of another type")
            raise DataError(f"{shard.path} has {kind} than {first.path.name}: make all files of a data set alike.")


def shard_files(path: Path) -> list[Path]:
    """The files that `open_rows` reads of a path: itself, or those in a folder, in the order of their names.

    Raises:
        DataError: there are files of several kinds in the folder.
    """
    if not path.is_dir():
        return [path] if path.suffix.lower() in SHARD_ENDINGS else []
    files = [
        one
        for one in sorted(path.iterdir())
        if one.suffix.lower() in SHARD_ENDINGS and not one.name.startswith((".", "_")) and one.is_file()
    ]
    if len(endings := sorted({one.suffix.lower() for one in files})) > 1:
        raise DataError(
            f"{path} has files of several kinds, {' and '.join(endings)}: put each kind into its own folder."
        )
    return files


def open_rows(path: Path | str, columns: Sequence[str] | None = None, window: int | None = None) -> StoredRows:
    """The rows of a .npy, .parquet or Arrow file, or of all such files in a folder, without reading them.

    Args:
        path: the file or folder.
        columns: the names of those to read, which in .npy files are 0, 1, ...; all of them if None.
        window: rows that learning mixes with each other; None: so many as take 128 MB.

    Raises:
        DataError: they cannot be read, hold anything else than numbers, or are not alike.
        SettingsError: pyarrow is missing for .parquet and Arrow files.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for number in range(3):
    ...         np.save(f"{folder}/part-{number}.npy", np.full((4, 2), number, np.uint8))
    ...     rows = open_rows(folder)
    ...     len(rows), (255 * rows.batch(torch.tensor([0, 11]))).tolist()
    (12, [[0.0, 0.0], [2.0, 2.0]])
    """
    files = shard_files(Path(path))
    if not files:
        raise DataError(f"{path} has no rows to read: give a file or folder of files {', '.join(SHARD_ENDINGS)}.")
    kind = NpyShard if files[0].suffix.lower() == ".npy" else ArrowShard
    return StoredRows([kind(file, columns) for file in files], window)
