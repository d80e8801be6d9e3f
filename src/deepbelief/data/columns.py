"""The columns of a table: what kind each is of, and how rows become the numbers that a model sees, and back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, final, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepbelief.data.cells import Value, as_numbers, as_values, place, read_cells
from deepbelief.errors import DataError, one_line

Kind = Literal["binary", "real", "category"]
"""Of a column: `binary` for states and probabilities from 0 to 1, `real` for numbers of any size, `category` for text
or whole numbers that stand for categories."""

TableLike = Mapping[str, ArrayLike]
"""For each column its name and its cells, (rows,): numbers or text; NaN, None and empty text are missing."""

_NAMED: Final = 3  # columns in a message


@final
@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        name: unique among the columns.
        kind: see `Kind`.
        values: of a category column, all that occur, sorted: texts, or whole numbers.

    Raises:
        DataError: the kind is unknown, or the values are no sorted categories of one type.
    """

    name: str
    kind: Kind
    values: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise DataError(f"the column {self.name!r} is {self.kind!r}: make it one of {', '.join(get_args(Kind))}.")
        types = {type(value) for value in self.values}
        categories = types in ({str}, {int}) and list(self.values) == sorted({*self.values})
        if categories != (self.kind == "category"):
            raise DataError(
                f"the {self.kind} column {self.name!r} has the values {one_line(repr(self.values))}: give a category "
                "column all of its values in order, texts or whole numbers, and the others none."
            )

    @property
    def width(self) -> int:
        """How many numbers a cell becomes."""
        return len(self.values) or 1

    def encode(self, given: ArrayLike) -> NDArray[Any]:
        """The cells, (rows,), as numbers, (rows, width): categories one-hot; NaN where a cell is missing.

        Raises:
            DataError: a cell is not what the column can hold; it is named.
        """
        cells = read_cells(self.name, given)
        if self.values:
            return self._one_hot(as_values(self.name, cells, texts=isinstance(self.values[0], str)))
        numbers = as_numbers(self.name, cells)
        if self.kind == "binary" and (outside := (numbers < 0) | (numbers > 1)).any():
            row = int(outside.argmax())
            raise DataError(
                f"{place(self.name, row)} holds {numbers[row]:g}, where all that was known are numbers from 0 to 1: "
                "correct it, or declare the column real before a model learns from it."
            )
        return numbers[:, None]

    def _one_hot(self, found: Sequence[Value | None]) -> NDArray[np.float32]:
        numbers = {value: number for number, value in enumerate(self.values)}
        block = np.zeros((len(found), self.width), dtype=np.float32)
        for row, value in enumerate(found):
            if value is None:
                block[row] = np.nan
            elif value in numbers:
                block[row, numbers[value]] = 1
            else:
                known = ", ".join(map(repr, self.values[:_NAMED])) + (", ..." if self.width > _NAMED else "")
                raise DataError(
                    f"{place(self.name, row)} holds {one_line(repr(value))}, which is none of the categories that are "
                    f"known there ({known}): correct it, or leave the cell empty."
                )
        return block

    def decode(self, block: NDArray[Any]) -> NDArray[Any]:
        """The cells, (rows,), that numbers, (rows, width), stand for: of categories the most probable one.

        Numbers keep their type, with NaN where they are missing; categories are an array of objects, with None there.
        """
        if not self.values:
            return block[:, 0]
        missing = np.isnan(block).any(axis=1)
        cells = np.empty(len(block), dtype=object)
        cells[:] = [self.values[place] for place in np.where(missing[:, None], 0, block).argmax(axis=1)]
        cells[missing] = None
        return cells

    @property
    def description(self) -> dict[str, Any]:
        """Enough to make the column again (JSON values)."""
        values = {"values": list(self.values)} if self.values else {}
        return {"name": self.name, "kind": self.kind, **values}


@final
@dataclass(frozen=True)
class Columns:
    """The columns of a table, which turn its rows into the numbers that a model sees, and back.

    Each binary or real column is one number, each category column as many as it has categories, of which one is 1.
    A missing cell is NaN, in all numbers of its column. `recognise_columns` finds the columns of a table.

    Raises:
        DataError: there is no column, or two have the same name.

    >>> columns = Columns((Column("age", "real"), Column("colour", "category", ("blue", "red"))))
    >>> columns.encode({"age": [31, None], "colour": ["red", ""]}).tolist()
    [[31.0, 0.0, 1.0], [nan, nan, nan]]
    >>> columns.decode(np.array([[31, 0.2, 0.8]]))["colour"].tolist()
    ['red']
    """

    each: tuple[Column, ...]

    def __post_init__(self) -> None:
        names = self.names
        if not names:
            raise DataError("there is no column: give at least one.")
        if twice := [name for name in names if names.count(name) > 1]:
            raise DataError(f"two columns are called {twice[0]!r}: give each a name of its own.")

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self.each]

    @property
    def width(self) -> int:
        """How many numbers a row becomes."""
        return sum(column.width for column in self.each)

    def encode(self, table: TableLike) -> NDArray[Any]:
        """The rows of a table as numbers, (rows, width), float32 where that holds them all, else float64.

        The columns are found by their names, in any order; others are left out.

        Raises:
            DataError: a column is missing or has another length, or a cell is not what its column can hold.
        """
        if absent := [name for name in self.names if name not in table]:
            raise DataError(f"there is no column {absent[0]!r}: the model has learnt from it, so give it.")
        blocks = [column.encode(table[column.name]) for column in self.each]
        check_lengths({column.name: len(block) for column, block in zip(self.each, blocks, strict=True)})
        return np.concatenate(blocks, axis=1)

    def decode(self, matrix: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The columns that numbers, (rows, width), stand for; see `Column.decode`.

        Raises:
            DataError: rows have another number of numbers.
        """
        if matrix.ndim != 2 or matrix.shape[1] != self.width:
            raise DataError(f"numbers of the shape {matrix.shape} are no rows of {self.width} numbers: give such rows.")
        return {column.name: column.decode(block) for column, block in self.blocks(matrix)}

    def blocks(self, matrix: NDArray[Any]) -> Iterator[tuple[Column, NDArray[Any]]]:
        """Each column with its own of these numbers, (rows, width of the column)."""
        start = 0
        for column in self.each:
            yield column, matrix[:, start : start + column.width]
            start += column.width

    def summary(self, matrix: NDArray[Any]) -> str:
        """In one line what rows hold, such as `42 real columns, 3 categories, 7 % missing; 1,797 rows`."""
        missing = float(np.mean([np.isnan(block[:, 0]) for _, block in self.blocks(matrix)]))
        return self.counted(len(matrix), missing)

    def counted(self, rows: int, missing: float) -> str:
        """`summary` of so many rows, of which this share of the cells is missing."""
        kinds = [column.kind for column in self.each]
        counts = [
            _counted(kinds.count("binary"), "binary column", "binary columns"),
            _counted(kinds.count("real"), "real column", "real columns"),
            _counted(kinds.count("category"), "category", "categories"),
        ]
        missing *= 100
        if missing:
            counts.append(f"{missing:.0f} % missing" if missing >= 1 else f"{missing:.1g} % missing")
        return f"{', '.join(filter(None, counts))}; {_counted(rows, 'row', 'rows')}"

    def constant(self, matrix: NDArray[Any]) -> list[str]:
        """The names of the columns that hold the same in all rows; each must be known in one row."""
        return [
            column.name
            for column, block in self.blocks(matrix)
            if (np.nanmax(block, axis=0) == np.nanmin(block, axis=0)).all()
        ]

    @property
    def description(self) -> list[dict[str, Any]]:
        """Enough to make the columns again with `from_description` (JSON values)."""
        return [column.description for column in self.each]

    @classmethod
    def from_description(cls, description: Any) -> "Columns":
        """The columns that `description` told of.

        Raises:
            DataError: it tells of no columns.
        """
        try:
            return cls(
                tuple(Column(str(one["name"]), one["kind"], tuple(one.get("values", ()))) for one in description)
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise DataError(f"this describes no columns ({one_line(repr(error))}): train the model again.") from None


def check_lengths(lengths: Mapping[str, int]) -> None:
    """`DataError` unless all columns have as many rows."""
    (first, rows), *others = lengths.items()
    for name, other in others:
        if other != rows:
            raise DataError(
                f"the column {first!r} has {rows:,} rows and the column {name!r} {other:,}: make them equal."
            )


def _counted(number: int, one: str, many: str) -> str:
    """A number with its noun; nothing for none."""
    return f"{number:,} {one if number == 1 else many}" if number else ""
