"""What kind of units the columns of a table are for."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final, Literal, get_args

import torch

from deepbelief.data import Source, in_batches
from deepbelief.errors import SettingsError
from deepbelief.models.units import Bernoulli, Gaussian, Joint, Units

Kind = Literal["binary", "real"]
"""Of a column: `binary` for states and probabilities from 0 to 1, `real` for numbers of any size."""

_KINDS: Final = {"binary": Bernoulli, "real": Gaussian}
_ITEMS: Final = 1000  # looked at together


def kinds_of(source: Source, wanted: Any) -> list[Kind]:
    """Of each column the kind of its units.

    Args:
        source: the items.
        wanted: a kind for all columns, a list of one for each, or `auto`: binary where all values are from 0 to 1.

    Raises:
        SettingsError: it is none of these.
    """
    if isinstance(wanted, str) and wanted == "auto":
        return recognised(source)
    kinds: list[Any] = [wanted] * source.width if isinstance(wanted, str) else list(wanted)
    if unknown := [kind for kind in kinds if kind not in get_args(Kind)]:
        raise SettingsError(
            f"units has {unknown[0]!r}: give 'auto', 'binary', 'real', or one of the last two a column."
        )
    if len(kinds) != source.width:
        raise SettingsError(f"units names {len(kinds)} columns, and there are {source.width}: name each of them.")
    return kinds


def recognised(source: Source) -> list[Kind]:
    """`binary` for columns with values from 0 to 1 only, `real` for the others."""
    low, high = torch.full((source.width,), torch.inf), torch.full((source.width,), -torch.inf)
    for batch in in_batches(source, _ITEMS):
        low, high = torch.minimum(low, batch.amin(dim=0)), torch.maximum(high, batch.amax(dim=0))
    return ["binary" if fits else "real" for fits in ((low >= 0) & (high <= 1)).tolist()]


def units_of(kinds: Sequence[Kind]) -> Units:
    """Visible units for columns of these kinds, in their order."""
    parts = [_KINDS[kind](len(list(same))) for kind, same in groupby(kinds)]
    return parts[0] if len(parts) == 1 else Joint(*parts)
