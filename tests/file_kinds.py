"""The kinds of files that users give: examples of each, and everything that reads it."""

import gzip
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import torch
from pyarrow import parquet

from deepbelief.checkpoint import (
    load_autoencoder,
    load_dbn,
    load_labelled_dbn,
    load_labelled_rbm,
    load_state,
)
from deepbelief.data import load_dataset, load_images, open_rows
from deepbelief.data.idx import read_idx
from deepbelief.errors import DataWarning, DeepBeliefError
from deepbelief.evaluation.plan import load_plan
from deepbelief.evaluation.plans import plan_text
from deepbelief.study.loading import load_network
from deepbelief.study.recipe import load_recipe
from deepbelief.study.recipes import recipe_text

# From before there were digests: with one, every change of a file looks the same.
MODELS = Path(__file__).parent / "files" / "without-digest"


@dataclass(frozen=True)
class FileKind:
    """Files whose names end so, examples that can be read, and functions from a path that read such files."""

    ending: str
    examples: tuple[bytes, ...]
    readers: tuple[Callable[[Path], Any], ...]

    def read(self, content: bytes, folder: Path) -> list[Any]:
        """What each reader makes of a file in a folder: a value, or the error with which it refuses the file.

        Raises:
            AssertionError: a reader refuses it by more than one sentence.
            Exception: a reader fails in another way.
        """
        path, found = folder / f"mine{self.ending}", []
        path.write_bytes(content)
        for reader in self.readers:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DataWarning)
                    found.append(reader(path))
            except DeepBeliefError as error:
                assert str(error).endswith((".", "?")), repr(str(error))
                found.append(error)
        return found


def _images(path: Path, real: bool) -> Any:
    return load_images(str(path), real=real)


def _dataset(path: Path, real: bool) -> Any:
    return load_dataset(str(path), real=real)


def _idx(array: np.ndarray, code: int) -> bytes:
    header = bytes([0, 0, code, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _npz(save: Callable[..., None]) -> bytes:
    stream = io.BytesIO()
    labels = np.array([0, 1, 1, 0])
    save(stream, x_train=BYTES, y_train=labels, x_test=BYTES[:2], y_test=labels[:2], class_names=["ant", "bee"])
    return stream.getvalue()


def _stored(path: Path) -> Any:
    return open_rows(path).batch(torch.tensor([0, -1]))


def _parquet(compression: str) -> bytes:
    stream = io.BytesIO()
    parquet.write_table(_TABLE, stream, row_group_size=2, compression=compression)
    return stream.getvalue()


def _arrow() -> bytes:
    stream = io.BytesIO()
    with pyarrow.ipc.new_file(stream, _TABLE.schema) as file:
        file.write_table(_TABLE, max_chunksize=2)
    return stream.getvalue()


_TABLE = pyarrow.table({"a": [0.5, None, 2], "b": [True, False, None], "c": [3, 4, 5]})
BYTES = np.arange(48, dtype=np.uint8).reshape(4, 3, 4) * 5
_IMAGES = (partial(_images, real=False), partial(_images, real=True))
_DATASETS = (partial(_dataset, real=False), partial(_dataset, real=True))

KINDS = {
    "idx": FileKind("", (_idx(BYTES, 8), _idx(BYTES[0] / 16, 14), gzip.compress(_idx(BYTES, 8), mtime=0)), (read_idx,)),
    "model": FileKind(
        ".safetensors",
        tuple(path.read_bytes() for path in sorted(MODELS.iterdir())),
        (load_state, load_dbn, load_labelled_rbm, load_labelled_dbn, load_autoencoder, load_network),
    ),
    "recipe": FileKind(
        ".toml",
        (recipe_text("smoke").encode(), recipe_text("thorough").encode(), plan_text("smoke").encode()),
        (lambda path: load_recipe(str(path)), lambda path: load_plan(str(path))),
    ),
    "table": FileKind(
        ".csv",
        (
            b"label,a,b\ncat,1,2\nant,3,4\ncat,5,6\nant,0,255\n",
            b'"","a","target"\r\n"1","0.5","x"\r\n',
            b"0,1,y\n.5,1e-3,0\n1,0.25,0\n",
        ),
        (*_IMAGES, *_DATASETS),
    ),
    "npy": FileKind(".npy", (_npy(BYTES), _npy(BYTES / 255), _npy(BYTES.astype(">i2"))), (*_IMAGES, _stored)),
    "parquet": FileKind(".parquet", (_parquet("NONE"), _parquet("SNAPPY")), (_stored,)),
    "arrow": FileKind(".arrow", (_arrow(),), (_stored,)),
    "npz": FileKind(".npz", (_npz(np.savez), _npz(np.savez_compressed)), (*_IMAGES, *_DATASETS)),
}
