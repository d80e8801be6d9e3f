"""What estimators do with parameters that may be written in several ways, and what they say of impossible ones."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

from deepbelief.errors import SettingsError

Sizes = int | Sequence[int]


def sizes_of(hidden_layer_sizes: Sizes) -> list[int]:
    """Numbers of hidden units from layer 1 up; one number is one layer, as in scikit-learn.

    >>> sizes_of(100), sizes_of((100, 50))
    ([100], [100, 50])
    """
    found = [*hidden_layer_sizes] if isinstance(hidden_layer_sizes, Iterable) else [hidden_layer_sizes]
    if not found or not all(isinstance(size, Integral) and size > 0 for size in found):
        raise SettingsError(
            f"hidden_layer_sizes is {hidden_layer_sizes!r}: give a whole number from 1 for each layer: (256, 256)."
        )
    return [int(size) for size in found]


def fields_of(name: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """A parameter that holds settings by name; None is none of them.

    >>> fields_of("settings", None)
    {}
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise SettingsError(f"{name} is {given!r}: give a dict of settings by name, or None.")
    return dict(given)


def count_of(name: str, given: Any, least: int) -> int:
    """A whole number from `least` on."""
    if not isinstance(given, Integral) or given < least:
        raise SettingsError(f"{name} is {given!r}: give a whole number from {least}.")
    return int(given)
