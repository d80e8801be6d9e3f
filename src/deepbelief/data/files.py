"""The user's own images: .npz files with labels for studies, .npy files with images alone for encoding."""

import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from deepbelief.data.dataset import Dataset, Images, located
from deepbelief.errors import DataError

Part = Literal["train", "test"]
Arrays = Mapping[str, NDArray[Any]]

# Ours first, then Keras'.
_IMAGE_KEYS: Final = {"train": ("train_images", "x_train"), "test": ("test_images", "x_test")}
_LABEL_KEYS: Final = {"train": ("train_labels", "y_train"), "test": ("test_labels", "y_test")}
_ALL_KEYS: Final = "train_images, train_labels, test_images and test_labels"
# What NumPy and zipfile raise on damaged files; RuntimeError is a zip with a password.
_UNREADABLE: Final = (
    *(OSError, ValueError, EOFError, KeyError, RuntimeError, MemoryError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)


def load_npz(path: Path, real: bool = False) -> Dataset:
    """Load a .npz file with train_images, train_labels, test_images and test_labels (or Keras' x_train, y_train, ...).

    Images: (n, height, width) or (n, values), uint8 or bool, or floating-point in [0, 1]. 8-bit images that hold
    nothing above 1 are taken as binary (1 is white). Labels: (n,) whole numbers from 0. Optional: class_names,
    (classes,) text; without it classes are named by their numbers. The data set is named as the file is.

    Raises `DataError` if the file cannot be read or holds anything else.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path, images = Path(folder) / "mine.npz", np.zeros((4, 5, 5), np.uint8)
    ...     np.savez(path, x_train=images, y_train=[0, 1, 2, 0], x_test=images, y_test=[2, 1, 0, 0])
    ...     load_npz(path).class_names
    ('0', '1', '2')
    """
    arrays = _read_npz(path)
    maximum = _common_maximum(arrays)
    with located(path):
        train, shape = _part(arrays, "train", maximum, real)
        test, test_shape = _part(arrays, "test", maximum, real)
        if shape != test_shape:
            raise DataError(
                f"training images are of shape {shape} but test images of {test_shape}; give images of one size."
            )
        if not len(train) or not len(test):
            raise DataError("there are no images; give at least one for training and one for testing.")
        names = _class_names(arrays, train.required_labels(), test.required_labels())
        return Dataset(path.stem, train, test, shape, names)


def load_npz_images(path: Path, part: Part, real: bool = False) -> Images:
    """The images of one part of a .npz file, as in `load_npz`; labels and the other part may be missing."""
    arrays = _read_npz(path)
    with located(path):
        labelled = _key(arrays, _LABEL_KEYS[part]) is not None
        return _part(arrays, part, _common_maximum(arrays), real, labelled)[0]


def load_npy(path: Path, real: bool = False) -> Images:
    """Load a .npy file of images (types and shapes as in `load_npz`), without labels.

    Raises `DataError` if the file cannot be read or holds anything else.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mine.npy"
    ...     np.save(path, np.full((2, 3), 0.5))
    ...     load_npy(path).batch(slice(0, 1))
    tensor([[0.5000, 0.5000, 0.5000]])
    """
    with _reading(path, "npy") as stream:
        array = np.load(stream, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path} is a .npz file; rename it so, or save the images alone with numpy.save.")
    with located(path):
        pixels, _ = _pixels("images", array, real)
        return Images(pixels, _maximum(array), real=real and pixels.dtype == torch.float32)


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays that we know the names of."""
    known = {*_IMAGE_KEYS["train"], *_IMAGE_KEYS["test"], *_LABEL_KEYS["train"], *_LABEL_KEYS["test"], "class_names"}
    with _reading(path, "npz") as stream:
        file = np.load(stream, allow_pickle=False)
        if not isinstance(file, np.ndarray):
            arrays = {key: file[key] for key in file.files if key in known}
            # NumPy hands out as bytes what it does not recognise as an array.
            if not all(isinstance(array, np.ndarray) for array in arrays.values()):
                raise ValueError("a member is not an array")
            return arrays
    raise DataError(f"{path} holds a single array; save {_ALL_KEYS} with numpy.savez.")


@contextmanager
def _reading(path: Path, kind: str) -> Iterator[BinaryIO]:
    """The open file; what goes wrong while it is read becomes a `DataError`."""
    if not path.is_file():
        raise DataError(f"{path} does not exist or is no file; check the path.")
    try:
        # Opened here: given a path, numpy.load forgets to close a file that turns out to be damaged.
        with path.open("rb") as stream:
            yield stream
    except PermissionError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    except _UNREADABLE as error:
        if "pickle" in str(error) and "Object arrays" in str(error):
            raise DataError(f"{path} holds Python objects instead of numbers; save plain arrays.") from error
        save = "numpy.save" if kind == "npy" else "numpy.savez"
        raise DataError(f"{path} is damaged or no .{kind} file; write it anew with {save}.") from error


def _key(arrays: Arrays, keys: tuple[str, ...]) -> str | None:
    return next((key for key in keys if key in arrays), None)


def _part(
    arrays: Arrays, part: Part, maximum: float, real: bool, labelled: bool = True
) -> tuple[Images, tuple[int, ...]]:
    """Images and their shape."""
    images_key = _key(arrays, _IMAGE_KEYS[part])
    labels_key = _key(arrays, _LABEL_KEYS[part])
    if images_key is None or (labelled and labels_key is None):
        lacking = (_IMAGE_KEYS if images_key is None else _LABEL_KEYS)[part]
        raise DataError(f"there is no array {lacking[0]} (nor {lacking[1]}); save {_ALL_KEYS} with numpy.savez.")
    pixels, shape = _pixels(images_key, arrays[images_key], real)
    if pixels.dtype == torch.float32:
        maximum = 1.0
    labels = None if labels_key is None else _labels(labels_key, arrays[labels_key])
    try:
        return Images(pixels, maximum, labels, real and pixels.dtype == torch.float32), shape
    except DataError as error:
        raise DataError(f"the arrays for {part}: {error}") from error


def _common_maximum(arrays: Arrays) -> float:
    """One maximum for both parts: a test set of a few dark images is not binary because of that."""
    keys = [_key(arrays, names) for names in _IMAGE_KEYS.values()]
    return max((_maximum(arrays[key]) for key in keys if key is not None), default=1.0)


def _maximum(array: NDArray[Any]) -> float:
    """The pixel value that means 1.0."""
    return 255.0 if array.dtype == np.uint8 and array.max(initial=0) > 1 else 1.0


def _pixels(key: str, array: NDArray[Any], real: bool) -> tuple[torch.Tensor, tuple[int, ...]]:
    """Pixels as (n, width), and the shape of one image."""
    if array.ndim not in (2, 3) or 0 in array.shape[1:]:
        raise DataError(
            f"{key} has the shape {array.shape}; give (images, height, width) or (images, values), grey and not empty."
        )
    if array.dtype == np.bool_ or array.dtype == np.uint8:
        array = array.astype(np.uint8, copy=False)
    elif np.issubdtype(array.dtype, np.floating) or (real and np.issubdtype(array.dtype, np.integer)):
        array = _float_pixels(key, array, real)
    else:
        raise DataError(f"{key} has the type {array.dtype}; save it as uint8, or as float32 scaled to [0, 1].")
    flat = np.ascontiguousarray(array).reshape(len(array), math.prod(array.shape[1:]))  # (n, height * width)
    return torch.from_numpy(flat), array.shape[1:]


def _float_pixels(key: str, array: NDArray[Any], real: bool) -> NDArray[np.float32]:
    # Rounded first: a float64 of 1 + 1e-12 is a 1.
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise DataError(f"{key} holds values that are not finite numbers (NaN or infinite); replace them.")
    if array.size and not real and not (array.min() >= 0 and array.max() <= 1):
        raise DataError(
            f"{key} ranges from {array.min():g} to {array.max():g}; scale it to [0, 1], save 8-bit images as uint8, "
            "or give real=True for a model of real-valued units."
        )
    return array


def _labels(key: str, array: NDArray[Any]) -> torch.Tensor:
    if not np.issubdtype(array.dtype, np.integer) or array.ndim != 1:
        raise DataError(
            f"{key} has the type {array.dtype} and shape {array.shape}; give a whole number from 0 up per image."
        )
    return torch.from_numpy(array.astype(np.int64))


def _class_names(arrays: Arrays, *labels: torch.Tensor) -> tuple[str, ...]:
    if "class_names" not in arrays:
        classes = 1 + max(int(part.max()) for part in labels)
        # Else one wild label would make a billion names.
        if classes > sum(len(part) for part in labels):
            raise DataError(f"labels reach {classes - 1}, beyond the number of images; number the classes 0, 1, 2, ...")
        return tuple(str(number) for number in range(classes))
    names = arrays["class_names"]
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(f"class_names has the type {names.dtype} and shape {names.shape}; give a list of text.")
    return tuple(str(name) for name in names)
