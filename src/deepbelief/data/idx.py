"""Reads IDX, the file format of MNIST and its relatives: a short header, then the values, all big-endian."""

import gzip
import io
import math
import struct
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepbelief.data.packing import check_promise
from deepbelief.errors import DataError

_TYPE_NAMES: Final = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
ELEMENT_TYPES: Final = {code: np.dtype(name) for code, name in _TYPE_NAMES.items()}

_FRESH: Final = "delete it or replace it with a fresh copy"
_GZIP_MAGIC: Final = b"\x1f\x8b"
# NumPy 1 holds at most 32 dimensions, NumPy 2 at most 64; no real data set comes near either.
_MOST_DIMENSIONS: Final = 32


def read_idx(path: Path | str) -> NDArray[Any]:
    """Read an IDX file, gzipped or plain, as an array of its own shape and type in the machine's byte order.

    The file begins with two zero bytes, one byte for the type of the values, one for the number of dimensions ``d``,
    and ``d`` big-endian unsigned 32-bit sizes; see http://yann.lecun.com/exdb/mnist/. The content
    decides whether a file is gzipped, so its name need not end in ``.gz``; but a file with such a name must be gzipped.

    Returns a writable array that owns its memory.

    Raises `DataError` if the file cannot be read, is damaged, or is longer or shorter than its header says.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 0x08, 1, 0, 0, 0, 3, 9, 0, 4]))
    ...     read_idx(path).tolist()
    [9, 0, 4]
    """
    return parse_idx(unpack_idx(file_bytes(path), path), path)


def file_bytes(path: Path | str) -> bytes:
    """All bytes of a file as they are stored; `DataError` if it cannot be read."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; check the path.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check the path and its permissions.") from error


def unpack_idx(stored: bytes, path: Path | str) -> bytes:
    """The bytes of an IDX file, header and values, from the bytes stored at ``path``, gzipped or plain.

    Never unpacks more than the header promises, nor what `check_promise` refuses.

    Raises `DataError` as `read_idx` does.
    """
    path = Path(path)
    zipped = stored.startswith(_GZIP_MAGIC)
    if path.suffix == ".gz" and not zipped:
        raise DataError(
            f"{path} is named .gz but is not gzipped; {_FRESH}, or drop .gz from its name if it is plain IDX."
        )
    plain = io.BytesIO(stored)
    try:
        with gzip.GzipFile(fileobj=plain) if zipped else plain as stream:
            header = _header_bytes(stream)
            dtype, shape = _header(path, header)
            # Python's integers: sizes in a damaged header may multiply to more than 64 bits.
            expected = math.prod(shape) * dtype.itemsize
            if zipped:
                check_promise(path, len(header) + expected, len(stored))
            # One byte more than promised shows a longer file, and makes gzip check its sum.
            values = stream.read(1 + (expected if zipped else min(expected, len(stored))))
    except EOFError:
        raise DataError(f"{path} is cut short in the middle of its gzip data; {_FRESH}.") from None
    except (gzip.BadGzipFile, zlib.error, struct.error) as error:
        raise DataError(f"{path} has damaged gzip data ({str(error).rstrip('.')}); {_FRESH}.") from error
    if len(values) < expected:
        raise DataError(
            f"{path} is cut short: its header promises {expected} bytes of values but {len(values)} follow; {_FRESH}."
        )
    if len(values) > expected:
        raise DataError(f"{path} has bytes too many: more than the {expected} that its header promises; {_FRESH}.")
    return header + values


def parse_idx(content: bytes, path: Path | str) -> NDArray[Any]:
    """The array that the unpacked bytes of an IDX file hold; see `read_idx`."""
    dtype, shape = _header(Path(path), content)
    values = np.frombuffer(content, dtype, offset=4 + 4 * len(shape))
    try:
        # An empty array may still have sizes beyond what NumPy can index.
        values = values.reshape(shape)
    except ValueError:
        raise DataError(f"{path} has the impossible shape {shape} in its header; {_FRESH}.") from None
    return values.astype(dtype.newbyteorder("="), copy=True)


def _header_bytes(stream: io.BufferedIOBase) -> bytes:
    """The bytes of the header; fewer if the file is cut short."""
    start = stream.read(4)
    return start + stream.read(4 * min(start[3], _MOST_DIMENSIONS)) if len(start) == 4 else start


def _header(path: Path, content: bytes) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Type and shape of the values."""
    if len(content) < 4:
        raise DataError(f"{path} is cut short: it has {len(content)} bytes, less than an IDX header; {_FRESH}.")
    if content[:2] != b"\0\0":
        raise DataError(
            f"{path} is not an IDX file: it begins with the bytes {content[:2].hex(' ')} instead of 00 00; "
            "give the original IDX file."
        )
    code, dimensions = content[2], content[3]
    if code not in ELEMENT_TYPES:
        known = ", ".join(f"0x{known:02x}" for known in ELEMENT_TYPES)
        raise DataError(f"{path} has the unknown IDX element type 0x{code:02x} (known are {known}); {_FRESH}.")
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise DataError(
            f"{path} has {dimensions} dimensions in its header, which must be from 1 to {_MOST_DIMENSIONS}; {_FRESH}."
        )
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DataError(f"{path} is cut short within its header of {start} bytes; {_FRESH}.")
    return ELEMENT_TYPES[code], struct.unpack_from(f">{dimensions}I", content, 4)
