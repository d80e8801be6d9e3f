"""The user's own images: .npz and .csv files with labels for studies, .npy files with images alone for encoding."""

import math
from pathlib import Path
from typing import Final, Literal

import torch

from deepbelief.data.arrays import read_npy, read_npz
from deepbelief.data.dataset import Dataset, Images, located
from deepbelief.data.label_files import Arrays, read_classes, read_labels, warn_of_unlearnt
from deepbelief.data.pixels import Pixels, read_pixels, warn_if_dark
from deepbelief.data.split import split_rows
from deepbelief.data.table import LABEL_COLUMNS, Table, read_table
from deepbelief.errors import DataError

Part = Literal["train", "test"]

# Our names first, then those of Keras.
_IMAGE_KEYS: Final = {"train": ("train_images", "x_train"), "test": ("test_images", "x_test")}
_LABEL_KEYS: Final = {"train": ("train_labels", "y_train"), "test": ("test_labels", "y_test")}
_ALL_KEYS: Final = "train_images, train_labels, test_images and test_labels"
_KNOWN_KEYS: Final = {key for keys in (_IMAGE_KEYS, _LABEL_KEYS) for pair in keys.values() for key in pair}
_TABLE_TEST: Final = 5  # one row of a table in five is held out for testing


def load_npz(path: Path, real: bool = False) -> Dataset:
    """Load a .npz file with train_images, train_labels, test_images and test_labels (or Keras' x_train, y_train, ...).

    Images: (n, height, width) or (n, values), or with a channel axis of 1; see `read_pixels` for their types and what
    means white, `read_classes` for the labels. Optional: class_names, (classes,) text; without it the classes are
    the labels that occur, in order, and named by them. The data set is named as the file is.

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
        train_key, test_key = _required(arrays, _LABEL_KEYS["train"]), _required(arrays, _LABEL_KEYS["test"])
        saved = {key: arrays[key] for key in (train_key, test_key)}
        labels, names = read_classes(saved, arrays.get("class_names"))
        parts = _images("train", train, labels[train_key]), _images("test", test, labels[test_key])
        dataset = Dataset(path.stem, *parts, train.shape, names)
    _warn_if_dark(path, arrays, real)
    warn_of_unlearnt(path, dataset.train.required_labels(), names)
    return dataset


def load_npz_images(path: Path, part: Part, real: bool = False) -> Images:
    """The images of one part of a .npz file, as in `load_npz`; labels and the other part may be missing.

    Labels that are numbers are not changed; text labels are numbered in alphabetical order.
    """
    arrays = read_npz(path, _KNOWN_KEYS)
    with located(path):
        keys = [key for pair in _LABEL_KEYS.values() if (key := _key(arrays, pair)) is not None]
        labels = read_labels({key: arrays[key] for key in keys})
        images = _images(part, _pixels(arrays, part, real), labels.get(_key(arrays, _LABEL_KEYS[part]) or ""))
    _warn_if_dark(path, arrays, real)
    return images


def load_npy(path: Path, real: bool = False) -> Images:
    """Load a .npy file of images (types and shapes as in `load_npz`), without labels.

    Raises `DataError` if the file cannot be read or holds anything else.

    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mine.npy"
    ...     np.save(path, np.full((2, 3), 0.5))
    ...     load_npy(path).batch(slice(0, 1))
    tensor([[0.5000, 0.5000, 0.5000]])
    """
    array = read_npy(path)
    with located(path):
        pixels = read_pixels("images", array, real)
        images = Images(pixels.values, pixels.maximum, real=pixels.real)
    warn_if_dark(path, [array], real)
    return images


def load_csv(path: Path, real: bool = False) -> Dataset:
    """Load a .csv file, one row for each item, with a column of labels; see `read_table` for what it may hold.

    A fifth of the rows, stratified by class and always the same, is held out for testing.

    Raises `DataError` if the file cannot be read, holds anything else, or has no labels or too few rows of a class.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mine.csv"
    ...     _ = path.write_text("left,right,label\\n" + 5 * "0.5,1.0,even\\n1.0,0.25,odd\\n")
    ...     dataset = load_csv(path)
    >>> len(dataset.train), len(dataset.test), dataset.class_names
    (8, 2, ('even', 'odd'))
    """
    table = read_table(path, real)
    if table.labels is None:
        raise DataError(f"{path} has no column of labels; call it {', '.join(LABEL_COLUMNS[:-1])} or y.")
    with located(path):
        found, names = read_classes(table.labels)
        (labels,) = found.values()
        items = _table_images(path, table, real, labels)
        kept, aside = split_rows(labels, _table_test(labels, names), seed=0)
        return Dataset(path.stem, items.subset(kept), items.subset(aside), (items.width,), names)


def load_csv_images(path: Path, real: bool = False) -> Images:
    """All rows of a .csv file, in their order; labels may be missing, and are as in `load_npz_images`."""
    table = read_table(path, real)
    with located(path):
        labels = None if table.labels is None else next(iter(read_labels(table.labels).values()))
        return _table_images(path, table, real, labels)


def _table_images(path: Path, table: Table, real: bool, labels: torch.Tensor | None) -> Images:
    pixels = read_pixels("the table", table.values, real)
    warn_if_dark(path, [table.values], real)
    return Images(pixels.values, pixels.maximum, labels, pixels.real)


def _table_test(labels: torch.Tensor, names: tuple[str, ...]) -> int:
    """How many rows are for testing: a fifth, and at least as many as there are classes."""
    counts = labels.bincount()
    if int(counts.min()) < 2:
        lonely = names[int(counts.argmin())]
        raise DataError(f"the class {lonely!r} has a single row; give at least two, one of them for testing.")
    return max(math.ceil(len(labels) / _TABLE_TEST), len(names))


def _key(arrays: Arrays, keys: tuple[str, ...]) -> str | None:
    return next((key for key in keys if key in arrays), None)


def _required(arrays: Arrays, keys: tuple[str, ...]) -> str:
    key = _key(arrays, keys)
    if key is None:
        raise DataError(f"there is no array {keys[0]} (nor {keys[1]}); save {_ALL_KEYS} with numpy.savez.")
    return key


def _pixels(arrays: Arrays, part: Part, real: bool) -> Pixels:
    key = _required(arrays, _IMAGE_KEYS[part])
    return read_pixels(key, arrays[key], real)


def _images(part: Part, pixels: Pixels, labels: torch.Tensor | None) -> Images:
    try:
        return Images(pixels.values, pixels.maximum, labels, pixels.real)
    except DataError as error:
        raise DataError(f"the arrays for {part}: {error}") from error


def _warn_if_dark(path: Path, arrays: Arrays, real: bool) -> None:
    """For both parts together: a test set of a few dark images is no reason to warn."""
    warn_if_dark(path, [arrays[key] for keys in _IMAGE_KEYS.values() if (key := _key(arrays, keys))], real)
