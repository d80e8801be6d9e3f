"""Made-up archives of the layouts in which corrupted test sets are published, with three images of each corruption."""

import dataclasses
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from deepbelief.data import Images, corrupted, load_corrupted
from deepbelief.errors import DataError

CORRUPTIONS = (
    *("identity", "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "shear", "scale", "rotate"),
    *("brightness", "translate", "stripe", "fog", "spatter", "dotted_line", "zigzag", "canny_edges"),
)
PARTS = {"mnist-c": CORRUPTIONS, "fashion-mnist-c": ("mixed",)}

Members = dict[str, np.ndarray | bytes]


def pixels(mark: int, *shape: int) -> np.ndarray:
    """Images that differ from each other, and from those of another mark, in every pixel."""
    place = np.arange(shape[1] * shape[2]) + 31 * np.arange(shape[0])[:, None] + 5 * mark
    return (place % 251).astype(np.uint8).reshape(shape)


def labels(mark: int, images: int = 3) -> np.ndarray:
    return (np.arange(images, dtype=np.int64) + mark) % 10


def made_up(name: str) -> Members:
    """What an archive holds; the marks of its test images are their places in PARTS."""
    if name == "fashion-mnist-c":
        test: Members = {"fmnist-c-test.npy": pixels(0, 3, 28, 28), "fmnist-c-test-labels.npy": labels(0)}
        return {"fmnist-c-train.npy": pixels(20, 4, 28, 28), "fmnist-c-train-labels.npy": labels(20, 4), **test}
    members: Members = {"mnist_c/": b""}
    for mark, corruption in enumerate(CORRUPTIONS):
        folder = f"mnist_c/{corruption}"
        members |= {
            f"{folder}/train_images.npy": pixels(20 + mark, 4, 28, 28, 1),
            f"{folder}/train_labels.npy": labels(20 + mark, 4),
            f"{folder}/test_images.npy": pixels(mark, 3, 28, 28, 1),
            f"{folder}/test_labels.npy": labels(mark),
        }
    return members


def zipped(members: Members) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            held = io.BytesIO()
            if isinstance(content, np.ndarray):
                np.save(held, content)
            archive.writestr(name, held.getvalue() or content)
    return out.getvalue()


def stand_in(patch: pytest.MonkeyPatch, name: str, content: bytes, *mirrors: str) -> None:
    """Let an archive's bytes be the published ones, at these addresses, while the patch lasts."""
    digest = hashlib.sha256(content).hexdigest()
    known = dataclasses.replace(corrupted._TEST_SETS[name], checksum=digest, mirrors=mirrors)
    patch.setitem(corrupted._TEST_SETS, name, known)


def put(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / corrupted._TEST_SETS[name].archive
    path.write_bytes(content)
    return path


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def assert_all_there(name: str, found: dict[str, Images]) -> None:
    assert tuple(found) == PARTS[name]
    for mark, images in enumerate(found.values()):
        assert images.pixels.dtype == torch.uint8 and images.maximum == 255 and not images.real
        assert np.array_equal(images.pixels.numpy(), pixels(mark, 3, 28, 28).reshape(3, 784))
        assert images.required_labels().tolist() == labels(mark).tolist()


def refusal(name: str, folder: Path | None = None) -> str:
    """The one sentence with which a set is refused."""
    with pytest.raises(DataError) as error:
        load_corrupted(name, folder)
    sentence = str(error.value)
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence
