"""A data set as a folder of arrays by name, each a file or a folder of files: its training images stay there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from deepbelief.data.arrays import read_npy
from deepbelief.data.dataset import Dataset, located
from deepbelief.data.files import IMAGE_KEYS, LABEL_KEYS
from deepbelief.data.image_folder import holds_images
from deepbelief.data.label_files import read_classes, warn_of_unlearnt
from deepbelief.data.named import is_folder
from deepbelief.data.pixels import warn_if_dark
from deepbelief.data.stored_images import StoredImages
from deepbelief.data.stored_rows import SHARD_ENDINGS, StoredRows, open_rows, shard_files
from deepbelief.errors import DataError

_PARTS: Final[dict[str, str]] = {"train": "training", "test": "test"}


def is_array_folder(name_or_path: Path | str) -> bool:
    """Whether a folder is meant that holds arrays (see `load_array_folder`), rather than images in files of their own.

    A folder with rows and no arrays of these names is one, too: `load_array_folder` says what it lacks.
    """
    if not is_folder(name_or_path):
        return False
    folder = Path(name_or_path)
    places = [_place(folder, keys) for keys in (*IMAGE_KEYS.values(), *LABEL_KEYS.values())]
    if any(place is not None and (place.is_file() or _has_rows(place)) for place in places):
        return True
    return _has_rows(folder) and not holds_images(folder)


def load_array_folder(folder: Path | str, real: bool = False) -> Dataset:
    """Open a folder with the arrays of `load_npz` in files of their own; the training images stay where they are.

    ``train_images`` and ``test_images`` (or Keras' x_train, ...) are .npy, .parquet or Arrow files, or folders of such
    files, which are read in the order of their names; see `StoredRows` for what they may hold. ``train_labels``,
    ``test_labels`` and ``class_names`` are .npy files, or folders of them in the same order, and may be left out, as in
    `load_npz`. Test images and all labels are loaded. All images are looked at once, part by part.

    Warns by a `DataWarning` of images that are nearly black and of classes without a training image.

    Raises `DataError` if a file cannot be read, files are not alike, or images and labels do not fit together.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for part in ("train", "test"):
    ...         (Path(folder) / f"{part}_images").mkdir()
    ...         for shard in range(3):
    ...             np.save(f"{folder}/{part}_images/{shard}.npy", np.full((2, 4, 4), 255, np.uint8))
    ...         np.save(f"{folder}/{part}_labels.npy", np.array(["ant", "bee"] * 3))
    ...     dataset = load_array_folder(folder)
    >>> len(dataset.train), dataset.image_shape, dataset.class_names
    (6, (4, 4), ('ant', 'bee'))
    """
    folder = Path(folder)
    images = {part: _images_place(folder, part) for part in _PARTS}
    rows = {part: open_rows(place) for part, place in images.items()}
    if rows["train"].shape != rows["test"].shape:
        raise DataError(
            f"{folder}: training images are of shape {rows['train'].shape} but test images of {rows['test'].shape}; "
            "give images of one size."
        )
    labels, names = _labels(folder, rows)
    _check_values(folder, rows, real)
    with located(folder):
        train, test = (StoredImages(rows[part], labels.get(part), real and not rows[part].grey) for part in _PARTS)
        dataset = Dataset(folder.resolve().name, train, test.loaded(), rows["train"].shape, names)
    if dataset.labelled:
        warn_of_unlearnt(folder, train.required_labels(), names)
    return dataset


def _place(folder: Path, names: Sequence[str], endings: Sequence[str] = SHARD_ENDINGS) -> Path | None:
    """The file or folder that has one of these names."""
    places = [folder / f"{name}{ending}" for name in names for ending in ("", *endings)]
    return next((place for place in places if place.is_dir() or (place.suffix and place.is_file())), None)


def _has_rows(folder: Path) -> bool:
    return any(one.suffix.lower() in SHARD_ENDINGS and one.is_file() for one in folder.iterdir())


def _images_place(folder: Path, part: str) -> Path:
    ours, of_keras = IMAGE_KEYS[part]
    if (place := _place(folder, (ours, of_keras))) is None:
        raise DataError(
            f"{folder} has no {ours} (nor {of_keras}): put the {_PARTS[part]} images there as {ours}.npy, or as a "
            f"folder {ours} of .npy files."
        )
    return place


def _labels(folder: Path, rows: Mapping[str, StoredRows]) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """The labels of each part, numbered from 0, and the names of the classes; neither where there are no labels."""
    places = {part: _place(folder, keys, [".npy"]) for part, keys in LABEL_KEYS.items()}
    files = {part: _label_files(place) for part, place in places.items() if place is not None}
    found = {part: _joined(arrays) for part, arrays in files.items()}
    if lacking := [LABEL_KEYS[part][0] for part in _PARTS if found and part not in found]:
        raise DataError(
            f"{folder} has no {lacking[0]}: put {lacking[0]}.npy there, or leave out the other labels, too."
        )
    if not found:
        return {}, ()
    for part, arrays in files.items():
        _check_number(rows[part], arrays)
    named = folder / "class_names.npy"
    with located(folder):
        given = {LABEL_KEYS[part][0]: labels for part, labels in found.items()}
        numbered, names = read_classes(given, read_npy(named) if named.exists() else None)
    return {part: numbered[LABEL_KEYS[part][0]] for part in found}, names


def _label_files(place: Path) -> dict[Path, NDArray[Any]]:
    """What each file of labels holds."""
    files = [place] if place.is_file() else [one for one in shard_files(place) if one.suffix.lower() == ".npy"]
    if not files:
        raise DataError(f"{place} has no labels: put them there as .npy files.")
    return {file: read_npy(file) for file in files}


def _joined(arrays: Mapping[Path, NDArray[Any]]) -> NDArray[Any]:
    """The labels of all files."""
    first = next(iter(arrays.values()))
    for file, array in arrays.items():
        if array.ndim == 0 or array.shape[1:] != first.shape[1:] or array.dtype.kind != first.dtype.kind:
            told = f"{array.dtype} of the shape {array.shape}"
            raise DataError(
                f"{file} holds {told}, unlike the labels beside it: give one label for each image, all of one kind."
            )
    return np.concatenate([*arrays.values()])


def _check_number(images: StoredRows, labels: Mapping[Path, NDArray[Any]]) -> None:
    """One label for each image, in each pair of files where there are as many of both."""
    of_images = [(len(shard), shard.path) for shard in images.shards]
    of_labels = [(len(array), file) for file, array in labels.items()]
    if len(of_images) != len(of_labels):
        of_images, of_labels = ([_in_all(some)] for some in (of_images, of_labels))
    for (n, where), (m, beside) in zip(of_images, of_labels, strict=True):
        if n != m:
            raise DataError(f"{beside} has {m} labels and {where} {n} images: give exactly one label for each image.")


def _in_all(counted: Sequence[tuple[int, Path]]) -> tuple[int, Path]:
    """How many there are in several files, and where: in the only one, or in their folder."""
    path = counted[0][1]
    return sum(n for n, _ in counted), path if len(counted) == 1 else path.parent


def _check_values(folder: Path, rows: dict[str, StoredRows], real: bool) -> None:
    """Refuse values that are no grey values, or where they may be real, not finite; warn of images nearly black."""
    brightest = []
    for part in rows:
        low, high = np.inf, -np.inf
        for start, values in rows[part].parts():
            if not values.isfinite().all():
                image = start + int((~values.isfinite()).any(dim=1).int().argmax())
                raise DataError(
                    f"{folder}: the {_PARTS[part]} image {image}, counted from 0, holds a value that is no finite "
                    "number (NaN or infinite): replace it."
                )
            low, high = min(low, float(values.min())), max(high, float(values.max()))
        if not rows[part].grey and not real and not (low >= 0 and high <= 1):
            raise DataError(
                f"{folder}: the {_PARTS[part]} images range from {low:g} to {high:g}: scale them to [0, 1], save 8-bit "
                "images as uint8, or use a model of real-valued units (`visible = 'gaussian'` in a recipe, real=True "
                "in Python)."
            )
        if rows[part].maximum > 1:
            brightest.append(np.array([high], np.uint8 if rows[part].is_uint8 else np.uint16))
    warn_if_dark(folder, brightest)
