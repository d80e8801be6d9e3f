"""A file of rows that is read piece by piece, and never as a whole."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from deepbelief.data.arrays import read_npy_header
from deepbelief.data.pixels import without_channels
from deepbelief.errors import DataError

_RUN_BYTES: Final = 2**18  # so many at a time come from a disk about as fast as they ever do


class Shard(ABC):
    """Rows of numbers in one file."""

    path: Path
    names: tuple[str, ...]
    """Of the values of a row."""
    shape: tuple[int, ...]
    """Of a row: (values,), or (height, width) of an image."""
    dtype: np.dtype[Any]
    """Of the values as they are given: uint8, float32 or float64."""
    maximum: float
    """What the value 1 is stored as: 255 in images of 8 bits, 1 where values are numbers."""
    starts: NDArray[np.int64]
    """Where each run of rows that are read together begins, and at last the number of rows, (runs + 1,)."""

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def row_bytes(self) -> int:
        """What a row takes in memory."""
        return len(self.names) * self.dtype.itemsize

    @abstractmethod
    def read(self, pieces: Sequence[slice], out: NDArray[Any]) -> None:
        """Write the rows of these pieces, ascending, one after the other to ``out``, (rows, values) of `dtype`.

        It may be called from several threads at a time.

        Raises:
            DataError: the file is not as it was any more.
        """


@final
class NpyShard(Shard):
    """The rows of a .npy file: (rows, values), or images (rows, height, width).

    As in `load_user_table`, unsigned integers of 8 or 16 bits and truth values are grey values, from 0 to 1, and other
    numbers are what they are.

    Args:
        path: the file.
        names: the values to read of each row, which are called 0, 1, ...; all of them if None.

    Raises:
        DataError: it cannot be read, is damaged, holds no rows of numbers, or such a value is not there.
    """

    def __init__(self, path: Path, names: Sequence[str] | None = None) -> None:
        header = read_npy_header(path)
        self.path, self._offset, self._stored = path, header.offset, header.dtype
        kind, size = header.dtype.kind, header.dtype.itemsize
        # An array without values, whose shape is checked as any other's.
        like = without_channels(f"{path}: the array", np.broadcast_to(np.zeros((), header.dtype), header.shape))
        grey = kind == "b" or (kind == "u" and size <= 2)
        if kind not in "biuf" or (like.ndim == 3 and not (grey or kind == "f")):
            raise DataError(f"{path} holds {header.dtype}: save it as uint8, or as float32 scaled to [0, 1].")
        if header.columns_first and min(header.shape) > 1:
            raise DataError(f"{path} is stored column by column: save numpy.ascontiguousarray of it.")
        if not len(like):
            raise DataError(f"{path} has no rows; give at least one.")
        self._width = math.prod(like.shape[1:])
        there = tuple(map(str, range(self._width)))
        self.names = there if names is None else tuple(names)
        if unknown := {*self.names} - {*there}:
            raise DataError(f"{path} has no column called {min(unknown)!r}: they are called 0 to {self._width - 1}.")
        self._chosen = None if self.names == there else [int(name) for name in self.names]
        self.shape = like.shape[1:] if self._chosen is None else (len(self.names),)
        self.maximum = (65535.0 if size == 2 else 255.0) if grey and kind == "u" else 1.0
        narrow = np.float32 if size <= 2 or (kind == "f" and size == 4) else np.float64
        self.dtype = np.dtype(np.uint8 if grey and size == 1 else narrow)
        run = max(1, _RUN_BYTES // (self._width * size))
        self.starts = np.append(np.arange(0, len(like), run), len(like)).astype(np.int64)

    def read(self, pieces: Sequence[slice], out: NDArray[Any]) -> None:
        """As `Shard.read`."""
        start, row_bytes = 0, self._width * self._stored.itemsize
        kept = np.uint8 if self._stored.kind == "b" else self._stored
        as_stored = self._chosen is None and kept == self.dtype and self._stored.isnative
        with self._open() as file:
            for piece in pieces:
                part = out[start : start + piece.stop - piece.start]
                there = part if as_stored else np.empty((len(part), self._width), self._stored)
                file.seek(self._offset + piece.start * row_bytes)
                if file.readinto(there.reshape(-1).view(np.uint8)) != there.nbytes:
                    raise DataError(f"{self.path} has become shorter while it was read: begin anew.")
                if not as_stored:
                    part[...] = there if self._chosen is None else there[:, self._chosen]
                start += len(part)

    def _open(self) -> Any:
        try:
            return self.path.open("rb", buffering=0)
        except OSError as error:
            raise DataError(f"{self.path} cannot be read any more ({error.strerror}): check the path.") from error
