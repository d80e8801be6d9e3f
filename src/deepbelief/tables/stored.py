"""What a model is to learn from files that are not loaded: rows of numbers, without labels."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
import torch
from torch import Tensor

from deepbelief.arrays import widened
from deepbelief.data import Column, Columns
from deepbelief.data.arrow_shard import column_names
from deepbelief.data.cells import place
from deepbelief.data.csv_lines import leading_index
from deepbelief.data.dataset import located
from deepbelief.data.named import NAMES
from deepbelief.data.pixels import warn_if_dark
from deepbelief.data.stored_rows import StoredRows, open_rows, shard_files
from deepbelief.data.table import LABEL_COLUMNS
from deepbelief.errors import DataError, SettingsError
from deepbelief.tables.recognition import ColumnChoice, LearnableTable, check_choice

LARGE: Final = 2**30
"""Bytes: a larger file is not loaded, if all of it is numbers without labels."""
_LARGEST: Final = torch.finfo(torch.float32).max


def stored_table(name_or_path: str, choice: ColumnChoice | None = None) -> LearnableTable | None:
    """The columns of a large .npy, .parquet or Arrow file or of a folder of such files, whose rows stay there.

    All values are looked at once, part by part. None: it is something else, to be loaded whole, such as a file of at
    most `LARGE` bytes, or one with labels, text or categories.

    Raises:
        SettingsError: the choice names a column that is not there, or asks for labels or categories of a folder.
        DataError: the files cannot be learnt from.
    """
    path, choice = Path(name_or_path), choice or ColumnChoice()
    files = [] if name_or_path in NAMES else shard_files(path)
    whole = path.is_dir() or path.suffix.lower() not in (".npy", ".parquet")  # which only this reads
    if not files or not (whole or path.stat().st_size > LARGE):
        return None
    names = _names(files[0])
    check_choice(choice, names)
    kept = [name for name in names if name not in choice.without]
    if (unfit := _unfit(choice, kept)) is not None:
        if not whole:
            return None
        raise SettingsError(f"{path}: {unfit}")
    declared = {*(choice.declared or {})}
    kept = [name for number, name in enumerate(kept) if number >= leading_index(names) or name in declared]
    try:
        rows = open_rows(path, kept)
    except DataError:
        if not whole:  # such as one with text, which is loaded as long as it can be
            return None
        raise
    return _learnable(path, rows, choice)


def _learnable(path: Path, rows: StoredRows, choice: ColumnChoice) -> LearnableTable:
    """These rows with what is recognised in them."""
    with located(path):
        found = _survey(rows)
        columns = found.columns(choice)
    if rows.maximum > 1:
        brightest = np.array([rows.maximum * float(found.high.max())])
        warn_if_dark(path, [brightest.astype(np.uint8 if rows.maximum == 255 else np.uint16)])
    shape = rows.shape if len(rows.shape) == 2 else None
    constant = [column.name for column, same in zip(columns.each, found.same.tolist(), strict=True) if same]
    summary = columns.counted(len(rows), float(found.missing.double().mean()) / len(rows))
    return LearnableTable(columns, rows, shape, summary, constant)


def _names(file: Path) -> Sequence[str]:
    return open_rows(file).names if file.suffix.lower() == ".npy" else column_names(file)


def _unfit(choice: ColumnChoice, names: Sequence[str]) -> str | None:
    """Why rows of these columns are only learnt from in memory; None if they need not be."""
    declared = choice.declared or {}
    found = [name for name in names if name.lower() in LABEL_COLUMNS and name not in declared]
    if choice.label is not None or found:
        return (
            f"labels, as in the column {choice.label or found[0]!r}, are learnt from in a single file only: leave the "
            "column out by --without."
        )
    if categories := [name for name, kind in declared.items() if kind == "category"]:
        return f"categories, as in the column {categories[0]!r}, are learnt from in a single file only: leave it out."
    return None


@final
@dataclass(frozen=True, eq=False)
class _Survey:
    """What all rows are, (columns,) each: the bounds of known values, missing cells, and whether all are 0 or 1."""

    names: Sequence[str]
    low: Tensor
    high: Tensor
    missing: Tensor
    states: Tensor

    @property
    def same(self) -> Tensor:
        """Whether a column holds the same in all rows."""
        return self.low == self.high

    def columns(self, choice: ColumnChoice) -> Columns:
        """Of which kind they are, by the rules of `recognise_columns`."""
        declared = choice.declared or {}
        bounded = (self.low >= 0) & (self.high <= 1)
        for name, known, fits in zip(self.names, (self.low <= self.high).tolist(), bounded.tolist(), strict=True):
            if not known:
                raise DataError(f"the column {name!r} is empty in every row: leave it out.")
            if declared.get(name) == "binary" and not fits:
                raise DataError(f"the column {name!r} is declared binary and holds more than numbers from 0 to 1.")
        others = torch.tensor([name not in declared for name in self.names])
        binary = bounded if bool(bounded[others].all()) else self.states
        return Columns(
            tuple(
                Column(name, declared.get(name) or ("binary" if states else "real"))
                for name, states in zip(self.names, binary.tolist(), strict=True)
            )
        )


def _survey(rows: StoredRows) -> _Survey:
    width = rows.width
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    missing, states = torch.zeros(width, dtype=torch.int64), torch.ones(width, dtype=torch.bool)
    for start, part in rows.parts():
        if not rows.grey:  # grey values are neither missing nor infinite, and binary whatever they are
            absent = part.isnan()
            missing += absent.sum(dim=0)
            states &= ((part == 0) | (part == 1) | absent).all(dim=0)
            _check_finite(rows, start, part)
        low, high = widened(low, high, part.numpy())
    lowest, highest = torch.from_numpy(low / rows.maximum), torch.from_numpy(high / rows.maximum)
    return _Survey(rows.names, lowest, highest, missing, states)


def _check_finite(rows: StoredRows, start: int, part: Tensor) -> None:
    wrong = part.abs() > _LARGEST  # not where it is NaN
    if wrong.any():
        row, column = wrong.nonzero()[0].tolist()
        raise DataError(
            f"{place(rows.names[column], start + row)} holds {float(part[row, column]):g}, which is no finite number: "
            "correct it, or leave the cell empty."
        )


def fingerprint(rows: StoredRows) -> str:
    """SHA-256 (hexadecimal) over all rows as they are stored, part by part."""
    digest = hashlib.sha256(f"{len(rows)} {rows.shape} {rows.maximum:g}".encode())
    for _, part in rows.parts():
        digest.update(part.numpy().data)
    return digest.hexdigest()
