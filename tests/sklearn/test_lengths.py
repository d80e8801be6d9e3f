"""Batches and epochs by the number of rows."""

import pytest

from deepbelief.sklearn.lengths import batch_size_for, epochs_for


@pytest.mark.parametrize(("rows", "size"), [(1, 10), (999, 10), (1500, 15), (12_800, 128), (10**7, 128)])
def test_batches_are_a_hundredth_of_the_rows_within_bounds(rows: int, size: int) -> None:
    assert batch_size_for(rows) == size
    assert batch_size_for(rows, 7) == 7


def test_epochs_give_the_updates_wanted_within_bounds() -> None:
    assert epochs_for(1005, 10, 2020, (1, 100)) == 20  # of 101 batches, the last one smaller
    assert epochs_for(1005, 10, 2021, (1, 100)) == 21
    assert epochs_for(20, 10, 2000, (10, 100)) == 100
    assert epochs_for(60_000, 128, 2000, (10, 100)) == 10
    assert epochs_for(20, 10, 2000, (10, 100), 3) == 3
