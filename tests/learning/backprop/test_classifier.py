"""Training from labels: gradients, full-batch steps by hand, early stopping, dropout, exact resumption."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from deepbelief.checkpoint import load_state, save_state
from deepbelief.data import TensorSource
from deepbelief.errors import DataError, DeepBeliefError, SettingsError
from deepbelief.learning.backprop import classifier
from deepbelief.learning.backprop.classifier import (
    FullBatchSettings,
    FullBatchTraining,
    MinibatchSettings,
    MinibatchTraining,
)
from deepbelief.models.feedforward import FeedForward, accuracy, predict
from deepbelief.models.labelled import LabelledRBM
from deepbelief.models.units import Bernoulli
from deepbelief.randomness import Random


def problem(n: int = 90, seed: int = 0) -> tuple[TensorSource, torch.Tensor]:
    """Three clouds in five dimensions."""
    random = Random(seed, "problem")
    labels = torch.arange(n) % 3
    values = random.normal((n, 5)) + 3 * torch.nn.functional.one_hot(labels, 5)
    return TensorSource(values), labels


def network(seed: int = 0) -> FeedForward:
    return FeedForward([5, 8, 3], torch.relu, Random(seed, "network"))


def weights(module: torch.nn.Module) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in module.state_dict().values()]


def test_start_is_pytorchs_own() -> None:
    layer = FeedForward([400, 300], torch.relu, Random(0)).linear(1)
    for values in (layer.weight, layer.bias):
        assert values.abs().max() <= 1 / 20
        assert values.std().item() == pytest.approx(1 / 20 / 3**0.5, rel=0.1)


@pytest.mark.parametrize("sizes", [[5, 8, 3], [5, 3]])
@pytest.mark.parametrize("chunk", [90, 32, 7])
def test_full_batch_steps_are_the_formula_whatever_the_chunk(
    monkeypatch: pytest.MonkeyPatch, chunk: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(classifier, "_CHUNK", chunk)
    source, labels = problem()
    ours, theirs = (FeedForward(sizes, torch.relu, Random(0)).double() for _ in range(2))
    training = FullBatchTraining(
        ours,
        (TensorSource(source.values.double()), labels),
        FullBatchSettings(steps=5, learning_rate=0.1, momentum=0.9),
    )
    losses = [record.loss for record in training.epochs()]

    velocity = [torch.zeros_like(parameter) for parameter in theirs.parameters()]
    for step in range(5):
        loss = cross_entropy(theirs(source.values.double()), labels)
        assert losses[step] == pytest.approx(loss.item(), rel=1e-12)
        gradients = torch.autograd.grad(loss, list(theirs.parameters()))
        with torch.no_grad():
            for parameter, v, gradient in zip(theirs.parameters(), velocity, gradients, strict=True):
                v.mul_(0.9).sub_(0.1 * gradient)
                parameter.add_(v)
    for a, b in zip(weights(ours), weights(theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def full_batch(seed: int = 0, products: torch.dtype | None = None) -> tuple[FeedForward, FullBatchTraining]:
    net = network(seed)
    return net, FullBatchTraining(net, problem(), FullBatchSettings(steps=6, learning_rate=0.1), products=products)


def minibatch(
    seed: int = 0, patience: int = 3, epochs: int = 6, products: torch.dtype | None = None
) -> tuple[FeedForward, MinibatchTraining]:
    net = network(seed)
    settings = MinibatchSettings(epochs=epochs, batch_size=16, learning_rate=0.01, dropout=0.3, patience=patience)
    return net, MinibatchTraining(
        net, problem(), settings, random=Random(seed, "minibatch"), held_out=problem(30, seed=1), products=products
    )


@pytest.mark.parametrize("make", [full_batch, minibatch])
@pytest.mark.parametrize("stop_after", [0, 1, 4, 6])
def test_a_restored_training_ends_bit_for_bit_the_same(
    tmp_path: object, make: object, stop_after: int, products: torch.dtype
) -> None:
    whole, training = make(products=products)  # type: ignore[operator]
    list(training.epochs())
    _, interrupted = make(products=products)  # type: ignore[operator]
    steps = interrupted.epochs()
    for _ in range(min(stop_after, len(training.records))):
        next(steps)
    path = tmp_path / "state"  # type: ignore[operator]
    save_state(path, interrupted.state())
    resumed, going_on = make(seed=99, products=products)  # type: ignore[operator]
    going_on.restore(load_state(path))
    list(going_on.epochs())
    assert going_on.records == training.records
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(resumed), strict=True))


def test_minibatches_learn_the_problem(products: torch.dtype) -> None:
    net, training = minibatch(epochs=20, patience=20, products=products)
    list(training.epochs())
    assert accuracy(net, *problem(300, seed=2)) > 0.9


def test_early_stopping_keeps_the_best_epoch() -> None:
    net, training = minibatch(epochs=40, patience=2)
    seen = []
    for record in training.epochs():
        seen.append((record.score, weights(net)))
    best = max(range(len(seen)), key=lambda epoch: (seen[epoch][0], -epoch))
    assert training.best_epoch == best + 1
    assert len(seen) == best + 1 + 2 < 40
    assert all(torch.equal(a, b) for a, b in zip(weights(net), seen[best][1], strict=True))


def test_without_patience_the_last_epoch_is_kept_and_still_measured() -> None:
    net, training = minibatch(patience=0)
    last = [weights(net) for _ in training.epochs()][-1]
    assert len(training.records) == training.best_epoch == 6
    assert all(record.score is not None for record in training.records)
    assert all(torch.equal(a, b) for a, b in zip(weights(net), last, strict=True))


def test_dropout_keeps_the_mean_and_is_off_outside_training() -> None:
    net = FeedForward([5, 2000, 3], torch.relu, Random(1))
    values = problem()[0].values[:4]
    random = Random(2)
    with torch.no_grad():
        drawn = torch.stack([net.forward_with_dropout(values, 0.4, random) for _ in range(300)])
        torch.testing.assert_close(drawn.mean(dim=0), net(values), atol=0.05, rtol=0.05)
        assert drawn.std(dim=0).min() > 0
        assert torch.equal(net.forward_with_dropout(values, 0.0, random), net(values))


def test_values_that_are_left_out_are_drawn_anew_at_each_sight() -> None:
    source, labels = problem(30)
    net, random = FeedForward([5, 3], torch.relu, Random(1)), Random(7)
    losses = []
    for _ in range(2):
        rows = random.permutation(30)
        values = source.values[rows]
        left = values * random.dropout_mask(values, 0.4)
        losses.append(float(cross_entropy(net(left), labels[rows]).detach()))
    assert len(set(losses)) == 2
    settings = MinibatchSettings(epochs=2, batch_size=30, learning_rate=1e-30, input_dropout=0.4, patience=0)
    training = MinibatchTraining(net, (source, labels), settings, random=7)
    assert [record.loss for record in training.epochs()] == pytest.approx(losses, rel=1e-6)


def test_label_smoothing_asks_for_a_part_of_every_class() -> None:
    net, (source, labels) = network(), problem()
    log_probabilities = net(source.batch(slice(0, len(source)))).log_softmax(dim=1).detach()
    classes = log_probabilities.shape[1]
    targets = 0.7 * torch.nn.functional.one_hot(labels, classes) + 0.3 / classes
    settings = MinibatchSettings(epochs=1, learning_rate=1e-30, label_smoothing=0.3, patience=0)
    (record,) = MinibatchTraining(net, (source, labels), settings).epochs()
    assert record.loss == pytest.approx(float(-(targets * log_probabilities).sum(dim=1).mean()), rel=1e-6)


def test_predictions_do_not_depend_on_the_batch_size() -> None:
    net, (source, labels) = network(), problem()
    assert torch.equal(predict(net, source, 7), predict(net, source, 90))
    assert accuracy(net, source, labels) == (predict(net, source) == labels).double().mean()


def test_batches_come_as_the_parameters_are() -> None:
    source, _ = problem()
    assert torch.equal(predict(network().double(), source), predict(network(), source))
    moved = LabelledRBM(Bernoulli(5), 3, Bernoulli(4), Random(0)).to("meta")
    assert predict(moved, source).is_meta
    assert predict(lambda values: values, source).device == source.values.device


def test_faults_are_refused() -> None:
    source, labels = problem()
    with pytest.raises(DataError, match="90 items have 89 labels"):
        FullBatchTraining(network(), (source, labels[:-1]), FullBatchSettings())
    with pytest.raises(SettingsError, match="needs held-out items"):
        MinibatchTraining(network(), (source, labels), MinibatchSettings(), random=Random(0))
    with pytest.raises(DeepBeliefError, match=r"diverged at step \d+"):
        huge = FullBatchSettings(steps=50, learning_rate=1e30)
        list(FullBatchTraining(network(), (source, labels), huge).epochs())
