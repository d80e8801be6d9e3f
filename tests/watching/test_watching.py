"""Watching trainings: what is logged of each epoch, how logs go on after an interruption, what TensorBoard shows."""

import copy
import csv
import io
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.learning import (
    AutoencoderSettings,
    AutoencoderTraining,
    ConvergedSettings,
    ConvergedTraining,
    EpochRecord,
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
    Record,
    RegressionSettings,
    RegressionTraining,
    Tempering,
    UpDownSettings,
    UpDownTraining,
)
from deepbelief.models.autoencoder import unroll
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward
from deepbelief.models.labelled import LabelledDBN, LabelledRBM
from deepbelief.models.rbm import RBM
from deepbelief.models.units import Bernoulli, Gaussian
from deepbelief.models.views import standardise
from deepbelief.randomness import Random
from deepbelief.watching import MetricsLog, TensorBoardLog, follow
from deepbelief.watching.figures import figures_of

ITEMS = Random(1).uniform((20, 6))
LABELLED = ITEMS, torch.arange(20) % 2


def dbn() -> DBN:
    return DBN.from_sizes([6, 4, 3], Random(0))


def rbm_settings(**settings: Any) -> RBMSettings:
    return RBMSettings(epochs=3, batch_size=5, **settings)


def network() -> FeedForward:
    return FeedForward([6, 4, 2], torch.relu, Random(0))


def labelled_dbn() -> LabelledDBN:
    return LabelledDBN(DBN.from_sizes([6, 4], Random(0)), LabelledRBM(Bernoulli(4), 2, Bernoulli(3), Random(1)))


HELD_OUT = {"random": 0, "held_out": ITEMS}
OF_LABELS = {"random": 0, "held_out": LABELLED}
TRAININGS: dict[str, Callable[[], Any]] = {
    "RBM": lambda: RBMTraining(dbn().layer(1), ITEMS, rbm_settings(persistent_chains=4), **HELD_OUT),
    "layer by layer": lambda: Pretraining(dbn(), ITEMS, rbm_settings(batch_statistics=True), **HELD_OUT),
    "patience": lambda: Pretraining(dbn(), ITEMS, rbm_settings(patience=1), **HELD_OUT),
    "joint": lambda: JointTraining(dbn(), ITEMS, rbm_settings(), **HELD_OUT),
    "minibatch": lambda: MinibatchTraining(network(), LABELLED, MinibatchSettings(epochs=3), **OF_LABELS),
    "full batch": lambda: FullBatchTraining(network(), LABELLED, FullBatchSettings(steps=4)),
    "converged": lambda: ConvergedTraining(FeedForward([6, 2], torch.relu, 0), LABELLED, ConvergedSettings()),
    "regression": lambda: RegressionTraining(
        FeedForward([6, 4, 1], torch.relu, 0), (ITEMS, ITEMS[:, :1]), RegressionSettings(epochs=2)
    ),
    "autoencoder": lambda: AutoencoderTraining(unroll(dbn()), ITEMS, AutoencoderSettings(epochs=2), **HELD_OUT),
    "hybrid": lambda: HybridTraining(
        LabelledRBM(Bernoulli(6), 2, Bernoulli(4), Random(0)), LABELLED, HybridSettings(epochs=3), **OF_LABELS
    ),
    "up-down": lambda: UpDownTraining(labelled_dbn(), LABELLED, UpDownSettings(epochs=2), **OF_LABELS),
}


def lines(folder: Path) -> list[dict[str, float]]:
    """The lines of the JSONL file, after a check that the table says the same."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    with (folder / "metrics.csv").open(newline="") as file:
        table = [{name: float(cell) for name, cell in row.items() if cell} for row in csv.DictReader(file)]
    assert repr(table) == repr([{name: float(value) for name, value in row.items()} for row in rows])
    return rows


def expected(record: Any) -> dict[str, float]:
    """What should be in the line of a record, each kind of record written out."""
    if isinstance(record, EpochRecord):
        errors = {"reconstruction_error": record.reconstruction_error}
        return {"layer": record.layer, "epoch": record.epoch, **errors, **record.monitors}
    score = {} if record.score is None else {"score": record.score}
    if isinstance(record, Record):
        return {"epoch": record.epoch, "loss": record.loss, **score}
    fit = {"l2": record.l2, "losses": record.losses[-1], "converged": int(record.converged)}
    return {"epoch": record.epoch, **fit, **score}


@pytest.mark.parametrize("name", TRAININGS)
def test_every_epoch_of_every_training_is_a_line(tmp_path: Path, name: str) -> None:
    training, seen = TRAININGS[name](), []
    for record in follow(training, MetricsLog(tmp_path)):
        seen.append(record)
        assert len(lines(tmp_path)) == len(training.records)  # already there
    assert seen == list(TRAININGS[name]().epochs())  # and watching changes nothing
    assert repr(lines(tmp_path)) == repr([expected(record) for record in seen])


@pytest.mark.parametrize("name", [name for name in TRAININGS if name not in ("converged", "full batch")])
@pytest.mark.parametrize("saved", [1, 2])
def test_a_log_goes_on_where_the_training_does(tmp_path: Path, name: str, saved: int) -> None:
    """However much more had been logged when the training was interrupted."""
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    records = list(follow(TRAININGS[name](), MetricsLog(whole)))
    for more in range(len(records) - saved):
        interrupted = TRAININGS[name]()
        epochs = follow(interrupted, MetricsLog(resumed))
        for _ in range(saved):
            next(epochs)
        state = copy.deepcopy(interrupted.state())
        for _ in range(more):
            next(epochs)
        training = TRAININGS[name]()
        training.restore(state)
        for _ in follow(training, MetricsLog(resumed)):
            pass
        for file in ("metrics.jsonl", "metrics.csv"):
            assert (resumed / file).read_bytes() == (whole / file).read_bytes()


def test_what_was_logged_stays_until_a_new_epoch_is_over(tmp_path: Path) -> None:
    list(follow(TRAININGS["minibatch"](), MetricsLog(tmp_path)))
    before = (tmp_path / "metrics.jsonl").read_bytes()
    follow(TRAININGS["minibatch"](), MetricsLog(tmp_path))
    log = MetricsLog(tmp_path)
    log.begin([])
    assert (tmp_path / "metrics.jsonl").read_bytes() == before
    log.write(Record(1, 0.5))
    assert lines(tmp_path) == [{"epoch": 1, "loss": 0.5}]


def test_columns_that_come_later_and_figures_that_are_no_numbers(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path)
    log.write(EpochRecord(1, 1, 0.5, {"log_z": math.nan}))
    log.write(EpochRecord(1, 2, 0.5, {"log_z": math.inf, "undone": 1}))
    log.write(EpochRecord(2, 1, 0.25))
    assert (tmp_path / "metrics.csv").read_text().splitlines() == [
        "layer,epoch,reconstruction_error,log_z,undone",
        "1,1,0.5,nan,",
        "1,2,0.5,inf,1.0",
        "2,1,0.25,,",
    ]
    assert [*map(len, lines(tmp_path))] == [4, 5, 3]


def events(folder: Path) -> EventAccumulator:
    """What TensorBoard makes of the event files in a folder, all of it."""
    kinds = ("scalars", "images", "histograms")
    found = EventAccumulator(str(folder), size_guidance=dict.fromkeys(kinds, 0))
    return found.Reload()


def picture(event: Any) -> np.ndarray:
    """The grey values of a picture in an event, from 0 to 1."""
    return np.asarray(Image.open(io.BytesIO(event.encoded_image_string)).convert("L")) / 255


@pytest.mark.parametrize("name", TRAININGS)
def test_the_figures_of_every_training_are_scalars(tmp_path: Path, name: str) -> None:
    with TensorBoardLog(tmp_path) as log:
        records = list(follow(TRAININGS[name](), log))
    for record in records:
        layer = getattr(record, "layer", None)
        shown = events(tmp_path if layer is None else tmp_path / f"layer_{layer}")
        figures = figures_of(record)
        assert figures
        assert sorted(shown.Tags()["scalars"]) == sorted(figures)
        for figure, value in figures.items():
            found = {one.step: one.value for one in shown.Scalars(figure)}
            assert found[record.epoch] == pytest.approx(value, rel=1e-5, nan_ok=True)
            assert len(found) == len([one for one in records if getattr(one, "layer", None) == layer])


@pytest.mark.parametrize("name", ["joint", "layer by layer", "minibatch"])
def test_tensorboard_forgets_epochs_that_are_learnt_again(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count(1_000_000_000)  # event files are named by the second, and read in the order of names
    monkeypatch.setattr(time, "time", lambda: float(next(seconds)))
    interrupted = TRAININGS[name]()
    with TensorBoardLog(tmp_path) as log:
        epochs = follow(interrupted, log)
        next(epochs)
        state = copy.deepcopy(interrupted.state())
        next(epochs)
        next(epochs)
    training = TRAININGS[name]()
    training.restore(state)
    with TensorBoardLog(tmp_path) as log:
        list(follow(training, log))
    for folder in {path.parent for path in tmp_path.rglob("events.*")}:
        (figure, *_) = events(folder).Tags()["scalars"]
        assert [one.step for one in events(folder).Scalars(figure)] == [1, 2, 3]


def test_a_look_at_each_layer(tmp_path: Path) -> None:
    """Weights and activities as histograms, receptive fields and chains as pictures, of each epoch."""
    model, seen = dbn(), []
    training = JointTraining(model, ITEMS, rbm_settings(persistent_chains=5))
    with TensorBoardLog(tmp_path, image_shape=(2, 3)) as log:
        for record in follow(training, log):
            log.look(record, model, ITEMS, training.chains)
            seen.append((record.layer, model.layer(record.layer).weights.detach().clone()))
    for layer, states in training.chains.items():
        shown = events(tmp_path / f"layer_{layer}")
        for name, size in (("weights", model.layer(layer).weights.numel()), ("activities", 20 * model.sizes[layer])):
            assert [one.histogram_value.num for one in shown.Histograms(f"{name}/layer_{layer}")] == [size] * 3
        weights = [one.histogram_value for one in shown.Histograms(f"weights/layer_{layer}")]
        assert [one.sum for one in weights] == pytest.approx(
            [float(w.sum()) for at, w in seen if at == layer], rel=1e-4
        )
        activities = shown.Histograms(f"activities/layer_{layer}")[-1].histogram_value
        assert activities.sum == pytest.approx(float(model.encode(ITEMS, layer).detach().sum()), rel=1e-4)
        assert [one.step for one in shown.Images(f"receptive_fields/layer_{layer}")] == [1, 2, 3]
        in_pixels = states if layer == 1 else model.layer(1).visible_mean(states)
        drawn = picture(shown.Images(f"chains/layer_{layer}")[-1])
        assert drawn.shape == (3, 4 * 5)  # pictures of 2x3, each with a line below and on its right
        for number, values in enumerate(in_pixels):
            left = 4 * number
            assert np.allclose(drawn[:2, left : left + 3], values.detach().reshape(2, 3), atol=1 / 254)


def test_receptive_fields_are_those_of_the_first_units(tmp_path: Path) -> None:
    random = Random(3)
    rbm = RBM(Bernoulli(9), Bernoulli(70), random)
    with torch.no_grad():
        rbm.weights.copy_(random.normal((9, 70)))
    with TensorBoardLog(tmp_path) as log:
        log.look(EpochRecord(1, 1, 0.0), rbm, torch.rand(3, 9))
    shown = events(tmp_path / "layer_1")
    drawn = picture(shown.Images("receptive_fields/layer_1")[0])
    assert drawn.shape == (8 * 4, 8 * 4)  # 64 squares of 3x3 in 8 columns
    first, last = (rbm.weights[:, unit].detach().numpy().reshape(3, 3) for unit in (0, 63))
    for field, corner in ((first, drawn[:3, :3]), (last, drawn[28:31, 28:31])):
        assert np.allclose(corner, 0.5 + field / (2 * np.abs(field).max()), atol=1 / 254)
    assert "chains/layer_1" not in shown.Tags()["images"]


def test_a_record_without_a_layer_shows_all_layers(tmp_path: Path) -> None:
    model = labelled_dbn()
    training = UpDownTraining(model, LABELLED, UpDownSettings(epochs=1))
    with TensorBoardLog(tmp_path) as log:
        for record in follow(training, log):
            log.look(record, model.below, ITEMS)
    assert set(events(tmp_path).Tags()["histograms"]) == {"weights/layer_1", "activities/layer_1"}


def test_a_look_at_real_values_and_labels(tmp_path: Path) -> None:
    """Chains of standardised values are shown as the values are; labels beside an item are left out of its picture."""
    real = DBN.from_units([Gaussian(6), Bernoulli(4)], Random(0))
    items = 100 + 10 * ITEMS
    standardise(real, items)
    training = Pretraining(real, items, rbm_settings(persistent_chains=5))
    hybrid = LabelledRBM(Bernoulli(4), 2, Bernoulli(3), Random(0))
    learning = HybridTraining(
        hybrid, (ITEMS[:, :4], LABELLED[1]), HybridSettings(epochs=1, persistent_chains=5, patience=0)
    )
    with TensorBoardLog(tmp_path / "real") as log:
        for record in follow(training, log):
            values = real.decode(training.chains[1], 0).detach()
            log.look(record, real, items, training.chains)
    with TensorBoardLog(tmp_path / "hybrid", (2, 2)) as log:
        for record in follow(learning, log):
            log.look(record, hybrid.rbm, ITEMS, learning.chains)
    drawn = picture(events(tmp_path / "real" / "layer_1").Images("chains/layer_1")[-1])
    scaled = (values - values.min()) / (values.max() - values.min())
    assert float(values.min()) > 50
    assert np.allclose(drawn[0].reshape(5, 7)[:, :6], scaled, atol=1 / 254)
    assert picture(events(tmp_path / "hybrid").Images("chains/layer_1")[-1]).shape == (3, 15)


@pytest.mark.parametrize("tempering", [{}, {"temperatures": 3}, {"trajectory": True}])
def test_looking_at_chains_changes_and_draws_nothing(tempering: dict[str, Any]) -> None:
    def trained(looking: bool) -> DBN:
        model = dbn()
        training = Pretraining(model, ITEMS, rbm_settings(persistent_chains=4, tempering=Tempering(**tempering)))
        for record in training.epochs():
            if looking:
                (states,) = training.chains.values()
                assert states.shape == (4, model.layer(record.layer).visible.size)
                assert 0 <= float(states.min()) <= float(states.max()) <= 1
                states.zero_()
        return model

    for one, other in zip(trained(True).parameters(), trained(False).parameters(), strict=True):
        assert torch.equal(one, other)


def test_without_chains_there_are_none() -> None:
    training = Pretraining(dbn(), ITEMS, rbm_settings())
    assert training.chains == {}
    next(training.epochs())
    assert training.chains == {}
    assert JointTraining(dbn(), ITEMS, rbm_settings()).chains == {}
    hybrid = LabelledRBM(Bernoulli(6), 2, Bernoulli(4), Random(0))
    assert HybridTraining(hybrid, LABELLED, HybridSettings(generative_weight=0, patience=0)).chains == {}


def test_pictures_larger_than_items_are_refused(tmp_path: Path) -> None:
    with (
        TensorBoardLog(tmp_path, (3, 3)) as log,
        pytest.raises(SettingsError, match=r"items of 6 values make no pictures of 3x3: give another image_shape\."),
    ):
        log.look(EpochRecord(1, 1, 0.0), dbn(), ITEMS)


def test_a_vector_is_a_single_row(tmp_path: Path) -> None:
    for name, shape in (("given", (5,)), ("not", None)):
        with TensorBoardLog(tmp_path / name, shape) as log:
            log.look(EpochRecord(1, 1, 0.0), DBN.from_sizes([5, 2], 0), ITEMS[:, :5])
        drawn = picture(events(tmp_path / name / "layer_1").Images("receptive_fields/layer_1")[0])
        assert drawn.shape == (2, 2 * 6)


@pytest.mark.parametrize("shape", [(), (0, 6), (2, -3), (1, 2, 3)])
def test_shapes_of_no_picture_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError, match=r"image_shape is \(height, width\) or \(width,\), not"):
        TensorBoardLog(tmp_path, shape)


@pytest.mark.parametrize("items", [ITEMS[:0], torch.full((2, 6), torch.inf)])
def test_items_that_cannot_be_shown_are_refused(tmp_path: Path, items: torch.Tensor) -> None:
    with TensorBoardLog(tmp_path) as log, pytest.raises(DeepBeliefError, match="finite"):
        log.look(EpochRecord(1, 1, 0.0), dbn(), items)
    with TensorBoardLog(tmp_path) as log, pytest.raises(SettingsError, match="layers 1 to 2, not 3"):
        log.look(EpochRecord(3, 1, 0.0), dbn(), ITEMS)
    with TensorBoardLog(tmp_path) as log, pytest.raises(SettingsError, match="sees 6 values"):
        log.look(EpochRecord(1, 1, 0.0), dbn(), ITEMS[:, :5])


def test_tensorboard_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(DeepBeliefError, match=r'pip install "deepbelief\[tensorboard\]"\.$'):
        TensorBoardLog(tmp_path)


KILLED = """
import os, signal, sys
import torch
from deepbelief import DBN, Pretraining, RBMSettings
from deepbelief.watching import MetricsLog, TensorBoardLog, follow

dbn, items = DBN.from_sizes([4, 2], 0), torch.rand(10, 4, generator=torch.Generator().manual_seed(0))
training = Pretraining(dbn, items, RBMSettings(epochs=9, persistent_chains=3))
with TensorBoardLog(sys.argv[1]) as board:
    for record in follow(training, MetricsLog(sys.argv[1]), board):
        if record.epoch == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        board.look(record, dbn, items, training.chains)
"""


def test_a_killed_training_leaves_whole_lines_and_events(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", KILLED, str(tmp_path)], env={**os.environ})
    assert done.returncode == -signal.SIGKILL
    assert [row["epoch"] for row in lines(tmp_path)] == [1, 2, 3]
    shown = events(tmp_path / "layer_1")
    assert [one.step for one in shown.Scalars("reconstruction_error")] == [1, 2, 3]
    assert [one.step for one in shown.Images("chains/layer_1")] == [1, 2]
