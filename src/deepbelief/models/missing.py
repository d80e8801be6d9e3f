"""Missing values of items: NaN, and in a categorical group the whole of it."""

import torch
from torch import Tensor

from deepbelief.arrays import count_missing
from deepbelief.errors import DataError
from deepbelief.models.units import Units


def known_values(units: Units, values: Tensor, item: int = 0) -> Tensor:
    """Which values are there, i.e. not NaN: bool, the shape of `values`, (batch, size).

    Args:
        units: that the values are of.
        values: (batch, size).
        item: number of the first item, counted from 0, for the message.

    Raises:
        DataError: only a part of a categorical group is missing.
    """
    known = ~values.isnan()
    broken = broken_groups(units, known)
    if len(broken):
        row, at = broken[0].tolist()
        raise DataError(
            f"item {item + row} has NaN at only one of the positions {at} and {at + 1}, which are one categorical "
            "group: let the whole group be missing, or none of it."
        )
    return known


def check_known_values(units: Units, values: Tensor, item: int = 0) -> None:
    """`Units.check_values` of the values that are there, which must be all or nothing of a categorical group."""
    if count_missing(values):
        anything = units.mean(-units.bias.detach()[None])  # which the units can take
        values = torch.where(known_values(units, values, item), values, anything)
    units.check_values(values, item)


def broken_groups(units: Units, known: Tensor) -> Tensor:
    """Where a value is known and the next one of the same variable is not, or the reverse: indices into `known`."""
    if len(units.variable_sizes) == units.size:
        return known.new_zeros(0, known.ndim, dtype=torch.int64)
    variable = units.variable_of_each()
    inside = variable[1:] == variable[:-1]
    return (inside & (known[..., 1:] != known[..., :-1])).nonzero()


def known_variables(units: Units, values: Tensor) -> Tensor:
    """Which variables are there, of values in which all of a variable is missing or nothing: bool, (batch, variables).

    A variable is a unit or a group of categorical units.
    """
    ends = torch.tensor(units.variable_sizes, device=values.device).cumsum(dim=0) - 1
    return ~values[..., ends].isnan()


def without_missing(values: Tensor) -> Tensor:
    """The same values with 0 for NaN, so that what is missing sends nothing to the other layer; differentiable."""
    return torch.where(values.isnan(), 0.0, values)
