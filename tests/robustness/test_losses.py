"""What attacks make large."""

import pytest
import torch

from deepbelief.randomness import Random
from deepbelief.robustness import TargetedRatio, cross_entropy, logits_ratio, margin

logits = torch.tensor([[2.0, -1.0, 0.5, 1.0], [0.0, 3.0, 1.0, -2.0]], dtype=torch.float64)
labels = torch.tensor([0, 2])


def test_by_hand() -> None:
    total = logits.exp().sum(dim=1).log()
    assert cross_entropy(logits, labels) == pytest.approx((total - logits[[0, 1], labels]).numpy())
    assert margin(logits, labels).tolist() == [-1, 2]
    # The largest less the third largest: 2 - 0.5 and 3 - 0.
    assert logits_ratio(logits, labels) == pytest.approx([-1 / 1.5, 2 / 3])
    assert logits_ratio(torch.tensor([[1.0, 3.0]]), torch.tensor([0])).item() == pytest.approx(1)
    # The target less the true one, over the largest less the mean of the third and the fourth.
    assert TargetedRatio(1)(logits, labels) == pytest.approx([-3 / (2 + 0.25), 2 / (3 + 1)])


@pytest.mark.parametrize(("row", "expected"), [([1.0, 4.0], -1), ([1.0, 4.0, 2.0], -3 / 3)])
def test_of_few_classes_the_last_stands_in_for_those_that_are_missing(row: list[float], expected: float) -> None:
    assert TargetedRatio(0)(torch.tensor([row]), torch.tensor([1])).item() == pytest.approx(expected)


def test_the_ratio_does_not_know_the_scale_of_logits() -> None:
    for loss in (logits_ratio, TargetedRatio(3)):
        assert loss(1000 * logits + 7, labels) == pytest.approx(loss(logits, labels))


@pytest.mark.parametrize("loss", [margin, logits_ratio])
def test_above_zero_is_wrong(loss) -> None:
    many, true = Random(0).normal((300, 5)), Random(1).uniform((300,), 0, 5).long()
    assert torch.equal(loss(many, true) > 0, many.argmax(dim=1) != true)


@pytest.mark.parametrize("loss", [cross_entropy, margin, logits_ratio])
def test_a_better_answer_is_a_smaller_loss(loss) -> None:
    gradient = torch.func.grad(lambda x: loss(x, labels).sum())(logits)
    assert (gradient.gather(1, labels[:, None]) < 0).all()
