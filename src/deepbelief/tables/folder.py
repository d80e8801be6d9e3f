"""A model of a table in a folder: the DBN with the columns beside it, the classifier, and the record of the training.

    dbn.safetensors          the DBN; its header holds the columns and the labels
    classifier.safetensors   the classifier, where there were labels
    training.json            what was learnt from, how, and the course of it

The DBN is written last: where it is, all is.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from deepbelief.checkpoint import UnusableFileError, load_dbn, load_network, read_description, save_dbn, save_model
from deepbelief.data import Column, Columns
from deepbelief.errors import DataError, SettingsError
from deepbelief.models.feedforward import FeedForward
from deepbelief.system.atomic import is_temporary, write_atomically
from deepbelief.system.lock import LOCK
from deepbelief.tables.model import TableModel

_DBN: Final = "dbn.safetensors"
_CLASSIFIER: Final = "classifier.safetensors"
_RECORD: Final = "training.json"
UNFINISHED: Final = "unfinished"  # the folder of the checkpoints of a training at work
REQUEST: Final = "request.json"  # in it: what was asked for


def check_is_free(folder: Path) -> None:
    """`SettingsError` if there is something in the folder, or in its place, but for what a stopped training left."""
    if not folder.exists():
        return
    ours = {LOCK, UNFINISHED}
    if (folder / UNFINISHED / REQUEST).exists():
        ours |= {_RECORD, _CLASSIFIER}  # of a model whose DBN was not written any more
    if not folder.is_dir() or not all(path.name in ours or is_temporary(path) for path in folder.iterdir()):
        raise SettingsError(f"{folder} is there and not empty: give another folder with --out.")


def save_table_model(folder: Path, model: TableModel, record: Mapping[str, Any]) -> None:
    """Write a model and the record of its training; `load_table_model` gives the model back.

    Raises:
        SettingsError: the folder is not empty.
    """
    check_is_free(folder)
    write_atomically(folder / _RECORD, (json.dumps(record, indent=1) + "\n").encode())
    if model.classifier is not None:
        save_model(folder / _CLASSIFIER, model.classifier)
    further = {} if model.image_shape is None else {"image_shape": list(model.image_shape)}
    label = None if model.label is None else model.label.description
    save_dbn(folder / _DBN, model.dbn, columns=model.columns.description, label=label, **further)


def dbn_file(path: Path) -> Path:
    """The file of the DBN: that in a folder, or the file itself."""
    return path / _DBN if path.is_dir() else path


def find_table_model(path: Path) -> TableModel | None:
    """The model in a folder, on the CPU; or without its classifier that of its DBN's file; None of any other DBN.

    Raises:
        DeepBeliefError: it is missing or damaged.
    """
    file = dbn_file(path)
    described = read_description(file)
    if "columns" not in described:
        return None
    dbn = load_dbn(file).requires_grad_(False)
    try:
        columns = Columns.from_description(described["columns"])
        label = described.get("label") and Columns.from_description([described["label"]]).each[0]
    except DataError as error:
        raise UnusableFileError(f"{file} tells of no columns of a table ({error})", "train one anew") from None
    shape = described.get("image_shape")
    classifier = _classifier(path, label) if label and path.is_dir() else None
    if columns.width != dbn.sizes[0] or (classifier is not None and classifier.sizes[0] != columns.width):
        raise UnusableFileError(f"{file} is damaged (its columns and its DBN do not fit)", "train it anew")
    return TableModel(dbn, columns, label, classifier, (shape[0], shape[1]) if shape else None)


def load_table_model(path: Path) -> TableModel:
    """The model that `find_table_model` finds.

    Raises:
        DeepBeliefError: there is none.
    """
    if (found := find_table_model(path)) is None:
        raise UnusableFileError(f"{path} knows no columns of a table", "give a folder that `deepbelief train` wrote")
    return found


def _classifier(folder: Path, label: Column) -> FeedForward:
    file = folder / _CLASSIFIER
    network = load_network(file).requires_grad_(False)
    if network.sizes[-1] != len(label.values):
        raise UnusableFileError(f"{file} is damaged (it knows other classes than the DBN's file)", "train it anew")
    return network
