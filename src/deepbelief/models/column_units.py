"""Visible units for the columns of a table."""

from collections.abc import Iterable
from itertools import groupby

from deepbelief.data.columns import Columns
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, Joint, Units


def units_of_columns(columns: Columns) -> Units:
    """Visible units for the numbers that `Columns.encode` gives, in their order.

    Binary columns are Bernoulli units, real ones Gaussian units, each category column a group of Categorical units.

    >>> from deepbelief.data.columns import Column
    >>> units_of_columns(Columns((Column("age", "real"), Column("colour", "category", ("blue", "red")))))
    Joint(
      (parts): ModuleList(
        (0): Gaussian(1)
        (1): Categorical(1 groups of 2)
      )
    )
    """
    return units_of_blocks((column.kind, column.width) for column in columns.each)


def units_of_blocks(blocks: Iterable[tuple[str, int]]) -> Units:
    """Visible units for neighbouring numbers that belong together, by their kind and how many they are, in order."""
    parts = [_units(kind, width, len(list(same))) for (kind, width), same in groupby(blocks)]
    return parts[0] if len(parts) == 1 else Joint(*parts)


def _units(kind: str, width: int, columns: int) -> Units:
    """Units for so many neighbouring columns of a kind."""
    if kind == "real":
        return Gaussian(columns)
    if kind == "binary" or width == 1:  # the only category there is: a unit that is always on
        return Bernoulli(columns)
    return Categorical(columns, width)
