"""Maps of items: exact where they are flat already, and neighbours kept where they are not."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepbelief.insight.embedding import principal_components, tsne
from deepbelief.insight.neighbours import nearest_others
from deepbelief.randomness import Random


def test_flat_items_keep_all_distances() -> None:
    flat = Random(0).normal((30, 2)).double() * torch.tensor([3.0, 1.0])
    turned = flat @ torch.linalg.qr(Random(1).normal((7, 7)).double())[0][:2] + 5
    points, share = principal_components(turned)
    torch.testing.assert_close(torch.pdist(points.double()), torch.pdist(flat), rtol=1e-4, atol=1e-5)
    assert share == pytest.approx(1)
    assert points[:, 0].var() > points[:, 1].var()


def test_the_share_of_the_variance_is_that_of_the_largest_eigenvalues() -> None:
    values = Random(0).normal((40, 6)).double()
    eigenvalues = torch.linalg.eigvalsh(torch.cov(values.T))
    assert principal_components(values)[1] == pytest.approx(float(eigenvalues[-2:].sum() / eigenvalues.sum()))


def test_tsne_keeps_neighbours_that_two_components_lose() -> None:
    random, groups = Random(0), torch.arange(96) % 12
    values = 4 * torch.eye(12)[groups] + random.normal((96, 12), 0.3)  # the corners of a simplex: flat they overlap
    start, share = principal_components(values)
    placed = tsne(values, start)
    kept, flat = (float((groups[nearest_others(of, 5)] == groups[:, None]).double().mean()) for of in (placed, start))
    assert kept == 1 and flat < 0.8 and share < 0.5


def test_a_map_is_the_same_each_time_and_draws_no_global_random_numbers() -> None:
    values = Random(5).uniform((40, 5))
    start, _ = principal_components(values)
    threads, first = torch.get_num_threads(), tsne(values, start)
    np.random.seed(1)
    state = np.random.get_state()[1].tolist()
    assert torch.equal(tsne(values, start), first)
    assert np.random.get_state()[1].tolist() == state
    assert torch.get_num_threads() == threads


@settings(max_examples=12)
@given(st.sampled_from([2, 3, 7]), st.integers(1, 4), st.sampled_from(["any", "alike", "twins"]))
def test_few_items_of_any_kind_have_a_map(n: int, width: int, kind: str) -> None:
    values = Random(n).uniform((n, width))
    if kind != "any":
        values[kind == "twins" :] = values[-1].clone()
    points, share = principal_components(values)
    assert points.shape == tsne(values, points).shape == (n, 2)
    assert points.isfinite().all() and tsne(values, points).isfinite().all()
    assert 0 < share <= 1 + 1e-6


def test_the_nearest_others_leave_out_the_item_itself() -> None:
    random = Random(0)
    items = random.normal((30, 4)).double()
    distances = torch.cdist(items, items).fill_diagonal_(torch.inf)
    assert torch.equal(nearest_others(items, 5), distances.argsort(dim=1)[:, :5])
    for alike in (torch.ones(6, 2), items[:3]):
        found = nearest_others(alike, 4)
        assert found.shape == (len(alike), min(4, len(alike) - 1))
        assert not (found == torch.arange(len(alike))[:, None]).any()
