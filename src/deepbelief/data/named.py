"""The data sets known by name: where they lie on disk, where they are downloaded from, and what their classes are."""

import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import pooch
import torch
from numpy.typing import NDArray

from deepbelief.data.dataset import Dataset, Images, located
from deepbelief.data.download import Progress, download
from deepbelief.data.idx import read_idx
from deepbelief.errors import DataError, SettingsError

ENVIRONMENT_VARIABLE: Final = "DEEPBELIEF_DATA"

TRAIN_IMAGES: Final = "train-images-idx3-ubyte"
TRAIN_LABELS: Final = "train-labels-idx1-ubyte"
TEST_IMAGES: Final = "t10k-images-idx3-ubyte"
TEST_LABELS: Final = "t10k-labels-idx1-ubyte"
FILES: Final = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)


@final
@dataclass(frozen=True)
class IdxDataset:
    """What is known of a data set that is published as four gzipped IDX files.

    ``mirrors``: base addresses, tried in order.
    ``checksums``: SHA-256 of each file as published, by its name without ``.gz``. Only downloads are held to them:
    copies on disk are often zipped anew.
    ``test_labels``: SHA-256 of the unzipped test labels without their header, by which one set's files are told from
    another's, as all name their files alike; None if unknown.
    """

    name: str
    class_names: tuple[str, ...]
    mirrors: tuple[str, ...]
    checksums: Mapping[str, str]
    test_labels: str | None = None
    debian_folder: Path | None = None
    debian_package: str | None = None


FASHION_MNIST: Final = IdxDataset(
    name="fashion-mnist",
    class_names=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    checksums={
        TRAIN_IMAGES: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        TRAIN_LABELS: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        TEST_IMAGES: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        TEST_LABELS: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
    test_labels="3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    debian_folder=Path("/usr/share/datasets/fashion-mnist"),
    debian_package="dataset-fashion-mnist",
)

MNIST: Final = IdxDataset(
    name="mnist",
    class_names=tuple("0123456789"),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    checksums={
        TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    test_labels="ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
)

KMNIST: Final = IdxDataset(
    name="kmnist",
    class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    checksums={
        TRAIN_IMAGES: "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        TRAIN_LABELS: "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        TEST_IMAGES: "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        TEST_LABELS: "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    },
)

_IDX_DATASETS: Final = {known.name: known for known in (FASHION_MNIST, MNIST, KMNIST)}
NAMES: Final = (*_IDX_DATASETS, "digits")
"""The names `load_named` takes."""


def load_named(name: str, folder: Path | None = None, progress: Progress | None = None) -> Dataset:
    """Load a data set by its name; ``digits`` comes with scikit-learn and needs no ``folder``.

    The files of the others are looked for in ``folder`` if one is given, and nowhere else. Otherwise in the folder that
    the environment variable DEEPBELIEF_DATA names, in the user's cache and in Debian's folder, and else downloaded into
    the cache. A folder may hold the files themselves or a folder of the data set's name that does.

    Raises `SettingsError` for an unknown name, `DataError` if files are missing, damaged, or cannot be downloaded.

    >>> digits = load_named("digits")
    >>> len(digits.train), len(digits.test), digits.image_shape
    (1437, 360, (8, 8))
    """
    if name == "digits":
        return _load_digits()
    if name not in _IDX_DATASETS:
        raise SettingsError(
            f"There is no data set named {name!r}; use one of {', '.join(NAMES)}, or the path of a .npz file."
        )
    known = _IDX_DATASETS[name]
    return _read(known, _find(known, folder) or _download(known, progress))


def _find(known: IdxDataset, folder: Path | None) -> Path | None:
    """The folder with all four files, or None if they must be downloaded."""
    if folder is not None:
        return _given(known, folder)
    for place in (os.environ.get(ENVIRONMENT_VARIABLE), _cache(known), known.debian_folder):
        # An empty variable counts as unset; Path("") would be the current folder.
        if place:
            for candidate in (Path(place) / known.name, Path(place)):
                if not _missing(candidate) and _owner(candidate) in (None, known.name):
                    return candidate
    return None


def _given(known: IdxDataset, folder: Path) -> Path:
    for candidate in (folder / known.name, folder):
        if not _missing(candidate):
            owner = _owner(candidate)
            if owner not in (None, known.name):
                raise DataError(
                    f"The files in {candidate} are those of {owner}, not of {known.name}; "
                    f"ask for {owner}, or give another folder."
                )
            return candidate
    if not folder.is_dir():
        raise DataError(f"The folder {folder} for {known.name} does not exist; check its path.")
    nearest = min(folder, folder / known.name, key=lambda candidate: len(_missing(candidate)))
    raise DataError(
        f"The folder {nearest} lacks {', '.join(f'{file}.gz' for file in _missing(nearest))} of {known.name}; "
        "put the files there, or give no folder to have them found or downloaded."
    )


def _cache(known: IdxDataset) -> Path:
    return Path(pooch.os_cache("deepbelief")) / known.name


def _missing(folder: Path) -> list[str]:
    return [file for file in FILES if _file(folder, file) is None]


def _file(folder: Path, file: str) -> Path | None:
    """The file gzipped or plain, whichever there is."""
    return next((path for path in (folder / f"{file}.gz", folder / file) if path.is_file()), None)


def _owner(folder: Path) -> str | None:
    """The name of the data set whose test labels are in the folder, None if they are nobody's we know.

    Without this, a folder of Fashion-MNIST would be taken for MNIST without a word: the files are named alike.
    """
    digest = hashlib.sha256(_array(folder, TEST_LABELS, dimensions=1).tobytes()).hexdigest()
    return next((known.name for known in _IDX_DATASETS.values() if known.test_labels == digest), None)


def _download(known: IdxDataset, progress: Progress | None) -> Path:
    cache = _cache(known)
    for file in FILES:
        # Files of an earlier, interrupted download were checked when they came.
        if _file(cache, file) is None:
            try:
                download(f"{file}.gz", known.mirrors, known.checksums[file], cache, progress)
            except DataError as error:
                package = known.debian_package
                install = f"on Debian or Ubuntu install the package {package}, or " if package else ""
                raise DataError(
                    f"{known.name} is not on this machine and {error}; "
                    f"{install}give a folder that holds its files with --data."
                ) from error
    return cache


def _read(known: IdxDataset, folder: Path) -> Dataset:
    with located(folder):
        train, shape = _part(folder, TRAIN_IMAGES, TRAIN_LABELS)
        test, test_shape = _part(folder, TEST_IMAGES, TEST_LABELS)
        if shape != test_shape:
            raise DataError(f"training images are {shape} pixels but test images {test_shape}; put fresh copies there.")
        return Dataset(known.name, train, test, shape, known.class_names)


def _part(folder: Path, images_file: str, labels_file: str) -> tuple[Images, tuple[int, ...]]:
    """Images with labels, and the shape of one image."""
    pixels = _array(folder, images_file, dimensions=3)
    labels = _array(folder, labels_file, dimensions=1).astype(np.int64)
    flat = pixels.reshape(len(pixels), math.prod(pixels.shape[1:]))  # (n, height, width) -> (n, height * width)
    return Images(torch.from_numpy(flat), 255.0, torch.from_numpy(labels)), pixels.shape[1:]


def _array(folder: Path, file: str, dimensions: int) -> NDArray[Any]:
    path = _file(folder, file) or folder / f"{file}.gz"
    array = read_idx(path)
    if array.dtype != np.uint8 or array.ndim != dimensions:
        raise DataError(
            f"{path} holds {array.dtype} values in {array.ndim} dimensions instead of uint8 in {dimensions}; "
            "check that each file has its right name."
        )
    return array


def _load_digits() -> Dataset:
    # Imported here: scikit-learn takes a second to load and the other data sets do not need it.
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    # Fixed, whatever the experiment's seed: train and test must be the same for everyone.
    rows = train_test_split(np.arange(len(digits.target)), test_size=360, random_state=0, stratify=digits.target)
    pixels = torch.from_numpy(digits.data.astype(np.uint8))  # (1797, 64), whole numbers from 0 to 16
    images = Images(pixels, 16.0, torch.from_numpy(digits.target.astype(np.int64)))
    train, test = (images.subset(torch.from_numpy(part)) for part in rows)
    return Dataset("digits", train, test, image_shape=(8, 8), class_names=tuple("0123456789"))
