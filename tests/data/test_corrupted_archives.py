"""What archives of corrupted test sets may hold; the checksum fits them all, so that what follows it is tested."""

import os
from pathlib import Path

import numpy as np
import pytest

from deepbelief.data import load_corrupted, packing
from tests.corrupted_archives import assert_all_there, files_in, labels, made_up, pixels, put, refusal, stand_in, zipped

FOG = "mnist_c/fog/test_images.npy"
FOG_LABELS = "mnist_c/fog/test_labels.npy"


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Puts an archive that counts as the published one into a folder, and gives its path."""

    def placed(content: bytes, name: str = "mnist-c") -> Path:
        stand_in(monkeypatch, name, content)
        return put(tmp_path / "deep/er/given", name, content)

    return placed


def test_arrays_are_found_in_any_folder_of_the_archive(given):
    members = made_up("fashion-mnist-c")
    deeper = {f"data/generated/{name}": content for name, content in members.items()}
    like = {"__MACOSX/data/generated/._fmnist-c-test.npy": b"of a file system", "my-fmnist-c-test.npy": labels(9)}
    path = given(zipped({**like, **deeper}), "fashion-mnist-c")
    assert_all_there("fashion-mnist-c", load_corrupted("fashion-mnist-c", path.parent))


WRONG_ARRAYS = {
    "another type": ({FOG: pixels(0, 3, 28, 28, 1).astype(np.float32)}, "fog: images have the type float32 and shape"),
    "another size": ({FOG: pixels(0, 3, 28, 27, 1)}, "(3, 28, 27, 1) instead of uint8 and (images, 28, 28)"),
    "colours": ({FOG: np.zeros((3, 28, 28, 3), np.uint8)}, "(3, 28, 28, 3) instead of"),
    "one image": ({FOG: np.zeros((28, 28), np.uint8)}, "(28, 28) instead of"),
    "a number": ({FOG: np.array(7, np.uint8)}, "() instead of"),
    "no images": ({FOG: np.zeros((0, 28, 28, 1), np.uint8)}, "(0, 28, 28, 1) instead of"),
    "fewer labels": ({FOG_LABELS: labels(0, 2)}, "fog: 3 items have 2 labels"),
    "high labels": ({FOG_LABELS: np.array([0, 10, 1])}, "fog: labels range from 0 to 10"),
    "low labels": ({FOG_LABELS: np.array([0, -1, 1])}, "fog: labels range from -1 to 1"),
    "broken labels": ({FOG_LABELS: np.array([0.5, 1, 2])}, "fog: item 0 has the label 0.5"),
    "text": ({FOG_LABELS: np.array(["a", "b", "c"])}, "fog: the labels are a ndarray of str"),
}


@pytest.mark.parametrize("wrong", WRONG_ARRAYS)
def test_arrays_of_another_type_or_shape(given, wrong):
    change, fault = WRONG_ARRAYS[wrong]
    path = given(zipped(made_up("mnist-c") | change))
    sentence = refusal("mnist-c", path.parent)
    assert sentence.startswith(f"{path / 'fog'}: ") and fault in sentence


@pytest.mark.parametrize("lacking", [FOG, FOG_LABELS, "mnist_c/identity/test_images.npy"])
def test_a_corruption_that_is_missing(given, lacking):
    path = given(zipped({name: held for name, held in made_up("mnist-c").items() if name != lacking}))
    assert refusal("mnist-c", path.parent) == (
        f"{path} holds {lacking} 0 times instead of once; put a fresh copy of the archive there."
    )


def test_a_corruption_that_is_there_twice(given):
    path = given(zipped(made_up("mnist-c") | {f"copy/{FOG}": pixels(0, 3, 28, 28, 1)}))
    assert f"holds {FOG} 2 times instead of once" in refusal("mnist-c", path.parent)


LEAVING = [
    *("../evil.npy", "mnist_c/../../evil.npy", "/evil.npy", "..\\evil.npy", "C:\\evil.npy", "C:evil.npy"),
    f"../{FOG}",
]


@pytest.mark.parametrize("path", LEAVING)
def test_a_path_that_leaves_the_folder(given, tmp_path, path):
    archive = given(zipped(made_up("mnist-c") | {path: pixels(0, 1, 28, 28)}))
    before = files_in(tmp_path)
    sentence = refusal("mnist-c", archive.parent)
    assert sentence == (
        f"{archive} holds {path.removesuffix('.npy')!r}, a path that leaves the archive's folder; "
        "put a fresh copy of the archive there."
    )
    assert files_in(tmp_path) == before


class Evil:
    """Would make a folder if it were unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


UNREADABLE = {
    "no zip": lambda good, **_: b"no zip at all",
    "cut": lambda good, **_: good[:-200],
    "damaged": lambda good, packed, **_: good[:packed] + bytes(50) + good[packed + 50 :],
    "with a password": lambda good, entry, **_: good[: entry + 8] + b"\x01" + good[entry + 9 :],
    "python objects": lambda trap, **_: zipped(made_up("mnist-c") | {FOG: np.array([Evil(trap)] * 3)}),
    "no array": lambda **_: zipped(made_up("mnist-c") | {FOG: b"no array at all"}),
    "too much": lambda **_: zipped(made_up("mnist-c") | {FOG: np.zeros((3, 28, 28, 1), np.uint8)}),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_an_archive_that_cannot_be_read(given, tmp_path, monkeypatch, kind):
    if kind == "too much":
        monkeypatch.setattr(packing, "_ALWAYS", 1)
        monkeypatch.setattr(packing, "_IMAGES", 10)
    good, trap = zipped(made_up("mnist-c")), tmp_path / "trap"
    packed = good.index(FOG.encode()) + len(FOG)
    entry = good.rindex(b"PK\x01\x02", 0, good.rindex(FOG.encode()))  # of this array, in the directory
    path = given(UNREADABLE[kind](good=good, packed=packed, entry=entry, trap=trap))
    assert refusal("mnist-c", path.parent) == (
        f"{path} cannot be read as the archive of mnist-c; put a fresh copy of the archive there."
    )
    assert not trap.exists()
