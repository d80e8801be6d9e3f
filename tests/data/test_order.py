"""The order of an epoch whose items are read in runs: each of them once, mixed, and the same of the same seed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepbelief import Random
from deepbelief.data.order import Runs, order_of

N = 60_000


def runs_of(length: int, window: int, n: int = N) -> Runs:
    return Runs(torch.tensor([*range(0, n, length), n]), window)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30).filter(any), st.integers(1, 50), st.integers(0, 9))
def test_each_item_comes_once_and_windows_hold_whole_runs_but_at_their_ends(
    lengths: list[int], window: int, seed: int
) -> None:
    starts = torch.tensor([0, *lengths]).cumsum(0)
    runs = Runs(starts, window)
    order = order_of(int(starts[-1]), None, Random(seed), runs)
    assert order.sort().values.tolist() == list(range(sum(lengths)))
    assert torch.equal(order, order_of(len(order), None, Random(seed), runs))
    for part in torch.split(order, window):
        pieces = 1 + int((part.sort().values.diff() > 1).sum())
        belongs = torch.searchsorted(starts, part, right=True).unique()
        assert pieces <= len(belongs)  # each run of the window is read in one piece


def test_two_epochs_have_other_orders_and_the_random_numbers_go_on() -> None:
    random, runs = Random(0), runs_of(100, 5000)
    first = order_of(N, None, random, runs)
    state = random.state()
    second = order_of(N, None, random, runs)
    assert not torch.equal(first, second)
    random.restore(state)
    assert torch.equal(second, order_of(N, None, random, runs))


def test_neighbours_in_learning_were_as_far_apart_as_if_all_were_shuffled() -> None:
    position = order_of(N, None, Random(0), runs_of(100, 12_800)).double()
    place = torch.arange(N).double()
    assert abs(float(torch.corrcoef(torch.stack([place, position]))[0, 1])) < 0.1
    # Of two independent uniform places the distance is n / 3 on average, and 1 of a hundred lies within n / 200.
    distances = position.diff().abs() / N
    assert float(distances.mean()) == pytest.approx(1 / 3, abs=0.01)
    assert float((distances < 1 / 200).double().mean()) == pytest.approx(0.01, abs=0.01)


def test_batches_of_sorted_classes_hold_all_of_them() -> None:
    """Shares of ten sorted classes: they vary in a batch as in a draw of 128, and of the window's runs."""
    classes = torch.arange(N) * 10 // N

    def spread(runs: Runs | None) -> float:
        batches = classes[order_of(N, None, Random(0), runs)][: N // 128 * 128].view(-1, 128)
        shares = torch.nn.functional.one_hot(batches, 10).double().mean(dim=1)
        return float(shares.var(dim=0, correction=0).mean())

    of_draw = 0.1 * 0.9 / 128
    assert spread(None) == pytest.approx(of_draw, rel=0.1)
    assert spread(runs_of(100, 12_800)) == pytest.approx(of_draw + 0.1 * 0.9 / 128, rel=0.35)  # 128 runs in a window
    assert spread(runs_of(1000, 4000)) > 10 * of_draw  # four runs are too few


def test_items_with_weights_come_as_often_as_without_runs() -> None:
    weights = torch.tensor([3.0, 0, 1, 0, 0, 2, 1, 1])
    order = order_of(8, weights, Random(1), runs_of(2, 4, 8))
    assert order.bincount(minlength=8).tolist() == [3, 0, 1, 0, 0, 2, 1, 1]
