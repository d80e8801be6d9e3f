"""Items that count more or less: how often each is seen, that every training follows, and exact fits."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from deepbelief.data import Labelled, Weighted, evenly_spaced
from deepbelief.data.order import by_weight, order_of
from deepbelief.errors import DataError
from deepbelief.learning import (
    AutoencoderSettings,
    AutoencoderTraining,
    ConvergedSettings,
    ConvergedTraining,
    FullBatchSettings,
    FullBatchTraining,
    HybridSettings,
    HybridTraining,
    JointTraining,
    MinibatchSettings,
    MinibatchTraining,
    Pretraining,
    RBMSettings,
    RBMTraining,
    RegressionSettings,
    RegressionTraining,
    UpDownSettings,
    UpDownTraining,
)
from deepbelief.likelihood import AISSettings, evaluate
from deepbelief.models.autoencoder import unroll
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward, accuracy, balanced_accuracy
from deepbelief.models.labelled import LabelledDBN, LabelledRBM
from deepbelief.models.rbm import RBM, bernoulli_rbm
from deepbelief.models.standardisation import Standardisation
from deepbelief.models.units import Bernoulli, Gaussian
from deepbelief.models.views import standardise
from deepbelief.randomness import Random

ITEMS = Random(0, "items").uniform((40, 6))
LABELS = torch.arange(40) % 3
WEIGHTS = torch.where(torch.arange(40) < 12, 0.0, 1.0 + torch.arange(40) % 4)


@given(st.lists(st.floats(0, 5), min_size=1, max_size=30).filter(any), st.integers(0, 99))
def test_everything_is_seen_as_often_as_its_weight_says(weights: list[float], seed: int) -> None:
    given_ = torch.tensor(weights, dtype=torch.float64)
    rows = by_weight(given_, Random(seed))
    share = given_ / given_.sum() * len(weights)
    counts = rows.bincount(minlength=len(weights))
    assert len(rows) == len(weights)
    assert (rows.diff() >= 0).all()
    assert ((counts - share).abs() < 1 + 1e-9).all()
    assert not counts[given_ == 0].any()


def test_on_average_it_is_exactly_so() -> None:
    counts = sum(by_weight(WEIGHTS, Random(seed)).bincount(minlength=40) for seed in range(2000)) / 2000
    assert isinstance(counts, Tensor)
    torch.testing.assert_close(counts.double(), WEIGHTS.double() / WEIGHTS.sum() * 40, atol=0.05, rtol=0)


def test_the_order_is_random_and_without_weights_that_of_before() -> None:
    assert torch.equal(order_of(30, None, Random(3)), Random(3).permutation(30))
    twice = order_of(4, torch.tensor([2.0, 2, 0, 0]), Random(0))
    assert twice.sort().values.tolist() == [0, 0, 1, 1]
    orders = {tuple(order_of(6, torch.ones(6), Random(seed)).tolist()) for seed in range(9)}
    assert len(orders) == 9


PLAIN = {"epochs": 2, "batch_size": 8}
RBM_SETTINGS = RBMSettings(visible_bias_from_data=False, **PLAIN)  # type: ignore[arg-type]


def rbm(source: Weighted) -> tuple[nn.Module, Any]:
    model = RBM(Bernoulli(6), Bernoulli(4), Random(0))
    return model, RBMTraining(model, source, RBM_SETTINGS)


def rbm_in_order(source: Weighted) -> tuple[nn.Module, Any]:
    model = RBM(Bernoulli(6), Bernoulli(4), Random(0))
    settings = RBMSettings(visible_bias_from_data=False, shuffle=False, **PLAIN)  # type: ignore[arg-type]
    return model, RBMTraining(model, source, settings)


def stack(source: Weighted) -> tuple[nn.Module, Any]:
    model = DBN.from_sizes([6, 5, 4], Random(0))
    return model, Pretraining(model, source, RBM_SETTINGS)


def joint(source: Weighted) -> tuple[nn.Module, Any]:
    model = DBN.from_sizes([6, 5, 4], Random(0))
    return model, JointTraining(model, source, RBM_SETTINGS)


def network(source: Weighted) -> tuple[nn.Module, Any]:
    model = FeedForward([6, 5, 3], torch.relu, Random(0))
    settings = MinibatchSettings(patience=0, **PLAIN)  # type: ignore[arg-type]
    return model, MinibatchTraining(model, (source, LABELS), settings)


def full_batch(source: Weighted) -> tuple[nn.Module, Any]:
    model = FeedForward([6, 5, 3], torch.relu, Random(0))
    return model, FullBatchTraining(model, (source, LABELS), FullBatchSettings(steps=3))


def linear(source: Weighted) -> tuple[nn.Module, Any]:
    model = FeedForward([6, 3], torch.relu, Random(0))
    return model, FullBatchTraining(model, Labelled(source, LABELS, 3), FullBatchSettings(steps=3))


def regression(source: Weighted) -> tuple[nn.Module, Any]:
    model = FeedForward([6, 5, 1], torch.relu, Random(0))
    return model, RegressionTraining(model, (source, LABELS[:, None].float()), RegressionSettings(**PLAIN))  # type: ignore[arg-type]


def autoencoder(source: Weighted) -> tuple[nn.Module, Any]:
    model = unroll(DBN.from_sizes([6, 4], Random(0)))
    return model, AutoencoderTraining(model, source, AutoencoderSettings(**PLAIN))  # type: ignore[arg-type]


def hybrid(source: Weighted) -> tuple[nn.Module, Any]:
    model = LabelledRBM(Bernoulli(6), 3, Bernoulli(4), Random(0))
    return model, HybridTraining(model, (source, LABELS), HybridSettings(patience=0, **PLAIN))  # type: ignore[arg-type]


def updown(source: Weighted) -> tuple[nn.Module, Any]:
    model = LabelledDBN.from_sizes([6, 5, 4], 3, Random(0))
    return model, UpDownTraining(model, (source, LABELS), UpDownSettings(patience=0, **PLAIN))  # type: ignore[arg-type]


JOBS = [rbm, rbm_in_order, stack, joint, network, full_batch, linear, regression, autoencoder, hybrid, updown]


@pytest.mark.parametrize("job", JOBS)
def test_what_has_no_weight_teaches_nothing_and_what_has_does(job: Callable[[Weighted], tuple[nn.Module, Any]]) -> None:
    def learnt(items: Tensor) -> list[Tensor]:
        model, training = job(Weighted(items, WEIGHTS))
        list(training.epochs())
        return [tensor.clone() for tensor in model.state_dict().values()]

    others = ITEMS.clone()
    others[:12] = 1 - others[:12]
    for one, other in zip(learnt(ITEMS), learnt(others), strict=True):
        assert torch.equal(one, other)
    others[23] = 1 - others[23]  # its weight is 4
    assert any(not torch.equal(one, other) for one, other in zip(learnt(ITEMS), learnt(others), strict=True))


@pytest.mark.parametrize("sizes", [[6, 3], [6, 5, 3]])
def test_in_full_batches_whole_weights_are_repetitions(sizes: list[int]) -> None:
    weights = 1 + torch.arange(40) % 3
    models = []
    for source, labels in (
        (Weighted(ITEMS, weights), LABELS),
        (ITEMS.repeat_interleave(weights, dim=0), LABELS.repeat_interleave(weights)),
    ):
        model = FeedForward(sizes, torch.tanh, Random(0))
        list(FullBatchTraining(model, (source, labels), FullBatchSettings(steps=20, learning_rate=0.1)).epochs())
        models.append(model)
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_converged_read_out_of_weighted_items_is_that_of_repeated_ones() -> None:
    weights = torch.arange(40) // 3 % 3
    found = []
    for source, labels in (
        (Weighted(ITEMS.double(), weights), LABELS),
        (ITEMS.double().repeat_interleave(weights, dim=0), LABELS.repeat_interleave(weights)),
    ):
        model = FeedForward([6, 3], torch.relu, Random(0)).double()
        list(ConvergedTraining(model, (source, labels), ConvergedSettings(l2=(1e-9,), max_iterations=2000)).epochs())
        found.append(model(ITEMS).softmax(dim=1))
    torch.testing.assert_close(found[0], found[1], atol=5e-3, rtol=0)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], r"the weights have the shape \(1,\): give one for each of 2 items"),
        ([1.0, -1.0], "item 1 has the value -1 at position 0, but weights are numbers from 0"),
        ([1.0, float("nan")], "item 1 has the value nan"),
        ([0.0, 0.0], "all weights are 0: give at least one item a weight above 0"),
    ],
)
def test_what_are_no_weights_is_refused(weights: list[float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Weighted(ITEMS[:2], weights)


def test_views_of_weighted_items_keep_their_weights() -> None:
    source = Weighted(ITEMS, WEIGHTS)
    assert torch.equal(source.batch(slice(3, 5)), ITEMS[3:5])
    assert source.reader(4, torch.float64)(torch.tensor([7])).tolist() == ITEMS[7:8].double().tolist()
    assert torch.equal(Labelled(source, LABELS, 3).weights, WEIGHTS.double())
    assert Labelled(ITEMS, LABELS, 3).weights is None


def test_means_of_some_items_are_by_weight() -> None:
    """Monitors, base rates and the starts of chains look at items at equal distances of weight."""
    source = Weighted(torch.arange(4.0)[:, None], [1.0, 0.0, 2.0, 5.0])
    assert evenly_spaced(source, 8).flatten().tolist() == [0, 2, 2, 3, 3, 3, 3, 3]
    assert evenly_spaced(source, 800).mean().item() == pytest.approx((2 * 2 + 3 * 5) / 8, abs=0.01)


@given(weights=st.lists(st.integers(0, 3), min_size=12, max_size=12).filter(any), seed=st.integers(0, 9))
def test_standardisation_by_whole_weights_is_that_of_repetitions(weights: list[int], seed: int) -> None:
    values = Random(seed).normal((12, 3))
    values[:, 2] = torch.where(values[:, 2] < -0.5, torch.nan, values[:, 2])
    values[weights.index(max(weights)), 2] = 0.25
    counts = torch.tensor(weights)
    by_weight_ = Standardisation.of(values.split(5), weights=counts.double())
    repeated = Standardisation.of([values.repeat_interleave(counts, dim=0)])
    torch.testing.assert_close(by_weight_.mean, repeated.mean)
    torch.testing.assert_close(by_weight_.scale, repeated.scale)
    dbn = DBN.from_units([Gaussian(3), Bernoulli(2)], Random(0))
    standardise(dbn, Weighted(values, counts))
    torch.testing.assert_close(dbn.standardisation.mean.double(), repeated.mean)  # type: ignore[union-attr]


def first_column(items: torch.Tensor) -> torch.Tensor:
    """Takes each item for the class that its first column names."""
    return torch.nn.functional.one_hot(items[:, 0].long(), 3).float()


def test_accuracies_are_by_weight() -> None:
    answers, labels = torch.tensor([[0.0], [0.0], [0.0], [2.0], [1.0]]), [0, 0, 1, 2, 2]
    assert accuracy(first_column, answers, labels) == pytest.approx(3 / 5)
    assert balanced_accuracy(first_column, answers, labels) == pytest.approx((1 + 0 + 1 / 2) / 3)
    weighted = Weighted(answers, [1, 1, 0, 1, 3])
    assert accuracy(first_column, weighted, labels) == pytest.approx(3 / 6)
    assert balanced_accuracy(first_column, weighted, labels) == pytest.approx((1 + 1 / 4) / 2)
    with pytest.raises(DataError, match="there are no items to classify"):
        balanced_accuracy(first_column, torch.zeros(0, 1), [])


def test_likelihoods_are_of_items_by_weight() -> None:
    rbm = bernoulli_rbm(2, 2, Random(0), weight_std=2.0).requires_grad_(False)
    items = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    only = evaluate(DBN([rbm]), items, Weighted(items, [0, 1, 0]), 0, AISSettings.of(10), number=3)
    assert len(only.bracket.upper) == 3 and only.bracket.upper.std() == 0
    assert float(only.bracket.upper[0] + only.bracket.z.log_z) == pytest.approx(-float(rbm.free_energy(items[1])))
