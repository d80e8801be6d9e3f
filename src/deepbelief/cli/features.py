"""Features of images or of a table's rows, written to a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deepbelief.checkpoint import load_dbn
from deepbelief.data import Images, UserTable
from deepbelief.data.table_files import check_table_file, write_table
from deepbelief.models.views import encode_source
from deepbelief.system.atomic import replacing


def check_ending(out: Path) -> None:
    """`SettingsError` if no features can be written to a file of this name."""
    check_table_file(out, further=(".npz",))


def encode_to_file(
    model: Path,
    images: Images,
    out: Path,
    layer: int | None = None,
    device: torch.device | str = "cpu",
    files: Sequence[str] | None = None,
) -> tuple[int, ...]:
    """Write the features of images to a file as `write_features` does; returns their shape.

    Raises:
        SettingsError: `out` has another ending, the layer is not there, or the images have another size.
        DeepBeliefError: the model cannot be read.
    """
    check_ending(out)
    features = encode_source(load_dbn(model).to(device), images.to(device), layer).cpu().numpy()
    write_features(out, features, None if images.labels is None else images.labels.numpy(), files=files)
    return features.shape


def write_features(
    out: Path,
    features: NDArray[Any],
    labels: NDArray[Any] | None,
    label: str = "label",
    files: Sequence[str] | None = None,
) -> None:
    """Write features (n, units): to a .npy file alone, to .npz with the labels, if there are any, and to a table with
    the files of the rows, too.
    """
    if out.suffix.lower() == ".npz":
        arrays: dict[str, Any] = {"features": features}
        if labels is not None:
            arrays["labels"] = _plain(labels)
        with replacing(out) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)
        return
    cells = {f"unit {number}": column for number, column in enumerate(features.T, 1)}
    if labels is not None and out.suffix.lower() != ".npy":
        cells[label] = labels
    if files is not None and out.suffix.lower() != ".npy":
        cells = {"file": np.array(files), **cells}
    write_table(out, UserTable(cells))


def _plain(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels as an array without Python's objects, which .npz files hold only at a risk; missing ones are empty."""
    if labels.dtype != object:
        return labels
    return np.array(["" if label is None else str(label) for label in labels])
