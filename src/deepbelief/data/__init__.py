"""Loads data: data sets known by name, and the user's own files."""

from pathlib import Path

from deepbelief.data.array_folder import is_array_folder, load_array_folder
from deepbelief.data.columns import Column, Columns
from deepbelief.data.corrupted import load_corrupted
from deepbelief.data.dataset import Dataset, Images
from deepbelief.data.files import (
    Part,
    load_csv,
    load_csv_images,
    load_folder,
    load_folder_images,
    load_npy,
    load_npy_images,
    load_npz,
    load_npz_images,
    load_parquet_images,
)
from deepbelief.data.named import is_folder, load_named
from deepbelief.data.recognition import recognise_columns
from deepbelief.data.source import Reader, Rows, Source, evenly_spaced, in_batches
from deepbelief.data.stored_rows import StoredRows, open_rows
from deepbelief.data.tensor_source import SourceLike, TensorSource, as_source
from deepbelief.data.user_table import UserTable, load_user_table
from deepbelief.data.views import Labelled, LabelledLike, Weighted, as_held_out, as_labelled
from deepbelief.errors import SettingsError
from deepbelief.progress import Progress

__all__ = [
    "Column",
    "Columns",
    "Dataset",
    "Images",
    "Labelled",
    "LabelledLike",
    "Reader",
    "Rows",
    "Source",
    "SourceLike",
    "StoredRows",
    "TensorSource",
    "UserTable",
    "Weighted",
    "as_held_out",
    "as_labelled",
    "as_source",
    "evenly_spaced",
    "in_batches",
    "load_corrupted",
    "load_dataset",
    "load_images",
    "load_user_table",
    "open_rows",
    "recognise_columns",
]


def load_dataset(
    name_or_path: Path | str, folder: Path | str | None = None, *, real: bool = False, progress: Progress | None = None
) -> Dataset:
    """Load a data set by its name (fashion-mnist, mnist, kmnist, digits), from a .npz, .npy or .csv file or a folder.

    ``folder`` holds the files of a named data set; without it they are looked for in the folder that the environment
    variable DEEPBELIEF_DATA names, the user's cache and Debian's folder, and else downloaded; ``progress`` is called
    with (file name, bytes received, bytes in all) meanwhile. See `load_npz`, `load_npy`, `load_csv`, `load_folder`
    (of images) and `load_array_folder` (of images that stay in their files) for what must be there: labels or none.
    With ``real`` its numbers are real values and kept as they are, except 8-bit images, which are always scaled to
    [0, 1].

    Warns by a `DataWarning` of data that may not be what was meant, such as images that are nearly black.

    Raises `SettingsError` for an unknown name, `DataError` for data that are missing or damaged.

    >>> load_dataset("digits").train.width
    64
    """
    suffix = Path(name_or_path).suffix.lower()
    if suffix == ".npz":
        return load_npz(Path(name_or_path), real)
    if suffix == ".csv":
        return load_csv(Path(name_or_path), real)
    if suffix == ".npy":
        return load_npy(Path(name_or_path), real)
    if is_array_folder(name_or_path):
        return load_array_folder(name_or_path, real)
    if is_folder(name_or_path):
        return load_folder(Path(name_or_path))
    return load_named(str(name_or_path), folder, progress)


def load_images(
    name_or_path: Path | str,
    folder: Path | str | None = None,
    part: Part = "test",
    *,
    real: bool = False,
    progress: Progress | None = None,
) -> Images:
    """Load images to encode: all of a file or folder, or a ``part`` ("train" or "test") of a data set or .npz file.

    Files are .npy, .csv or .parquet; a folder holds images, or a folder of images for each class.

    Images of a file need no labels here. ``folder``, ``real`` and ``progress`` are as in `load_dataset`.

    Raises `SettingsError` for an unknown name or part, `DataError` for data that are missing or damaged.

    >>> len(load_images("digits", part="test"))
    360
    """
    if part not in ("train", "test"):
        raise SettingsError(f"There is no part {part!r} of a data set; use train or test.")
    suffix = Path(name_or_path).suffix.lower()
    if suffix == ".npy":
        return load_npy_images(Path(name_or_path), real)
    if suffix == ".csv":
        return load_csv_images(Path(name_or_path), real)
    if suffix == ".npz":
        return load_npz_images(Path(name_or_path), part, real)
    if suffix == ".parquet":
        return load_parquet_images(Path(name_or_path), real)
    if is_array_folder(name_or_path):
        dataset = load_array_folder(name_or_path, real)
        return dataset.train.loaded() if part == "train" else dataset.test
    if is_folder(name_or_path):
        return load_folder_images(Path(name_or_path))
    dataset = load_named(str(name_or_path), folder, progress)
    return dataset.train.loaded() if part == "train" else dataset.test
