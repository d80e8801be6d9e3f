"""Figures about generated images, worked out by hand."""

import torch

from deepbelief.insight.generated import class_shares, share_taken, spread, unevenness


def test_shares_of_classes() -> None:
    assert class_shares(torch.tensor([2, 0, 2, 2]), 4).tolist() == [0.25, 0, 0.75, 0]
    taken = share_taken(torch.tensor([0, 1, 1, 1, 0]), torch.tensor([0, 0, 1, 1, 1]), 3)
    torch.testing.assert_close(taken, torch.tensor([0.5, 2 / 3, torch.nan]).double(), equal_nan=True)


def test_the_spread_of_a_class_is_the_mean_distance_of_its_pairs() -> None:
    images = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 4.0], [1.0, 1.0], [1.0, 1.0], [9.0, 9.0]])
    found = spread(images, torch.tensor([0, 0, 0, 1, 1, 3]), 4)
    torch.testing.assert_close(found, torch.tensor([4.0, 0.0, torch.nan, torch.nan]).double(), equal_nan=True)


def test_unevenness_is_the_total_variation_distance() -> None:
    even = torch.full((4,), 0.25)
    assert unevenness(even, even) == 0
    assert unevenness(torch.tensor([1.0, 0, 0, 0]), even) == 0.75
    assert unevenness(torch.tensor([1.0, 0]), torch.tensor([0, 1.0])) == 1
