"""The figures of an epoch's record, of whatever training."""

from dataclasses import fields
from typing import Any


def figures_of(record: Any) -> dict[str, float]:
    """The numbers of a record by name, but for layer and epoch: of a dictionary each entry, of a list the last one.

    >>> from deepbelief.learning import EpochRecord
    >>> figures_of(EpochRecord(layer=1, epoch=2, reconstruction_error=0.5, monitors={"free_energy_gap": 0.25}))
    {'reconstruction_error': 0.5, 'free_energy_gap': 0.25}
    """
    figures: dict[str, float] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, dict):
            figures |= value
        elif isinstance(value, list):
            figures[field.name] = value[-1]
        elif isinstance(value, int | float) and field.name not in ("layer", "epoch"):
            figures[field.name] = value
    return {name: int(value) if isinstance(value, bool) else value for name, value in figures.items()}


def place_of(record: Any) -> dict[str, int]:
    """The layer, if the record is of one, and the epoch."""
    return {name: getattr(record, name) for name in ("layer", "epoch") if hasattr(record, name)}
