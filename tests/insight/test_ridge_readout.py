"""The quick read-out: it solves its problem, whatever the scale of the features."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from deepbelief.insight import ridge_readout
from deepbelief.models.feedforward import predict
from deepbelief.randomness import Random


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(1, 6), st.sampled_from([1e-4, 0.1, 10.0]))
def test_no_weights_come_nearer(seed: int, n: int, units: int, l2: float) -> None:
    """The gradient of the objective, written out, is 0."""
    random = Random(seed)
    features, labels = 5 + 3 * random.normal((n, units)).double(), random.permutation(n) % 3
    readout = ridge_readout(features, labels, 3, l2)
    std, mean = features.std(dim=0), features.mean(dim=0)
    weights = (readout.linear(1).weight * std).clone().requires_grad_()  # of standardised features
    bias = (readout.linear(1).bias + readout.linear(1).weight @ mean).clone().requires_grad_()
    wanted = torch.nn.functional.one_hot(labels, 3).double()
    distances = ((features - mean) / std @ weights.T + bias - wanted).square().sum(dim=1)
    for slope in torch.autograd.grad(distances.mean() + l2 * weights.square().sum(), [weights, bias]):
        torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-9, rtol=0)


def test_scale_and_place_of_the_features_change_nothing() -> None:
    features, labels = Random(0).uniform((50, 4)).double(), torch.arange(50) % 3
    scaled = features * torch.tensor([1.0, 100.0, 0.05, 7.0]) - 30
    logits = [ridge_readout(values, labels, 3, 0.01)(values) for values in (features, scaled)]
    torch.testing.assert_close(*logits)


def test_classes_that_a_line_can_tell_apart_are_told_apart() -> None:
    labels = torch.arange(60) % 2
    features = Random(0).normal((60, 5)) + 4 * labels[:, None]
    assert torch.equal(predict(ridge_readout(features, labels, 2, 0.01), features), labels)


def test_features_that_tell_nothing_leave_the_base_rates() -> None:
    for features in (torch.full((4, 3), 0.25), torch.zeros(1, 2)):
        labels = torch.tensor([0, 1, 1, 1])[: len(features)]
        rates = torch.bincount(labels, minlength=3).float() / len(labels)
        logits = ridge_readout(features, labels, 3, 0.01)(features)
        torch.testing.assert_close(logits, rates.expand_as(logits))
