"""Receptive fields, class trees, confusions and neighbours against small cases worked out another way."""

import numpy as np
import pytest
import torch

from deepbelief.insight.classes import class_means, class_tree, confusion, most_confused
from deepbelief.insight.neighbours import nearest
from deepbelief.insight.receptive_fields import receptive_fields, scaled_each
from deepbelief.models.dbn import DBN
from deepbelief.randomness import Random


def test_fields_are_the_references_formula() -> None:
    dbn = DBN.from_sizes([6, 5, 4], Random(0), weight_std=0.3).double()
    w1, w2 = (dbn.layer(layer).weights.detach().numpy().copy() for layer in (1, 2))
    w1[np.abs(w1) <= 0.1] = 0
    w2[np.abs(w2) <= 0.1] = 0
    deep = w1 @ w2
    deep[np.abs(deep) <= 0.1] = 0
    for layer, expected in ((1, w1), (2, deep)):
        scaled = (expected - expected.min()) / (expected.max() - expected.min())
        np.testing.assert_allclose(receptive_fields(dbn, layer).numpy(), scaled.T)


def test_fields_of_a_blank_network_are_blank() -> None:
    fields = receptive_fields(DBN.from_sizes([6, 5], Random(0), weight_std=1e-9), 1)
    assert torch.isfinite(fields).all()


def test_pictures_scaled_by_themselves_have_grey_for_nothing_and_one_end() -> None:
    pictures = torch.tensor([[2.0, -4.0, 0.0], [1e-9, 0.0, 0.0], [0.0, 0.0, 0.0]])
    expected = torch.tensor([[0.75, 0.0, 0.5], [1.0, 0.5, 0.5], [0.5, 0.5, 0.5]])
    torch.testing.assert_close(scaled_each(pictures), expected)


def test_class_means_and_tree() -> None:
    values = torch.tensor([[0.0, 0.0], [2.0, 0.0], [10.0, 0.0], [12.0, 0.0], [0.0, 3.0]])
    means = class_means(values, torch.tensor([0, 0, 1, 1, 2]), 3)
    assert means.tolist() == [[1.0, 0.0], [11.0, 0.0], [0.0, 3.0]]
    tree = class_tree(means)
    assert tree[0, :2].tolist() == [0, 2]  # the two near ones first
    assert tree[1, 2] == pytest.approx(np.hypot(11, 3))  # complete linkage: the farthest pair


def test_confusion_rows_are_shares() -> None:
    labels, predicted = torch.tensor([0, 0, 0, 0, 1, 1]), torch.tensor([0, 0, 2, 2, 1, 0])
    matrix = confusion(labels, predicted, 3)
    np.testing.assert_allclose(matrix, [[0.5, 0, 0.5], [0.5, 0.5, 0], [0, 0, 0]])
    assert most_confused(matrix) == (0, 2, 0.5)
    assert most_confused(np.eye(3))[2] == 0


def test_neighbours_are_the_nearest() -> None:
    random = Random(0)
    queries, among = random.normal((7, 4)).double(), random.normal((50, 4)).double()
    expected = torch.cdist(queries, among).argsort(dim=1)[:, :5]
    assert torch.equal(nearest(queries, among, 5, chunk=3), expected)
