"""Checks that data fit a model, made once before learning."""

from collections.abc import Callable
from functools import partial
from typing import Final

import torch

from deepbelief.arrays import check_range
from deepbelief.data import Source, SourceLike, as_source
from deepbelief.errors import DataError, SettingsError
from deepbelief.models.missing import check_known_values
from deepbelief.models.units import Bernoulli, Units

_VALUES: Final = 2**18  # per batch, so that it stays in the processor's cache


Check = Callable[[Source, Units], None]
"""Raises a `DataError` if there are no items, or the units cannot take one of their values."""


def check_values(source: Source, units: Units) -> None:
    """`DataError` if there are no items, or one has a value that these units cannot take; it names the first."""
    _check_batches(source, units.bias.dtype, units.check_values)


def check_known(source: Source, units: Units) -> None:
    """`check_values` of all values but those that are missing (NaN); a categorical group is missing as a whole."""
    _check_batches(source, units.bias.dtype, partial(check_known_values, units))


def fitting(given: SourceLike, units: Units, model: str, what: str = "data", check: Check = check_values) -> Source:
    """The data as a source, after `check_width` and a check of the values."""
    source = as_source(given)
    check_width(source, units, model, what)
    check(source, units)
    return source


def fitting_held_out(given: SourceLike | None, units: Units, model: str, check: Check = check_values) -> Source | None:
    """`fitting` of held-out data; None if there are none."""
    source = None if given is None else as_source(given)
    return fitting(source, units, model, "held-out data", check) if source is not None and len(source) else None


def check_width(source: Source, seen: Units | int, model: str, what: str = "data") -> None:
    """`SettingsError` unless an item has as many values as the model sees: these units, or this number."""
    width, variables = (seen, seen) if isinstance(seen, int) else (seen.size, len(seen.variable_sizes))
    if source.width == width:
        return
    if source.width == variables:
        raise SettingsError(
            f"{model} sees {width} values, the {what} have {variables}, one for each variable: give one-hot values, as "
            "torch.nn.functional.one_hot makes them of categories."
        )
    raise SettingsError(f"{model} sees {width} values, the {what} have {source.width}: make them equal.")


def check_probabilities(source: Source | None) -> None:
    """`DataError` if a known value of these items is no probability; the first one is named."""
    if source is not None:
        check_known(source, Bernoulli(source.width))


def check_finite(source: Source, dtype: torch.dtype) -> None:
    """`DataError` if there are no items, or one has a value that is NaN or infinite as `dtype`."""
    _check_batches(source, dtype, partial(check_range, wanted="only finite values can be learnt from"))


@torch.no_grad()
def _check_batches(source: Source, dtype: torch.dtype, check: Callable[..., None]) -> None:
    n = len(source)
    if not n:
        raise DataError("there are no items: give at least 1.")
    size = min(n, max(1, _VALUES // max(1, source.width)))
    read = source.reader(size, dtype)
    for start in range(0, n, size):
        check(read(slice(start, min(start + size, n))), item=start)
