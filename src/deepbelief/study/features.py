"""Features of a study's images at every layer: in memory, or, of images in files, in files beside them."""

import math
import shutil
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy_format

from deepbelief.data import Source, TensorSource, in_batches, open_rows
from deepbelief.data.image_source import ImageSource
from deepbelief.errors import DeepBeliefError
from deepbelief.models.dbn import DBN
from deepbelief.models.views import encode_source_all
from deepbelief.system.atomic import temporary_name

_BATCH: Final = 2000  # images at a time
_WINDOW_BYTES: Final = 2**27  # of the features of all layers together that are mixed with each other


def features_of(dbn: DBN, images: ImageSource, folder: Path, owner: object) -> list[Source]:
    """Hidden means at every layer, from layer 1 up, (n, units) each; in memory, or on the disk if the images are.

    Args:
        dbn: the model.
        images: in memory or in files.
        folder: gets a folder with the features of images in files.
        owner: with which that folder is removed; if the process is killed, this is done when the study goes on.

    Raises:
        DeepBeliefError: there is too little room on the disk.
    """
    if images.runs is None:
        return [TensorSource(means) for means in encode_source_all(dbn, images)]
    folder = folder / temporary_name("features")
    folder.mkdir(parents=True, exist_ok=True)
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    units, dtype = dbn.sizes[1:], np.dtype(str(next(dbn.parameters()).dtype).removeprefix("torch."))
    _check_room(len(images) * sum(units) * dtype.itemsize, folder)
    paths = [folder / f"layer_{number}.npy" for number in range(1, len(units) + 1)]
    try:
        _write(dbn, images, paths, dtype)
    except OSError as error:
        error.filename = error.filename or str(folder)  # a write that fails names no file
        raise
    window = max(1, _WINDOW_BYTES // (sum(units) * dtype.itemsize))
    return [open_rows(path, window=window) for path in paths]


def _write(dbn: DBN, images: ImageSource, paths: list[Path], dtype: np.dtype[Any]) -> None:
    with ExitStack() as opened:
        files = [opened.enter_context(path.open("wb")) for path in paths]
        for file, units in zip(files, dbn.sizes[1:], strict=True):
            header = {"descr": npy_format.dtype_to_descr(dtype), "fortran_order": False, "shape": (len(images), units)}
            npy_format.write_array_header_1_0(file, header)
        for batch in in_batches(images, _BATCH):
            for file, means in zip(files, dbn.encode_all(batch), strict=True):
                file.write(means.cpu().numpy().data)


def _check_room(needed: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DeepBeliefError(
            f"the features of the training images take {math.ceil(needed / 2**30):,} GiB, and {folder.parent} has "
            f"{free / 2**30:,.1f} left: make room, and give the same command again, which goes on from here."
        )
