"""Corrupted test images known by name, read out of the archives that they are published in."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any, Final, final

import numpy as np
import pooch
import torch
from numpy.typing import NDArray

from deepbelief.data.arrays import npz_names, read_npz
from deepbelief.data.dataset import Images, located
from deepbelief.data.download import download
from deepbelief.data.labels import as_labels
from deepbelief.data.places import cache_folder, check_is_there, environment_folder, folders_at
from deepbelief.errors import DataError, DataWarning, SettingsError
from deepbelief.progress import Progress

_FRESH: Final = "put a fresh copy of the archive there"


@final
@dataclass(frozen=True)
class CorruptedTestSet:
    """Corrupted test images that are published as .npy files in one zip archive.

    ``archive``: the file's name, as published.
    ``mirrors``: base addresses, tried in order.
    ``checksum``: SHA-256 of the archive.
    ``arrays``: for each corruption the paths of its images and of its labels in the archive, without ``.npy``.
    ``image_shape``: (height, width) of an image; a channel axis of 1 may follow in the archive.
    ``classes``: how many there are; labels count them from 0.
    """

    name: str
    archive: str
    mirrors: tuple[str, ...]
    checksum: str
    arrays: Mapping[str, tuple[str, str]]
    image_shape: tuple[int, int] = (28, 28)
    classes: int = 10


MNIST_C: Final = CorruptedTestSet(
    name="mnist-c",
    archive="mnist_c.zip",
    mirrors=("https://zenodo.org/record/3239543/files/", "https://zenodo.org/records/3239543/files/"),
    checksum="af9ee8c6a815870c7fdde5af84c7bf8db0bcfa1f41056db83871037fba70e493",
    arrays={
        corruption: (f"mnist_c/{corruption}/test_images", f"mnist_c/{corruption}/test_labels")
        for corruption in (
            *("identity", "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "shear", "scale", "rotate"),
            *("brightness", "translate", "stripe", "fog", "spatter", "dotted_line", "zigzag", "canny_edges"),
        )
    },
)
"""Mu & Gilmer 2019, "MNIST-C: A Robustness Benchmark for Computer Vision", CC BY 4.0; 247 MB, training images included.

The SHA-256 is the one that TensorFlow Datasets keeps in `url_checksums/mnist_corrupted.txt`.
"""

FASHION_MNIST_C: Final = CorruptedTestSet(
    name="fashion-mnist-c",
    archive="data.zip",
    mirrors=(
        # The commit that added the file, then the newest one, should old commits go away.
        "https://huggingface.co/datasets/mweiss/fashion_mnist_corrupted/resolve/42bc5d14b332427e64946f286538187b44b66cb5/",
        "https://huggingface.co/datasets/mweiss/fashion_mnist_corrupted/resolve/main/",
    ),
    checksum="008da37ffe6fd498247a6d4d4a29d0aba4fa694018087bd9816dcad4ef525265",
    arrays={"mixed": ("fmnist-c-test", "fmnist-c-test-labels")},
)
"""Weiss & Tonella 2022, "Simple Techniques Work Surprisingly Well for Neural Network Test Prioritization and Active
Learning", MIT licence; 28 MB, training images included.

The SHA-256 is that of the file's Git LFS pointer in the authors' repository at Hugging Face; none is published for the
same arrays in their repository at GitHub.
"""

_TEST_SETS: Final = {known.name: known for known in (MNIST_C, FASHION_MNIST_C)}
NAMES: Final = tuple(_TEST_SETS)
"""The names `load_corrupted` takes."""


def load_corrupted(name: str, folder: Path | str | None = None, progress: Progress | None = None) -> dict[str, Images]:
    """Load corrupted test images by their name, ``mnist-c`` or ``fashion-mnist-c``, for each corruption.

    ``mnist-c`` (Mu & Gilmer 2019) is the test set of MNIST under each of 15 corruptions, and untouched as ``identity``.
    ``fashion-mnist-c`` (Weiss & Tonella 2022) is that of Fashion-MNIST once, ``mixed``: each image is under one of 15
    corruptions, drawn at random, and which one is not published. All images have labels; pixels are (10000, 784) uint8.

    The archive, ``mnist_c.zip`` or ``data.zip``, is looked for in ``folder`` if one is given, and nowhere else.
    Otherwise in the folder that the environment variable DEEPBELIEF_DATA names and in the user's cache, and else
    downloaded into the cache; ``progress`` is called with (file name, bytes received, bytes in all) meanwhile. A folder
    may hold the archive itself or a folder of the set's name that does. The archive is known by its SHA-256 and never
    unpacked: the arrays are read out of it.

    Warns by a `DataWarning` of an archive in the folder of DEEPBELIEF_DATA that is not the published one.

    Raises `SettingsError` for an unknown name, `DataError` if the archive is missing, damaged, or cannot be downloaded.

    >>> load_corrupted("kmnist-c")
    Traceback (most recent call last):
    deepbelief.errors.SettingsError: There are no corrupted images named 'kmnist-c'; use mnist-c or fashion-mnist-c.
    """
    if name not in _TEST_SETS:
        raise SettingsError(f"There are no corrupted images named {name!r}; use {' or '.join(NAMES)}.")
    known = _TEST_SETS[name]
    return _read(known, _archive(known, None if folder is None else Path(folder), progress))


def _archive(known: CorruptedTestSet, folder: Path | None, progress: Progress | None) -> Path:
    """The path of the archive, which is the published one."""
    if folder is not None:
        path = _given(known, folder)
        _check(known, path)
        return path
    if (place := environment_folder()) is not None:
        for path in _within(known, place):
            try:
                _check(known, path)
            except DataError as error:
                warnings.warn(f"{place} is passed over: {error}", DataWarning, stacklevel=3)
            else:
                return path
    return _download(known, progress)


def _within(known: CorruptedTestSet, folder: Path) -> Iterator[Path]:
    """The files of a folder that may be the archive, by their names."""
    yield from (path for place in folders_at(folder, known.name) if (path := place / known.archive).is_file())


def _given(known: CorruptedTestSet, folder: Path) -> Path:
    if found := [*_within(known, folder)]:
        return found[0]
    check_is_there(folder, known.name)
    raise DataError(
        f"The folder {folder} lacks {known.archive} of {known.name}; put the file there as it is published, "
        "or give no folder to have it found or downloaded."
    )


def _check(known: CorruptedTestSet, path: Path) -> None:
    """Raise a `DataError` if a file is not the published archive."""
    try:
        published = pooch.hashes.hash_matches(path, known.checksum)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    if not published:
        raise DataError(
            f"{path} is not the archive of {known.name} as it is published, by its SHA-256; {_FRESH}, "
            "or give another folder."
        )


def _download(known: CorruptedTestSet, progress: Progress | None) -> Path:
    """The archive in the user's cache, where it may be already."""
    try:
        return download(known.archive, known.mirrors, known.checksum, cache_folder(known.name), progress)
    except DataError as error:
        raise DataError(
            f"{known.name} is not on this machine and {error}; give a folder that holds {known.archive} with --data."
        ) from error


def _read(known: CorruptedTestSet, path: Path) -> dict[str, Images]:
    with _reading(known, path):
        names = npz_names(path)
    places = _places(known, path, names)
    with _reading(known, path):
        arrays = read_npz(path, {*places.values()})
    found = {}
    for corruption, (images, labels) in known.arrays.items():
        with located(path / corruption):
            found[corruption] = _images(known, arrays[places[images]], arrays[places[labels]])
    return found


@contextmanager
def _reading(known: CorruptedTestSet, path: Path) -> Iterator[None]:
    """Replace the messages of `read_npz`, whose advice is for files that users write themselves."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{path} cannot be read as the archive of {known.name}; {_FRESH}.") from error


def _places(known: CorruptedTestSet, path: Path, names: list[str]) -> dict[str, str]:
    """For each array the one name in the archive that is, or ends with, its path."""
    for name in names:
        # Nothing is unpacked, but no published archive has such a path. The rules of Windows include all others.
        inside = PureWindowsPath(name)
        if inside.anchor or ".." in inside.parts:
            raise DataError(f"{path} holds {name!r}, a path that leaves the archive's folder; {_FRESH}.")
    found = {}
    for array in (array for pair in known.arrays.values() for array in pair):
        places = [name for name in names if f"/{name}".endswith(f"/{array}")]
        if len(places) != 1:
            raise DataError(f"{path} holds {array}.npy {len(places)} times instead of once; {_FRESH}.")
        found[array] = places[0]
    return found


def _images(known: CorruptedTestSet, pixels: NDArray[Any], labels: NDArray[Any]) -> Images:
    shapes = (known.image_shape, (*known.image_shape, 1))
    if pixels.dtype != np.uint8 or pixels.shape[1:] not in shapes or not len(pixels):
        height, width = known.image_shape
        raise DataError(
            f"images have the type {pixels.dtype} and shape {pixels.shape} instead of uint8 and "
            f"(images, {height}, {width}); {_FRESH}."
        )
    flat = torch.from_numpy(pixels).flatten(1)  # (n, height, width) -> (n, height * width)
    return Images(flat, 255.0, as_labels(labels, len(flat), known.classes))
