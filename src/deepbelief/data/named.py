"""The data sets known by name: where they lie on disk, where they are downloaded from, and what their classes are."""

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch
from numpy.typing import NDArray

from deepbelief.data.dataset import Dataset, Images, located
from deepbelief.data.download import download
from deepbelief.data.idx import file_bytes, parse_idx, unpack_idx
from deepbelief.data.places import cache_folder, check_is_there, environment_folder, folders_at
from deepbelief.data.split import split_rows
from deepbelief.errors import DataError, DataWarning, SettingsError
from deepbelief.progress import Progress

TRAIN_IMAGES: Final = "train-images-idx3-ubyte"
TRAIN_LABELS: Final = "train-labels-idx1-ubyte"
TEST_IMAGES: Final = "t10k-images-idx3-ubyte"
TEST_LABELS: Final = "t10k-labels-idx1-ubyte"
FILES: Final = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)


@final
@dataclass(frozen=True)
class IdxDataset:
    """A data set that is published as four gzipped IDX files.

    ``mirrors``: base addresses, tried in order.
    ``checksums``: SHA-256 of each file as published, by its name without ``.gz``.
    ``contents``: SHA-256 of each file unzipped (of ``zcat file``), as copies on disk are often zipped anew; empty if
    unknown. All sets use the same file names: only the checksums tell one set from another.
    """

    name: str
    class_names: tuple[str, ...]
    mirrors: tuple[str, ...]
    checksums: Mapping[str, str]
    contents: Mapping[str, str] = field(default_factory=dict)
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
    contents={
        TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    debian_folder=Path("/usr/share/datasets/fashion-mnist"),
    debian_package="dataset-fashion-mnist",
)

MNIST: Final = IdxDataset(
    name="mnist",
    class_names=tuple("0123456789"),
    mirrors=("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    checksums={
        TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    contents={
        TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
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


def is_folder(name_or_path: Path | str) -> bool:
    """Whether a folder is meant, and not the data set of that name.

    >>> is_folder("digits"), is_folder(Path.cwd())
    (False, True)
    """
    return Path(name_or_path).is_dir() and str(name_or_path) not in NAMES


def load_named(name: str, folder: Path | str | None = None, progress: Progress | None = None) -> Dataset:
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
            f"There is no data set named {name!r}; use one of {', '.join(NAMES)}, or the path of a .npz, .npy or .csv "
            "file or of a folder of images."
        )
    known = _IDX_DATASETS[name]
    if folder is not None:
        return _read(known, _given(known, Path(folder)))
    for candidate in _places(known):
        try:
            return _read(known, candidate)
        except _ForeignFileError as error:
            # A folder with all files of another set, such as the one that the variable names, is no mistake.
            if not any(_holds(other, candidate) for other in _IDX_DATASETS.values()):
                warnings.warn(f"{candidate} is passed over: {error}", DataWarning, stacklevel=2)
    return _read(known, _download(known, progress))


def _places(known: IdxDataset) -> Iterator[Path]:
    """Those of the default folders that have all four files."""
    for place in (environment_folder(), cache_folder(known.name), known.debian_folder):
        if place is not None:
            yield from (folder for folder in folders_at(place, known.name) if not _missing(folder))


def _given(known: IdxDataset, folder: Path) -> Path:
    for candidate in folders_at(folder, known.name):
        if not _missing(candidate):
            return candidate
    check_is_there(folder, known.name)
    nearest = min(folder, folder / known.name, key=lambda candidate: len(_missing(candidate)))
    raise DataError(
        f"The folder {nearest} lacks {', '.join(f'{file}.gz' for file in _missing(nearest))} of {known.name}; "
        "put the files there, or give no folder to have them found or downloaded."
    )


def _missing(folder: Path) -> list[str]:
    return [file for file in FILES if _file(folder, file) is None]


def _file(folder: Path, file: str) -> Path | None:
    """The path of the file, gzipped or plain; None if there is none."""
    return next((path for path in (folder / f"{file}.gz", folder / file) if path.is_file()), None)


def _download(known: IdxDataset, progress: Progress | None) -> Path:
    cache = cache_folder(known.name)
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


@final
class _ForeignFileError(DataError):
    """A file belongs to another data set than the one that was asked for."""


def _read(known: IdxDataset, folder: Path) -> Dataset:
    # Labels first: they are small, and mostly enough to recognise the folder of another set.
    arrays = {file: _array(known, folder, file) for file in sorted(FILES, key=lambda file: "labels" not in file)}
    with located(folder):
        train = _images(arrays[TRAIN_IMAGES], arrays[TRAIN_LABELS])
        test = _images(arrays[TEST_IMAGES], arrays[TEST_LABELS])
        return Dataset(known.name, train, test, arrays[TRAIN_IMAGES].shape[1:], known.class_names)


def _images(pixels: NDArray[Any], labels: NDArray[Any]) -> Images:
    flat = torch.from_numpy(pixels).flatten(1)  # (n, height, width) -> (n, height * width)
    return Images(flat, 255.0, torch.from_numpy(labels.astype(np.int64)))


def _array(known: IdxDataset, folder: Path, file: str) -> NDArray[Any]:
    """The array in a file of the data set; `_ForeignFileError` if the file belongs to another one."""
    path = _file(folder, file) or folder / f"{file}.gz"
    stored = file_bytes(path)
    content = unpack_idx(stored, path)
    owner = _owner(file, stored, content)
    if owner == known.name:
        return parse_idx(content, path)
    if owner is not None:
        raise _ForeignFileError(
            f"{path} is the file of {owner}, not of {known.name}; ask for {owner}, or give another folder."
        )
    raise _ForeignFileError(
        f"{path} is not the file of {known.name} as it is published, by its SHA-256; "
        "put a fresh copy there, still gzipped, or give another folder."
    )


def _owner(file: str, stored: bytes, content: bytes) -> str | None:
    """The name of the data set that a file belongs to, by the checksum of its content or else of its stored bytes."""
    unzipped = hashlib.sha256(content).hexdigest()
    for known in _IDX_DATASETS.values():
        if known.contents.get(file) == unzipped:
            return known.name
    published = hashlib.sha256(stored).hexdigest()
    return next((known.name for known in _IDX_DATASETS.values() if known.checksums[file] == published), None)


def _holds(known: IdxDataset, folder: Path) -> bool:
    """Whether a folder holds all four files of a data set, undamaged."""
    try:
        _read(known, folder)
    except DataError:
        return False
    return True


def _load_digits() -> Dataset:
    # Imported here: scikit-learn takes a second to load and the other data sets do not need it.
    from sklearn.datasets import load_digits

    digits = load_digits()
    labels = torch.from_numpy(digits.target.astype(np.int64))
    # Fixed, whatever the experiment's seed: train and test must be the same for everyone.
    rows = split_rows(labels, aside=360, seed=0)
    pixels = torch.from_numpy(digits.data.astype(np.uint8))  # (1797, 64), integers from 0 to 16
    train, test = (Images(pixels, 16.0, labels).subset(part) for part in rows)
    return Dataset("digits", train, test, image_shape=(8, 8), class_names=tuple("0123456789"))
