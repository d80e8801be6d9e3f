"""A training of a table that was stopped: the same command goes on from its checkpoints."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.learning.rbm.records import DivergedError
from deepbelief.system.atomic import sweep, write_atomically
from deepbelief.system.lock import locked
from deepbelief.system.processes import here
from deepbelief.tables.folder import REQUEST, UNFINISHED, check_is_free
from deepbelief.tables.recognition import LearnableTable
from deepbelief.tables.stored import fingerprint
from deepbelief.tables.training import TableSettings


@contextmanager
def unfinished(folder: Path, table: LearnableTable, settings: TableSettings, seed: int) -> Iterator[Path]:
    """The place for the checkpoints of a training, which disappears when the training is over, or has diverged.

    Of processes that learn together, the first one sees to it, and the others only read there.

    Args:
        folder: of the model. It is made, and no other process may work in it at the same time.
        table, settings, seed: what decides the result; only a training of the same goes on.

    Raises:
        SettingsError: there is something else in the folder.
        DeepBeliefError: another process is at work there.
    """
    if not here().is_first:
        here().first_says(True)  # that all is in its place
        yield folder / UNFINISHED
        return
    check_is_free(folder)
    with locked(folder, "training"):
        check_is_free(folder)  # once more: the other process may just have finished
        sweep(folder)
        checkpoints, request = folder / UNFINISHED, _request(table, settings, seed)
        if (checkpoints / REQUEST).exists():
            if (checkpoints / REQUEST).read_bytes() != request:
                raise SettingsError(
                    f"{folder} holds a stopped training of other rows or with other options: give the same again to go "
                    "on with it, another folder with --out, or delete it."
                )
        else:
            write_atomically(checkpoints / REQUEST, request)
        here().first_says(True)
        try:
            yield checkpoints
        except DivergedError:  # with the same options it would diverge again
            shutil.rmtree(checkpoints)
            raise
        shutil.rmtree(checkpoints)


def _request(table: LearnableTable, settings: TableSettings, seed: int) -> bytes:
    """What decides the result of a training, as the content of a file."""
    if isinstance(table.rows, Tensor):
        digest = hashlib.sha256(table.rows.numpy().tobytes())
        if table.classes is not None:
            digest.update(table.classes.numpy().tobytes())
        rows = digest.hexdigest()
    else:
        rows = fingerprint(table.rows)
    label = None if table.label is None else table.label.description
    columns: Any = [table.columns.description, label]
    wanted = {"rows": rows, "columns": columns, "settings": asdict(settings), "seed": seed}
    return (json.dumps(wanted, indent=1) + "\n").encode()
