"""The user's own images, with labels or without: .npz, .npy and .csv files and folders, for studies and encoding."""

import math
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from deepbelief.data.arrays import read_npy, read_npz
from deepbelief.data.cells import as_numbers, read_cells
from deepbelief.data.csv_lines import leading_index
from deepbelief.data.dataset import Dataset, Images, located
from deepbelief.data.image_folder import read_image_folder
from deepbelief.data.label_files import Arrays, read_classes, read_labels, warn_of_unlearnt
from deepbelief.data.parquet import read_parquet
from deepbelief.data.pixels import Pixels, read_pixels, warn_if_dark
from deepbelief.data.split import split_rows
from deepbelief.data.table import LABEL_COLUMNS, Table, read_table
from deepbelief.errors import DataError

Part = Literal["train", "test"]

# Our names first, then those of Keras.
IMAGE_KEYS: Final = {"train": ("train_images", "x_train"), "test": ("test_images", "x_test")}
LABEL_KEYS: Final = {"train": ("train_labels", "y_train"), "test": ("test_labels", "y_test")}
_ALL_KEYS: Final = "train_images, train_labels, test_images and test_labels"
_KNOWN_KEYS: Final = {key for keys in (IMAGE_KEYS, LABEL_KEYS) for pair in keys.values() for key in pair}
_TEST: Final = 5  # one item in five is held out for testing, where a file has no parts


def load_npz(path: Path, real: bool = False) -> Dataset:
    """Load a .npz file with train_images, train_labels, test_images and test_labels (or Keras' x_train, y_train, ...).

    Images: (n, height, width) or (n, values), or with a channel axis of 1; see `read_pixels` for their types and what
    means white, `read_classes` for the labels. Optional: class_names, (classes,) text; without it the classes are
    the labels that occur, in order, and named by them. The labels of both parts may be left out, and class_names with
    them. The data set is named as the file is.

    Warns by a `DataWarning` of images that are nearly black and of classes without a training image.

    Raises `DataError` if the file cannot be read or holds anything else.

    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path, images = Path(folder) / "mine.npz", np.zeros((4, 5, 5), np.uint8)
    ...     np.savez(path, x_train=images, y_train=[0, 1, 2, 0], x_test=images, y_test=[2, 1, 0, 0])
    ...     load_npz(path).class_names
    ('0', '1', '2')
    """
    arrays = read_npz(path, {*_KNOWN_KEYS, "class_names"})
    with located(path):
        train, test = _pixels(arrays, "train", real), _pixels(arrays, "test", real)
        if train.shape != test.shape:
            raise DataError(
                f"training images are of shape {train.shape} but test images of {test.shape}; give images of one size."
            )
        if not len(train.values) or not len(test.values):
            raise DataError("there are no images; give at least one for training and one for testing.")
        labels, names = _npz_classes(arrays)
        parts = _images("train", train, labels.get("train")), _images("test", test, labels.get("test"))
        dataset = Dataset(path.stem, *parts, train.shape, names)
    _warn_if_dark(path, arrays, real)
    if dataset.labelled:
        warn_of_unlearnt(path, dataset.train.required_labels(), names)
    return dataset


def load_npz_images(path: Path, part: Part, real: bool = False) -> Images:
    """The images of one part of a .npz file, as in `load_npz`; labels and the other part may be missing.

    Labels that are numbers are not changed; text labels are numbered in alphabetical order.
    """
    arrays = read_npz(path, _KNOWN_KEYS)
    with located(path):
        keys = [key for pair in LABEL_KEYS.values() if (key := _key(arrays, pair)) is not None]
        labels = read_labels({key: arrays[key] for key in keys})
        images = _images(part, _pixels(arrays, part, real), labels.get(_key(arrays, LABEL_KEYS[part]) or ""))
    _warn_if_dark(path, arrays, real)
    return images


def load_npy(path: Path, real: bool = False) -> Dataset:
    """Load a .npy file of images without labels; types and shapes are as in `load_npz`.

    A fifth of the images, always the same, is held out for testing.

    Raises `DataError` if the file cannot be read, holds anything else, or a single image.

    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mine.npy"
    ...     np.save(path, np.full((10, 2, 3), 0.5))
    ...     dataset = load_npy(path)
    >>> len(dataset.train), len(dataset.test), dataset.labelled
    (8, 2, False)
    """
    pixels = _npy_pixels(path, real)
    with located(path):
        return _with_test_part(path.stem, _unlabelled(pixels), pixels.shape)


def load_npy_images(path: Path, real: bool = False) -> Images:
    """All images of a .npy file, in their order, as in `load_npy`."""
    return _unlabelled(_npy_pixels(path, real))


def load_csv(path: Path, real: bool = False) -> Dataset:
    """Load a .csv file, one row for each item; see `read_table` for what it may hold.

    A fifth of the rows, stratified by class where there is a column of labels, and always the same, is held out for
    testing.

    Raises `DataError` if the file cannot be read, holds anything else, or has too few rows, or too few of a class.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mine.csv"
    ...     _ = path.write_text("left,right,label\\n" + 5 * "0.5,1.0,even\\n1.0,0.25,odd\\n")
    ...     dataset = load_csv(path)
    >>> len(dataset.train), len(dataset.test), dataset.class_names
    (8, 2, ('even', 'odd'))
    """
    table = read_table(path, real)
    with located(path):
        found, names = ({}, ()) if table.labels is None else read_classes(table.labels)
        items = _table_images(path, table, real, next(iter(found.values()), None))
        return _with_test_part(path.stem, items, (items.width,), names)


def load_csv_images(path: Path, real: bool = False) -> Images:
    """All rows of a .csv file, in their order; labels may be missing, and are as in `load_npz_images`."""
    table = read_table(path, real)
    with located(path):
        labels = None if table.labels is None else next(iter(read_labels(table.labels).values()))
        return _table_images(path, table, real, labels)


def load_parquet_images(path: Path, real: bool = False) -> Images:
    """All rows of a .parquet file of numbers, in their order; a column of labels is left out."""
    cells = read_parquet(path)
    names = [name for name in cells if name.lower() not in LABEL_COLUMNS][leading_index([*cells]) :]
    with located(path):
        values = np.column_stack([as_numbers(name, read_cells(name, cells[name])) for name in names])
        return _table_images(path, Table(values, None), real, None)


def load_folder(folder: Path) -> Dataset:
    """Load a folder of images; the folders inside it are the classes, or there are none, see `read_image_folder`.

    A fifth of the images, of each class alike and always the same, is held out for testing. The data set is named as
    the folder is.

    Raises `DataError` if an image cannot be read or has another size, or if there are too few, or too few of a class.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, grey in (("black", 0), ("white", 255)):
    ...         (Path(folder) / name).mkdir()
    ...         for number in range(5):
    ...             Image.new("L", (3, 3), grey).save(Path(folder) / name / f"{number}.png")
    ...     dataset = load_folder(Path(folder))
    >>> len(dataset.train), len(dataset.test), dataset.class_names, dataset.image_shape
    (8, 2, ('black', 'white'), (3, 3))
    """
    pixels, classes = read_image_folder(folder)
    with located(folder):
        names = () if classes is None else tuple(np.unique(classes).tolist())
        return _with_test_part(folder.resolve().name, _of_folder(pixels, classes), pixels.shape[1:], names)


def load_folder_images(folder: Path) -> Images:
    """All images of a folder, see `read_image_folder`; their labels are numbered in the order of their names."""
    return _of_folder(*read_image_folder(folder))


def _of_folder(pixels: NDArray[np.uint8], classes: list[str] | None) -> Images:
    labels = None if classes is None else torch.from_numpy(np.unique(classes, return_inverse=True)[1])
    return Images(torch.from_numpy(pixels).flatten(1), 255, labels)


def _table_images(path: Path, table: Table, real: bool, labels: torch.Tensor | None) -> Images:
    pixels = read_pixels("the table", table.values, real)
    warn_if_dark(path, [table.values], real)
    return Images(pixels.values, pixels.maximum, labels, pixels.real)


def _npy_pixels(path: Path, real: bool) -> Pixels:
    array = read_npy(path)
    with located(path):
        pixels = read_pixels("images", array, real)
    warn_if_dark(path, [array], real)
    return pixels


def _unlabelled(pixels: Pixels) -> Images:
    return Images(pixels.values, pixels.maximum, real=pixels.real)


def _with_test_part(name: str, items: Images, shape: tuple[int, ...], names: tuple[str, ...] = ()) -> Dataset:
    """Items that come in one part as a data set, some of them held out for testing."""
    kept, aside = split_rows(items.strata, _test_items(items.strata, names), seed=0)
    return Dataset(name, items.subset(kept), items.subset(aside), shape, names)


def _test_items(strata: torch.Tensor, names: tuple[str, ...]) -> int:
    """How many items are for testing: a fifth, and at least as many as there are classes."""
    counts = strata.bincount(minlength=1)
    if int(counts.min()) < 2:
        few = f"the class {names[int(counts.argmin())]!r} has a single row" if names else "there are not even two items"
        raise DataError(f"{few}; give at least two, one of them for testing.")
    return max(math.ceil(len(strata) / _TEST), len(counts))


def _npz_classes(arrays: Arrays) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """Labels by their part, numbered from 0, and the names of the classes; neither if the file has none of them."""
    if not {"class_names", *LABEL_KEYS["train"], *LABEL_KEYS["test"]} & {*arrays}:
        return {}, ()
    keys = {part: _required(arrays, names) for part, names in LABEL_KEYS.items()}
    labels, names = read_classes({key: arrays[key] for key in keys.values()}, arrays.get("class_names"))
    return {part: labels[key] for part, key in keys.items()}, names


def _key(arrays: Arrays, keys: tuple[str, ...]) -> str | None:
    return next((key for key in keys if key in arrays), None)


def _required(arrays: Arrays, keys: tuple[str, ...]) -> str:
    key = _key(arrays, keys)
    if key is None:
        raise DataError(
            f"there is no array {keys[0]} (nor {keys[1]}); save {_ALL_KEYS} with numpy.savez, or the images of both "
            "parts without labels and class_names."
        )
    return key


def _pixels(arrays: Arrays, part: Part, real: bool) -> Pixels:
    key = _required(arrays, IMAGE_KEYS[part])
    return read_pixels(key, arrays[key], real)


def _images(part: Part, pixels: Pixels, labels: torch.Tensor | None) -> Images:
    try:
        return Images(pixels.values, pixels.maximum, labels, pixels.real)
    except DataError as error:
        raise DataError(f"the arrays for {part}: {error}") from error


def _warn_if_dark(path: Path, arrays: Arrays, real: bool) -> None:
    """For both parts together: a test set of a few dark images is no reason to warn."""
    warn_if_dark(path, [arrays[key] for keys in IMAGE_KEYS.values() if (key := _key(arrays, keys))], real)
