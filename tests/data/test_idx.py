"""The IDX reader: whole files come back bit for bit, and each kind of damage has its own sentence."""

import contextlib
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from deepbelief.data.idx import ELEMENT_TYPES, read_idx
from deepbelief.errors import DataError

CODES = {dtype: code for code, dtype in ELEMENT_TYPES.items()}


def idx_bytes(array: np.ndarray) -> bytes:
    big_endian = array.dtype.newbyteorder(">")
    header = bytes([0, 0, CODES[big_endian], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(big_endian).tobytes()


GOOD = idx_bytes(np.arange(12, dtype=np.uint8).reshape(3, 4))
ZIPPED = gzip.compress(GOOD, mtime=0)  # without the time, which would be part of the tests' names

arrays = st.sampled_from(list(CODES)).flatmap(
    lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=4))
)


@given(arrays, st.booleans())
def test_every_type_and_shape_comes_back_unchanged(tmp_path_factory, array, zipped):
    path = tmp_path_factory.mktemp("idx") / ("a-ubyte.gz" if zipped else "a-ubyte")
    path.write_bytes(gzip.compress(idx_bytes(array), 1) if zipped else idx_bytes(array))
    read = read_idx(path)
    assert read.shape == array.shape
    assert read.dtype == array.dtype.newbyteorder("=")
    assert read.dtype.isnative and read.flags.writeable and read.flags.owndata
    assert read.astype(array.dtype).tobytes() == array.tobytes()  # bitwise, as NaN is not equal to itself


def test_zipped_content_needs_no_gz_in_its_name(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(ZIPPED)
    assert read_idx(str(path)).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def with_byte(content: bytes, position: int, value: int) -> bytes:
    return content[:position] + bytes([value]) + content[position + 1 :]


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a", b"", "cut short: it has 0 bytes"),
        ("a", GOOD[:3], "cut short: it has 3 bytes"),
        ("a", GOOD[:4], "cut short within its header"),
        ("a", GOOD[:11], "cut short within its header"),
        ("a", GOOD[:12], "promises 12 bytes of values but 0 follow"),
        ("a", GOOD[:-1], "promises 12 bytes of values but 11 follow"),
        ("a", GOOD + b"\0\0", "more than the 12 that its header promises"),
        ("a", with_byte(GOOD, 0, 1), "begins with the bytes 01 00 instead of 00 00"),
        ("a", with_byte(GOOD, 1, 7), "begins with the bytes 00 07 instead of 00 00"),
        ("a", b"<html>", "not an IDX file"),
        ("a", with_byte(GOOD, 2, 0x0A), "unknown IDX element type 0x0a"),
        ("a", with_byte(GOOD, 3, 0), "0 dimensions"),
        ("a", with_byte(GOOD, 3, 33), "33 dimensions"),
        ("a", with_byte(GOOD, 4, 255), "cut short: its header promises"),
        ("a", bytes([0, 0, 8, 5]) + b"\0\0\0\0" + b"\xff" * 16, "impossible shape"),
        ("a", bytes([0, 0, 8, 5]) + b"\xff" * 20, "cut short: its header promises"),
        ("a.gz", GOOD, "named .gz but is not gzipped"),
        ("a.gz", b"", "named .gz but is not gzipped"),
        ("a.gz", ZIPPED[:6], "in the middle of its gzip data"),
        ("a.gz", ZIPPED[:-10], "in the middle of its gzip data"),
        ("a.gz", ZIPPED[:-5], "in the middle of its gzip data"),
        ("a.gz", with_byte(ZIPPED, len(ZIPPED) - 6, ZIPPED[-6] ^ 1), "damaged gzip data (CRC check failed"),
        ("a.gz", with_byte(ZIPPED, len(ZIPPED) - 3, 9), "damaged gzip data (Incorrect length"),
        ("a.gz", with_byte(ZIPPED, 10, 0xFF), "damaged gzip data (Error -3"),
        ("a.gz", ZIPPED + b"more", "damaged gzip data (Not a gzipped file"),
        ("a.gz", gzip.compress(GOOD[:-1], mtime=0), "promises 12 bytes of values but 11 follow"),
        ("a.gz", gzip.compress(GOOD + b"\0", mtime=0), "more than the 12 that its header promises"),
        ("a.gz", ZIPPED + gzip.compress(b"more", mtime=0), "more than the 12 that its header promises"),
        ("a.gz", gzip.compress(with_byte(GOOD, 4, 255), mtime=0), "promises 17112760344 bytes in"),
    ],
)
def test_each_fault_is_one_sentence(tmp_path, name, content, fault):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_idx(path)
    message = str(error.value)
    assert fault in message
    assert message.startswith(str(path)) and message.endswith(".") and "\n" not in message
    assert "; " in message  # what is wrong; what to do


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    path, unpacked = tmp_path / "bomb.gz", []
    path.write_bytes(gzip.compress(GOOD) + gzip.compress(bytes(1 << 26), 1))
    decompress = gzip.GzipFile.read

    def counted(stream, size=-1):
        unpacked.append(decompress(stream, size))
        return unpacked[-1]

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    with pytest.raises(DataError, match="more than the 12"):
        read_idx(path)
    assert sum(map(len, unpacked)) == len(GOOD) + 1


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_idx(tmp_path / "nothing.gz")
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path)


@given(st.binary(max_size=40), st.booleans(), st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path_factory, content, promising, zipped):
    path = Path(tmp_path_factory.mktemp("idx")) / "a"
    content = b"\0\0\x08" + content if promising else content
    path.write_bytes(gzip.compress(content) if zipped else content)
    with contextlib.suppress(DataError):
        assert isinstance(read_idx(path), np.ndarray)


@given(st.integers(0, len(ZIPPED) - 1), st.integers(1, 255))
def test_a_flipped_byte_in_a_zip_never_changes_the_values(tmp_path_factory, position, flip):
    path = Path(tmp_path_factory.mktemp("idx")) / "a"
    path.write_bytes(with_byte(ZIPPED, position, ZIPPED[position] ^ flip))
    with contextlib.suppress(DataError):
        assert read_idx(path).tolist() == np.arange(12).reshape(3, 4).tolist()  # a byte nobody needs: the time, say
