"""The user's own data as a table, whatever file or folder they are in: all columns as they are, labels among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from deepbelief.data.arrays import npz_names, read_npy, read_npz
from deepbelief.data.csv_cells import read_csv_cells
from deepbelief.data.csv_lines import leading_index
from deepbelief.data.dataset import Dataset, Images, located
from deepbelief.data.files import IMAGE_KEYS, LABEL_KEYS, Part
from deepbelief.data.image_folder import read_image_folder
from deepbelief.data.image_source import ImageSource
from deepbelief.data.named import is_folder, load_named
from deepbelief.data.parquet import read_parquet
from deepbelief.data.pixels import read_pixels, warn_if_dark, without_channels
from deepbelief.data.table import LABEL_COLUMNS
from deepbelief.errors import DataError
from deepbelief.progress import Progress

_LABEL: Final = "label"  # what the column of labels is called where the file has no names


@final
@dataclass(frozen=True, eq=False)
class UserTable:
    """All columns of the user's data as they are, (rows,) each, by their names.

    ``cells``: numbers or text; NaN and None are missing. ``are_text``: all are text, also numbers, as in a .csv file.
    ``image_shape``: height and width where the rows are images, whose values are the columns 0, 1, ...
    """

    cells: Mapping[str, NDArray[Any]]
    are_text: bool = False
    image_shape: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.cells.values())))

    @property
    def index(self) -> list[str]:
        """The first columns, if they only count or name the rows."""
        names = list(self.cells)
        return names[: leading_index(names)]

    def label(self, wanted: str | None = None) -> str | None:
        """The name of the column of labels: the wanted one, or the one that is called so; None if there is none.

        Raises:
            DataError: the wanted column is not there, or several may be meant.
        """
        if wanted is not None:
            if wanted not in self.cells:
                raise DataError(f"there is no column {wanted!r} of labels: give --label with one of its names.")
            return wanted
        found = [name for name in self.cells if name.lower() in LABEL_COLUMNS]
        if len(found) > 1:
            several = " and ".join(map(repr, found))
            raise DataError(f"several columns may hold the labels, {several}: say which by --label.")
        return found[0] if found else None


def load_user_table(
    name_or_path: Path | str, folder: Path | str | None = None, part: Part = "test", progress: Progress | None = None
) -> UserTable:
    """Load .csv, .parquet, .npy and .npz files, a folder of images, or a part of a data set known by its name.

    An array's values become columns called 0, 1, ...; unsigned integers of 8 or 16 bits, truth values and integers in
    more than two dimensions are taken for images, from 0 (black) to 1 (white). A .npz file holds images and labels, as
    in `load_npz`, or one array for each column. ``folder`` and ``progress`` are as in `load_dataset`.

    Raises:
        SettingsError: the name is unknown, or .parquet files cannot be read here.
        DataError: the data are missing or damaged.
    """
    path = Path(name_or_path)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return UserTable(read_csv_cells(path), are_text=True)
    if suffix == ".parquet":
        return UserTable(read_parquet(path))
    if suffix == ".npy":
        return _of_array(path, read_npy(path))
    if suffix == ".npz":
        return _of_npz(path, part)
    if is_folder(name_or_path):
        pixels, labels = read_image_folder(path)
        return _of_array(path, pixels, None if labels is None else np.array(labels))
    return _of_dataset(load_named(str(name_or_path), folder, progress), part)


def _of_array(path: Path, array: NDArray[Any], labels: NDArray[Any] | None = None) -> UserTable:
    with located(path):
        if array.ndim and not len(array):
            raise DataError("there are no rows; give at least one.")
        if array.dtype.kind in "fU" or (array.dtype.kind in "iu" and array.ndim == 2 and not _is_grey(array)):
            if array.dtype.kind == "U" and array.ndim != 2:
                raise DataError(f"texts of the shape {array.shape} are no table: give (rows, columns).")
            array = without_channels("the array", array)
            shape, values = array.shape[1:], array.reshape(len(array), -1)
        else:
            pixels = read_pixels("the array", array)
            warn_if_dark(path, [array])
            shape, values = pixels.shape, _scaled(Images(pixels.values, pixels.maximum))
    return _of_values(values, shape, labels)


def _is_grey(array: NDArray[Any]) -> bool:
    return array.dtype.kind == "u" and array.dtype.itemsize <= 2


def _of_values(values: NDArray[Any], shape: tuple[int, ...], labels: NDArray[Any] | None) -> UserTable:
    cells = {str(number): column for number, column in enumerate(values.T)}
    if labels is not None:
        cells[_LABEL] = labels
    return UserTable(cells, image_shape=(shape[0], shape[1]) if len(shape) == 2 else None)


def _scaled(images: ImageSource) -> NDArray[Any]:
    """All images, (n, width) float32."""
    return images.batch(slice(0, len(images))).numpy()


def _of_npz(path: Path, part: Part) -> UserTable:
    names = npz_names(path)
    arrays = read_npz(path, names)
    images = next((arrays[name] for name in IMAGE_KEYS[part] if name in arrays), None)
    labels = next((arrays[name] for name in LABEL_KEYS[part] if name in arrays), None)
    if images is not None:
        if labels is not None and labels.shape not in ((len(images),), (len(images), 1)):
            raise DataError(
                f"{path}: there are {len(images)} rows and labels of the shape {labels.shape}: make them fit."
            )
        return _of_array(path, images, None if labels is None else labels.reshape(-1))
    if not arrays or any(array.ndim != 1 for array in arrays.values()):
        raise DataError(
            f"{path} holds neither {IMAGE_KEYS[part][0]} nor one array for each column, (rows,): save it anew."
        )
    return UserTable(arrays)


def _of_dataset(dataset: Dataset, part: Part) -> UserTable:
    images = dataset.train if part == "train" else dataset.test
    names = np.array(dataset.class_names)
    return _of_values(_scaled(images), dataset.image_shape, names[images.required_labels().numpy()])
