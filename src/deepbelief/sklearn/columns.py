"""What kind the columns of X are of, and what numbers a model sees of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from deepbelief.arrays import widened
from deepbelief.data import Source, in_batches
from deepbelief.data.columns import Columns
from deepbelief.data.recognition import recognise_columns
from deepbelief.errors import SettingsError

Kind = Literal["binary", "real", "one-hot", "category"]
"""Of a column: `binary` for states and probabilities from 0 to 1, `real` for numbers of any size, `one-hot` for one of
several neighbours of which one is 1 and the others are 0, `category` for text or whole numbers that stand for
categories."""

Block = tuple[Kind, int]
"""Neighbouring numbers that belong together: their kind, and how many they are; 1 but for categories."""

_VALUES: Final = 2**20  # looked at together
_AUTO: Final = "auto"
_OF_CATEGORIES: Final = ("category", "categorical", "enum")  # how data frames call them


def declared(units: Any, names: Sequence[str]) -> list[str]:
    """Of each column the kind that is wanted, or `auto`.

    Args:
        units: a kind or `auto` for all columns, a list of one for each, or a mapping of some columns' names to theirs.
        names: of the columns.

    Raises:
        SettingsError: it is none of these.
    """
    if isinstance(units, Mapping):
        if absent := [name for name in units if name not in names]:
            raise SettingsError(f"units names the column {absent[0]!r}, which is not there: give names of X's columns.")
        units = [units.get(name, _AUTO) for name in names]
    kinds = [units] * len(names) if isinstance(units, str) else list(units)
    if unknown := [kind for kind in kinds if kind not in (_AUTO, *get_args(Kind))]:
        raise SettingsError(
            f"units has {unknown[0]!r}: give 'auto', {', '.join(map(repr, get_args(Kind)))}, or one of these a column."
        )
    if len(kinds) != len(names):
        raise SettingsError(f"units has the kinds of {len(kinds)} of {len(names)} columns: give one for each.")
    return kinds


def names_of(X: Any) -> list[str]:
    """Of the columns of a data frame, or `x0`, `x1`, ..."""
    if hasattr(X, "columns"):
        return [str(name) for name in X.columns]
    return [f"x{number}" for number in range(np.shape(X)[1])]


def categories_of(X: Any, units: Any) -> Columns | None:
    """The columns of a table some of which are categories, declared or by their type; None if there are none."""
    framed = hasattr(X, "columns")
    if sparse.issparse(X) or not (framed or units == "category" or not isinstance(units, str)):
        return None
    if not framed and np.ndim(X) != 2:  # which is told of where X is checked
        return None
    names = names_of(X)
    kinds = dict(zip(names, declared(units, names), strict=True))
    if framed:
        kinds |= {name: "category" for name, cells in _cells(X).items() if kinds[name] == _AUTO and _holds(cells)}
    if "category" not in kinds.values():
        return None
    others = {"one-hot": "binary"}
    known: dict[str, Any] = {name: others.get(kind, kind) for name, kind in kinds.items() if kind != _AUTO}
    return recognise_columns(table_of(X), known)


def table_of(X: Any) -> dict[str, NDArray[Any]]:
    """The cells of each column by its name."""
    return {name: np.asarray(cells) for name, cells in _cells(X).items()}


def _cells(X: Any) -> dict[str, Any]:
    if hasattr(X, "columns"):
        return {str(name): X[name] for name in X.columns}
    array = np.asarray(X)
    return {name: array[:, number] for number, name in enumerate(names_of(array))}


def _holds(cells: Any) -> bool:
    """Whether the column of a data frame holds categories or text."""
    if str(cells.dtype).lower().startswith(_OF_CATEGORIES):
        return True
    values = np.asarray(cells)
    return values.dtype.kind in "USO" and any(isinstance(value, str) for value in values)


def blocks_of(source: Source, units: Any, names: Sequence[str], categories: Columns | None) -> list[Block]:
    """The numbers of a source, which belong to columns of these names, in order.

    Raises:
        SettingsError: the declared kinds are impossible, or columns that are declared `one-hot` are no groups.
    """
    kinds = declared(units, names)
    widths = [1] * len(names) if categories is None else [column.width for column in categories.each]
    if _AUTO in kinds:
        found = recognised(source) if categories is None else [column.kind for column in categories.each]
        kinds = [new if kind == _AUTO else kind for kind, new in zip(kinds, found, strict=True)]
    return _with_groups(source, list(zip(kinds, widths, strict=True)))


def recognised(source: Source) -> list[str]:
    """`binary` for columns with values from 0 to 1 only, `real` for the others; what is missing does not count."""
    low, high = np.full(source.width, np.inf), np.full(source.width, -np.inf)
    for batch in in_batches(source, max(1, _VALUES // source.width)):
        low, high = widened(low, high, batch.numpy())
    return ["binary" if fits else "real" for fits in ((low >= 0) & (high <= 1)).tolist()]


def _with_groups(source: Source, blocks: Sequence[tuple[str, int]]) -> list[Any]:
    """The same with one block for each group of one-hot columns: the first neighbours that always sum to 1."""
    found: list[tuple[str, int]] = []
    start, at = 0, 0
    while at < len(blocks):
        kind, width = blocks[at]
        if kind == "one-hot":
            run = next((end for end in range(at, len(blocks)) if blocks[end][0] != kind), len(blocks)) - at
            width = _group(source, start, run)
            at += width - 1
        found.append((kind, width))
        start, at = start + width, at + 1
    return found


def _group(source: Source, start: int, run: int) -> int:
    """How many of the numbers from `start` on are one group, of at most `run`."""
    whole = torch.ones(run, dtype=torch.bool)
    for batch in in_batches(source, max(1, _VALUES // source.width)):
        sums = batch[:, start : start + run].cumsum(dim=1)
        whole &= ((sums == 1) | sums.isnan()).all(dim=0)
    if not whole.any():
        raise SettingsError(
            f"units says that a one-hot group begins at the number {start} (from 0), and no neighbours from there on "
            "sum to 1 in every row: declare the columns binary or real, or mend them."
        )
    return int(whole.nonzero()[0]) + 1
