"""A whole training on minibatches against a plain loop written out."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from deepbelief.learning import MinibatchSettings, MinibatchTraining
from deepbelief.learning.backprop.classifier import Augmentation
from deepbelief.models.feedforward import FeedForward
from deepbelief.randomness import Random

EPOCHS, RATE, DECAY = 3, 0.05, 0.2


def network() -> FeedForward:
    return FeedForward([4, 6, 3], torch.tanh, Random(1)).double()


def noisy(values: torch.Tensor, labels: torch.Tensor, random: Random) -> torch.Tensor:
    """Noise that is the stronger, the higher the label."""
    return values + labels[:, None] * random.normal(values.shape).to(values)


@pytest.mark.parametrize("augment", [None, noisy])
def test_the_learning_rate_falls_to_0_from_batch_to_batch(augment: Augmentation | None) -> None:
    data, labels = Random(0).normal((23, 4)).double(), torch.arange(23) % 3
    settings = MinibatchSettings(
        epochs=EPOCHS, batch_size=10, learning_rate=RATE, weight_decay=DECAY, dropout=0.0, patience=0
    )
    found = network()
    held_out = data[:7], labels[:7]
    training = MinibatchTraining(found, (data, labels), settings, random=Random(2), held_out=held_out, augment=augment)
    records = list(training.epochs())

    net, random, losses, scores, batch = network(), Random(2), [], [], 0
    parameters = list(net.parameters())
    means, squares = ([torch.zeros_like(one) for one in parameters] for _ in range(2))
    for _ in range(EPOCHS):
        total = 0.0
        for rows in random.permutation(23).split(10):
            rate = RATE * (1 - batch / (3 * EPOCHS))
            batch += 1
            seen = data[rows] if augment is None else augment(data[rows], labels[rows], random)
            loss = cross_entropy(net(seen), labels[rows])
            total += loss.item() * len(rows)
            gradients = torch.autograd.grad(loss, parameters)
            for one, mean, square, gradient in zip(parameters, means, squares, gradients, strict=True):
                with torch.no_grad():  # AdamW (Loshchilov & Hutter 2019)
                    mean.lerp_(gradient, 0.1)
                    square.lerp_(gradient**2, 0.001)
                    one *= 1 - rate * DECAY
                    one -= rate * (mean / (1 - 0.9**batch)) / ((square / (1 - 0.999**batch)).sqrt() + 1e-8)
        losses.append(total / 23)
        scores.append(float((net(data[:7]).argmax(dim=1) == labels[:7]).double().mean()))
    for one, expected in zip(found.parameters(), parameters, strict=True):
        torch.testing.assert_close(one.detach(), expected.detach(), rtol=0, atol=1e-9)
    assert [record.loss for record in records] == pytest.approx(losses)
    assert [record.score for record in records] == pytest.approx(scores)


def test_without_a_seed_it_is_0() -> None:
    data, labels, ends = Random(0).normal((23, 4)), torch.arange(23) % 3, []
    for random in ({}, {"random": 0}):
        net = FeedForward([4, 3], torch.tanh, Random(1))
        list(MinibatchTraining(net, (data, labels), MinibatchSettings(epochs=1, patience=0), **random).epochs())  # type: ignore[arg-type]
        ends.append(net.linear(1).weight.detach())
    assert torch.equal(*ends)
