"""What a model is to learn from a table: its columns, its labels, and the rows as numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
import torch
from torch import Tensor

from deepbelief.data import Column, Columns, UserTable, recognise_columns
from deepbelief.data.columns import Kind
from deepbelief.data.csv_cells import with_numbers
from deepbelief.data.stored_rows import StoredRows
from deepbelief.errors import DataError, SettingsError

_NAMED: Final = 5  # columns in a message
NO_LABEL: Final = -1
"""The class of rows without a label."""


@final
@dataclass(frozen=True)
class ColumnChoice:
    """What the user says of a table's columns.

    ``label``: the column of labels; None: the one that is called so. ``declared``: kinds of columns. ``without``:
    columns to leave out.
    """

    label: str | None = None
    declared: Mapping[str, Kind] | None = None
    without: Sequence[str] = ()


@final
@dataclass(frozen=True, eq=False)
class LearnableTable:
    """What a model learns from.

    ``rows``: (n, columns.width), NaN where a cell is missing; of files that are not loaded a source. ``label``: the
    column of labels, if there is one. ``classes``: of each row the number of its label among the column's values, (n,)
    int64; `NO_LABEL` without one. ``columns_summary`` and ``constant_columns``: as `Columns.summary` and
    `Columns.constant` tell of all rows.
    """

    columns: Columns
    rows: Tensor | StoredRows
    image_shape: tuple[int, int] | None
    columns_summary: str
    constant_columns: Sequence[str]
    label: Column | None = None
    classes: Tensor | None = None

    @property
    def summary(self) -> str:
        """In one line what was recognised."""
        found = self.columns_summary
        if self.image_shape is not None:
            found = f"images of {'x'.join(map(str, self.image_shape))}: {found}"
        return found if self.label is None else f"{found}; {len(self.label.values)} classes in {self.label.name!r}"

    @property
    def constant(self) -> str:
        """A sentence that names the columns of a table that never change; nothing where all do."""
        names = [] if self.image_shape else list(self.constant_columns)
        if not names:
            return ""
        many = f"columns {_listed(names)} hold" if len(names) > 1 else f"column {_listed(names)} holds"
        return f"the {many} the same in every row, and nothing can be learnt from that: leave out what is not needed."


def recognise_table(table: UserTable, choice: ColumnChoice | None = None) -> LearnableTable:
    """The columns, labels and rows of a table; columns that only count or name the rows are left out.

    Raises:
        SettingsError: the choice names a column that is not there, or contradicts itself.
        DataError: a column cannot be learnt from; see `recognise_columns`.
    """
    choice = choice or ColumnChoice()
    check_choice(choice, [*table.cells])
    declared, without = dict(choice.declared or {}), {*choice.without}
    kept = {name: cells for name, cells in table.cells.items() if name not in without}
    features_only = {name: cells for name, cells in kept.items() if name not in declared}
    name = UserTable(kept if choice.label else features_only).label(choice.label)
    left_out = ({*table.index} - {*declared}) | {name}
    if table.are_text:
        kept = {
            one: with_numbers(cells, all_or_none=one == name or declared.get(one) == "category")
            for one, cells in kept.items()
        }
    columns = recognise_columns({one: cells for one, cells in kept.items() if one not in left_out}, declared)
    rows = columns.encode(kept)
    shape = table.image_shape if math.prod(table.image_shape or ()) == columns.width else None
    learnable = LearnableTable(columns, torch.from_numpy(rows), shape, columns.summary(rows), columns.constant(rows))
    if name is None:
        return learnable
    (label,) = recognise_columns({name: kept[name]}, {name: "category"}).each
    if len(label.values) < 2:
        raise DataError(
            f"all labels in the column {name!r} are {label.values[0]!r}: give rows of two classes, or leave it out."
        )
    return replace(learnable, label=label, classes=classes_of(label, table))


def check_choice(choice: ColumnChoice, names: Sequence[str]) -> None:
    """`SettingsError` if the choice names a column that is not there, or contradicts itself."""
    declared, without = choice.declared or {}, {*choice.without}
    if unknown := sorted({*declared, *without} - {*names}):
        raise SettingsError(f"there is no column {unknown[0]!r}: give one of {_listed(names)}.")
    if both := sorted({*declared, *([choice.label] if choice.label else [])} & without):
        raise SettingsError(f"the column {both[0]!r} is left out and asked for: give one of both only.")
    if choice.label in declared:
        raise SettingsError(f"the column {choice.label!r} is one of labels and declared, too: give one of both only.")


def classes_of(label: Column, table: UserTable) -> Tensor:
    """Of each row the number of its label, (n,) int64; `NO_LABEL` where it has none.

    Raises:
        DataError: a label is no class that is known.
    """
    one_hot = label.encode(table.cells[label.name])
    return torch.from_numpy(np.where(np.isnan(one_hot[:, 0]), NO_LABEL, np.nan_to_num(one_hot).argmax(axis=1)))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:_NAMED])) + (", ..." if len(names) > _NAMED else "")
