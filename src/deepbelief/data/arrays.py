"""Reads NumPy's files, .npy and .npz; what their headers and directories promise is checked before memory is taken."""

import math
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from deepbelief.data.packing import check_promise
from deepbelief.errors import DataError

_ZIP_MAGIC: Final = b"PK"
# What NumPy and zipfile raise on damaged files; RuntimeError is a zip with a password.
_UNREADABLE: Final = (
    *(OSError, ValueError, EOFError, KeyError, RuntimeError, MemoryError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)


def read_npy(path: Path) -> NDArray[Any]:
    """The array of a .npy file; `DataError` if it cannot be read, is damaged or holds Python objects."""
    with _reading(path, "npy") as stream:
        if _magic(stream, _ZIP_MAGIC):
            raise DataError(f"{path} is a .npz file; rename it so, or save the images alone with numpy.save.")
        return _array(stream, path, path.stat().st_size)


def read_npz(path: Path, known: Collection[str]) -> dict[str, NDArray[Any]]:
    """The arrays of a .npz file whose names are ``known``; others are not read.

    Raises `DataError` if the file cannot be read, is damaged, holds Python objects, or promises more than such a file
    can hold (see `check_promise`).
    """
    with _reading(path, "npz") as stream:
        if _magic(stream, npy_format.MAGIC_PREFIX):
            raise DataError(f"{path} holds a single array; save each under its name with numpy.savez.")
        with zipfile.ZipFile(stream) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            return {name: _member(archive, members[name], path) for name in members if name in known}


def npz_names(path: Path) -> list[str]:
    """The names by which `read_npz` knows all that a .npz file, or a zip archive of .npy files, holds.

    Raises `DataError` if the file cannot be read or is damaged.
    """
    with _reading(path, "npz") as stream, zipfile.ZipFile(stream) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> NDArray[Any]:
    # NumPy writes no other kind, and others may expand to more than `check_promise` assumes.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("packed in another way than NumPy does")
    # The directory's sizes may be wrong, too; that of the file is not.
    check_promise(path, member.file_size, min(member.compress_size, path.stat().st_size))
    with archive.open(member) as stream:
        return _array(stream, path, member.file_size)


class NpyHeader(NamedTuple):
    """What a .npy file says of its array; ``columns_first``: in Fortran's order. ``offset``: where its values begin."""

    shape: tuple[int, ...]
    columns_first: bool
    dtype: np.dtype[Any]
    offset: int


def read_npy_header(path: Path) -> NpyHeader:
    """What a .npy file holds, without reading it; `DataError` as of `read_npy`."""
    with _reading(path, "npy") as stream:
        return _header(stream, path, path.stat().st_size)


def _array(stream: IO[bytes], path: Path, size: int) -> NDArray[Any]:
    """The array in a stream of exactly ``size`` bytes."""
    _header(stream, path, size)
    stream.seek(0)
    return npy_format.read_array(stream, allow_pickle=False)


def _header(stream: IO[bytes], path: Path, size: int) -> NpyHeader:
    """The header of an array in a stream of exactly ``size`` bytes."""
    readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
    # Version 3 is for names of fields, which images and labels have none of.
    shape, columns_first, dtype = readers[npy_format.read_magic(stream)](stream)
    if dtype.hasobject:
        raise DataError(f"{path} holds Python objects instead of numbers; save plain arrays (texts with .astype(str)).")
    # Python's integers: sizes may multiply to more than 64 bits.
    promised, found = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if not dtype.itemsize or promised != found:
        raise ValueError(f"{promised} bytes of values are promised and {found} there")
    return NpyHeader(shape, columns_first, dtype, stream.tell())


def _magic(stream: IO[bytes], magic: bytes) -> bool:
    """Whether a stream begins with these bytes; it is rewound to its start."""
    start = stream.read(len(magic))
    stream.seek(0)
    return start == magic


@contextmanager
def _reading(path: Path, kind: str) -> Iterator[IO[bytes]]:
    """The open file; what goes wrong while it is read becomes a `DataError`, and NumPy does not warn of old files."""
    if not path.is_file():
        raise DataError(f"{path} does not exist or is no file; check the path.")
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield stream
    except PermissionError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    except _UNREADABLE as error:
        save = "numpy.save" if kind == "npy" else "numpy.savez"
        raise DataError(f"{path} is damaged or no .{kind} file; write it anew with {save}.") from error
