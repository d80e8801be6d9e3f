"""Regression: its loss is the squared error, it learns, stops early, resumes exactly, and refuses what does not fit."""

import pytest
import torch
from torch import Tensor

from deepbelief.errors import DataError, SettingsError
from deepbelief.learning import RegressionSettings, RegressionTraining
from deepbelief.models.feedforward import FeedForward
from deepbelief.randomness import Random

ITEMS = Random(0, "items").uniform((60, 3))
TARGETS = torch.stack([ITEMS.sum(dim=1), 1 - 2 * ITEMS[:, 0] * ITEMS[:, 1]], dim=1)


def job(seed: int = 0, items: Tensor = ITEMS, **given: object) -> tuple[FeedForward, RegressionTraining]:
    network = FeedForward([3, 20, 2], torch.tanh, Random(seed))
    settings = RegressionSettings(**{"epochs": 8, "batch_size": 15, "learning_rate": 0.02, **given})  # type: ignore[arg-type]
    held_out = (ITEMS[:7], TARGETS[:7])
    return network, RegressionTraining(network, (items, TARGETS), settings, random=seed, held_out=held_out)


def test_the_loss_is_the_mean_squared_error_and_the_score_minus_it() -> None:
    network, training = job(epochs=1, batch_size=60)
    before = (network(ITEMS) - TARGETS).square().mean().item()
    (record,) = training.epochs()
    assert record.loss == pytest.approx(before)
    assert record.score == pytest.approx(-(network(ITEMS[:7]) - TARGETS[:7]).square().mean().item())
    assert record.score_name == "minus the mean squared error"


def test_it_learns() -> None:
    network, training = job(epochs=200)
    list(training.epochs())
    assert (network(ITEMS) - TARGETS).square().mean() < 0.004


def test_dropout_leaves_units_out_in_training_alone() -> None:
    plain, dropped = (list(job(epochs=3, dropout=rate)[1].epochs()) for rate in (0.0, 0.5))
    assert dropped[0].loss > plain[0].loss


def test_a_restored_training_ends_bit_for_bit_the_same() -> None:
    whole, training = job(patience=4, dropout=0.2)
    list(training.epochs())
    _, interrupted = job(patience=4, dropout=0.2)
    steps = interrupted.epochs()
    next(steps), next(steps)
    resumed, going_on = job(seed=9, patience=4, dropout=0.2)
    going_on.restore(interrupted.state())
    list(going_on.epochs())
    assert going_on.records == training.records
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_does_not_fit_is_refused() -> None:
    network = FeedForward([3, 2], torch.tanh, 0)
    for targets in (TARGETS[:5], TARGETS[:, :1], TARGETS[:, 0]):
        with pytest.raises(DataError, match="give 60 rows of 2"):
            RegressionTraining(network, (ITEMS, targets), RegressionSettings())
    missing = TARGETS.clone()
    missing[1, 0] = torch.nan
    with pytest.raises(DataError, match="item 1 has the value nan at position 0, but targets are finite"):
        RegressionTraining(network, (ITEMS, missing), RegressionSettings())
    with pytest.raises(SettingsError, match="the network sees 3 values, the data have 2"):
        RegressionTraining(network, (ITEMS[:, :2], TARGETS), RegressionSettings())
    with pytest.raises(SettingsError, match="early stopping needs held-out items"):
        RegressionTraining(network, (ITEMS, TARGETS), RegressionSettings(patience=2))
