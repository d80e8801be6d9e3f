"""What is kept of a training beside the model that it made."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from deepbelief.errors import SettingsError
from deepbelief.learning.course import AnyRecord


def training_summary(settings: Any, records: Sequence[AnyRecord], kept: int | None = None) -> dict[str, Any]:
    """Settings, number of epochs and figures of one training, as JSON values to keep in a model's file.

    Args:
        settings: of the training, such as `RBMSettings`.
        records: of its epochs; of a DBN's pre-training those of one layer.
        kept: the epoch whose parameters the model has, whose figures are told; the last one if None.

    Returns:
        `method`, the settings' name; `settings`; `epochs`, how many there were; `kept`; and `figures`, the numbers of
        that epoch's record, with None for those that are NaN or infinite.

    Raises:
        SettingsError: there is no record, or none of the epoch that was kept.

    >>> import torch
    >>> from deepbelief import DBN, Pretraining, RBMSettings, save_dbn
    >>> dbn, settings = DBN.from_sizes([6, 4], 0), RBMSettings(epochs=2)
    >>> training = Pretraining(dbn, torch.rand(10, 6), settings)
    >>> records = list(training.epochs())
    >>> training_summary(settings, records)["epochs"]
    2

    `save_dbn("dbn.safetensors", dbn, training=[training_summary(settings, records)])` then keeps it, a list of one
    summary for each layer.
    """
    told: list[Any] = [record for record in records if kept in (None, record.epoch)]
    if not told:
        raise SettingsError(f"there is no record of epoch {kept or 1}: give those of all epochs of a training.")
    return {
        "method": type(settings).__name__,
        "settings": dataclasses.asdict(settings),
        "epochs": len(records),
        "kept": told[-1].epoch,
        "figures": _figures(dataclasses.asdict(told[-1])),
    }


def _figures(values: dict[str, Any]) -> dict[str, float | None]:
    """The real numbers among the values of a record, those of a dictionary in it included."""
    found: dict[str, float | None] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _figures(value)
        elif isinstance(value, float):
            found[name] = value if math.isfinite(value) else None
    return found
