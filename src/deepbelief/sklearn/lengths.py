"""How large the batches and how many the epochs are where a parameter says `auto`: by the number of rows."""

from typing import Final, Literal

from deepbelief.sklearn.parameters import count_of

Number = int | Literal["auto"]

_BATCHES: Final = 100  # an epoch has so many of them, unless they would be smaller or larger than these
_SMALLEST, _LARGEST = 10, 128


def batch_size_for(rows: int, wanted: Number = "auto") -> int:
    """Rows of an update: a hundredth of all, from 10 to 128.

    >>> batch_size_for(150), batch_size_for(2000), batch_size_for(60_000)
    (10, 20, 128)
    """
    if wanted == "auto":
        return min(_LARGEST, max(_SMALLEST, rows // _BATCHES))
    return count_of("batch_size", wanted, 1)


def epochs_for(rows: int, batch_size: int, updates: int, bounds: tuple[int, int], wanted: Number = "auto") -> int:
    """How often all rows are gone through: so many updates, within bounds of the epochs.

    >>> [epochs_for(rows, batch_size_for(rows), 3000, (10, 100)) for rows in (150, 2000, 60_000)]
    [100, 30, 10]
    """
    fewest, most = bounds
    return min(most, max(fewest, -(-updates // -(-rows // batch_size)))) if wanted == "auto" else wanted
