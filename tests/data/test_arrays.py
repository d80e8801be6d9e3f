"""NumPy's files: hostile ones are refused before memory is taken for what they promise."""

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy_format

from deepbelief.data import packing
from deepbelief.data.arrays import npz_names, read_npy, read_npz
from deepbelief.errors import DataError

ARRAY = np.arange(12, dtype=np.uint8).reshape(3, 4)
HUGE = 1 << 27  # bytes: fewer than may always be promised, more than so few packed ones can give


def npy_bytes(array: np.ndarray = ARRAY, shape: tuple[int, ...] | None = None, dtype: str | None = None) -> bytes:
    """A .npy file whose header may promise another shape and type."""
    out = io.BytesIO()
    header = {"descr": dtype or array.dtype.str, "fortran_order": False, "shape": shape or array.shape}
    npy_format.write_array_header_1_0(out, header)
    return out.getvalue() + array.tobytes()


def npz(path: Path, content: bytes, method: int = zipfile.ZIP_DEFLATED, **claims: int) -> Path:
    """A .npz file with one member, `x`, whose entry in the directory may claim other sizes."""
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("x.npy", content)
    stored = bytearray(path.read_bytes())
    entry = stored.index(b"PK\x01\x02")
    for name, place in (("packed", 20), ("unpacked", 24)):
        if name in claims:
            struct.pack_into("<I", stored, entry + place, claims[name])
    path.write_bytes(bytes(stored))
    return path


def refused(read, *arguments, fault: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=fault) as error:
            read(*arguments)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()
    message = str(error.value)
    assert message.startswith(str(arguments[0])) and message.endswith(".") and "\n" not in message


def test_arrays_come_back(tmp_path):
    for array in (ARRAY, np.asfortranarray(ARRAY), ARRAY.astype(">f4"), np.array(["ant", "bé"]), np.zeros((0, 3))):
        np.save(tmp_path / "x.npy", array)
        np.savez(tmp_path / "x.npz", x=array, other=np.array([None]))
        np.savez_compressed(tmp_path / "y.npz", x=array)
        for found in (
            read_npy(tmp_path / "x.npy"),
            *(read_npz(tmp_path / name, {"x", "z"})["x"] for name in ("x.npz", "y.npz")),
        ):
            assert found.dtype == array.dtype and np.array_equal(found, array)


def test_names_are_those_that_arrays_are_read_by(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("in/a.npy", "b.npy", "notes.txt", "in/"):
            archive.writestr(name, b"" if name.endswith("/") else npy_bytes())
    assert npz_names(tmp_path / "x.zip") == ["in/a", "b", "notes.txt", "in/"]
    assert list(read_npz(tmp_path / "x.zip", {"in/a", "b"})) == ["in/a", "b"]
    (tmp_path / "x.zip").write_bytes(b"PK")
    refused(npz_names, tmp_path / "x.zip", fault=r"is damaged or no \.npz file")


@pytest.mark.parametrize(
    "content",
    [
        npy_bytes(shape=(HUGE,)),
        npy_bytes(shape=(10**9, 10**9, 10**9)),
        npy_bytes(shape=(2, 4)),
        npy_bytes(shape=(-3, -4)),
        npy_bytes(ARRAY[:0], shape=(10**15,), dtype="<U0"),
        npy_bytes(dtype="<f8"),
        npy_bytes()[:-1],
        npy_bytes() + b"\0",
        npy_bytes()[:20],
        npy_bytes().replace(b"NUMPY\x01", b"NUMPY\x09"),
        b"",
    ],
)
def test_headers_that_lie(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    refused(read_npy, tmp_path / "x.npy", fault=r"is damaged or no \.npy file")
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        refused(read_npz, npz(tmp_path / "x.npz", content, method), {"x"}, fault=r"is damaged or no \.npz file")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("claims", [{}, {"packed": HUGE}])
def test_directories_that_lie(tmp_path, method, claims):
    content = npy_bytes(shape=(HUGE,))
    path = npz(tmp_path / "x.npz", content, method, unpacked=HUGE + len(content) - ARRAY.size, **claims)
    refused(read_npz, path, {"x"}, fault="too much to be true of images")


def test_other_ways_of_packing_are_refused(tmp_path):
    path = npz(tmp_path / "x.npz", npy_bytes(), zipfile.ZIP_LZMA)
    refused(read_npz, path, {"x"}, fault="is damaged")


def test_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "x.npy", np.array([None]))
    refused(read_npy, tmp_path / "x.npy", fault="holds Python objects")
    np.savez(tmp_path / "x.npz", x=np.array([None]))
    refused(read_npz, tmp_path / "x.npz", {"x"}, fault="holds Python objects")


def test_true_bombs_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "_ALWAYS", 100_000)
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros(10**6))
    refused(read_npz, tmp_path / "x.npz", {"x"}, fault="promises 8000128 bytes in .* packed ones, too much")
    noise = np.random.default_rng(0).random((300, 100)) < 0.02
    for array in (np.zeros(1000), noise.astype(np.float32)):  # small, or packed as images are
        np.savez_compressed(tmp_path / "x.npz", x=array)
        assert np.array_equal(read_npz(tmp_path / "x.npz", {"x"})["x"], array)
