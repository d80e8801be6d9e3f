"""The look back: layers as they were at chosen epochs, worked out a second time; and no snapshot is ever left out."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from deepbelief.checkpoint import load_dbn
from deepbelief.errors import DeepBeliefError
from deepbelief.insight import linear_cka, relative_change, ridge_readout
from deepbelief.learning import resumption
from deepbelief.learning.rbm.joint import JointTraining
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.models import DBN
from deepbelief.models.feedforward import accuracy
from deepbelief.study import training
from deepbelief.study.context import Context
from deepbelief.study.development import _labels_and_images, development
from deepbelief.study.recipe import Recipe
from deepbelief.study.run import Study
from deepbelief.study.stages import stages_of
from tests.study.test_wiring import context, dataset, recipe

PRETRAINING = "pretraining = { epochs = [8, 4], batch_size = 12, patience = 2 }"
DEVELOPMENT = "development = { epochs = [0, 2], images = 40, levels = [0.5] }"
GREEDY = [(PRETRAINING, "pretraining = { epochs = [4, 3], batch_size = 12 }")]
JOINT = [
    (PRETRAINING, "pretraining = { epochs = 4, batch_size = 12 }"),
    ("hidden = [10, 8], ", 'hidden = [10, 8], training = "joint", '),
]
WAYS = pytest.mark.parametrize("changes", [GREEDY, JOINT], ids=["greedy", "joint"])


def trained(folder: Path, settings: Recipe) -> Context:
    one = context(folder, settings=settings)
    training.pretraining(one)
    return one


def by_hand(settings: Recipe) -> dict[tuple[int, int], DBN]:
    """The network in which each layer, after each epoch, is looked at."""
    one = context(Path(), settings=settings)
    random = one.random("pretraining")
    dbn = DBN.from_sizes([12, 10, 8], random, 0.1)
    joint = settings.dbn.training == "joint"
    kind = JointTraining if joint else Pretraining
    job = kind(dbn, one.training, settings.pretraining, random=random, held_out=one.held_out)
    states = {}  # of the whole network: before, and after each epoch of each layer
    for layer in (1, 2):
        states[layer, 0] = copied(dbn)
    for record in job.epochs():
        states[record.layer, record.epoch] = copied(dbn)
    if not joint:
        states[2, 0] = copied(dbn)  # all of layer 1's training is over
        states[2, 0].layer(2).load_state_dict(states[1, 0].layer(2).state_dict())
    return states


def copied(dbn: DBN) -> DBN:
    copy = DBN.from_sizes(dbn.sizes, 0)
    copy.load_state_dict(dbn.state_dict())
    return copy.requires_grad_(False)


@WAYS
def test_every_figure_is_that_of_a_network_trained_up_to_there(tmp_path: Path, changes: list[tuple[str, str]]) -> None:
    one = trained(tmp_path, recipe(*changes))
    found, states = development(one), by_hand(one.recipe)
    (learnt, asked), (images, clean, noisy) = _labels_and_images(one, [0.0, 0.5])
    assert (len(images), len(clean)) == (found.facts["images"], found.facts["test_images"]) == (40, 40)
    assert not torch.equal(clean, noisy)
    for layer, last in ((1, 4), (2, one.recipe.pretraining[1].epochs)):
        assert found.arrays[f"layer_{layer}/epochs"].tolist() == [0, 2, last]
        end, before = states[layer, last].encode(clean, layer), None
        for number, epoch in enumerate((0, 2, last)):
            encode = states[layer, epoch].encode
            readout = ridge_readout(encode(images, layer), learnt, 3, one.recipe.development.l2)
            shares = [accuracy(readout, encode(tested, layer), asked) for tested in (clean, noisy)]
            at = f"layer_{layer}/epoch_{epoch}/gaussian"
            metrics = {f"accuracy/{at}@0": shares[0], f"accuracy/{at}@0.5": shares[1]}
            metrics |= {f"accuracy/layer_{layer}@{epoch}": shares[0]}
            features = encode(clean, layer)
            metrics |= {f"cka_final/layer_{layer}@{epoch}": linear_cka(features, end)}
            if before is not None:
                metrics |= {f"cka_before/layer_{layer}@{epoch}": linear_cka(features, before)}
                metrics |= {f"change/layer_{layer}@{epoch}": relative_change(before, features)}
            for name, value in metrics.items():
                assert found.metrics.pop(f"development/{name}") == pytest.approx(value, rel=1e-5), name
            np.testing.assert_allclose(found.arrays[f"layer_{layer}/accuracy"][number], shares)
            before = features
    assert not found.metrics


def test_a_layer_that_goes_back_to_an_epoch_ends_there(tmp_path: Path) -> None:
    patient = PRETRAINING.replace("patience = 2", "patience = 2, learning_rate = 0.3")
    one = trained(tmp_path, recipe((PRETRAINING, patient), ("epochs = [0, 2]", "epochs = [9, 7, 6, 3, 1]")))
    found = development(one)
    watched = training.pretraining(one).arrays["layer_1/pseudo_likelihood_unit"]
    kept = int(watched.argmax()) + 1
    assert 1 < kept < len(watched)  # it went on for a while
    chosen = [epoch for epoch in (1, 3, 6, 7) if epoch < kept]
    assert found.arrays["layer_1/epochs"].tolist() == [*chosen, kept]
    assert one.dbn_epochs[0] == kept
    assert found.metrics[f"development/cka_final/layer_1@{kept}"] == pytest.approx(1)


@WAYS
def test_snapshots_are_all_there_whenever_the_training_stops(
    tmp_path: Path, changes: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops as soon as a checkpoint is written, again and again."""

    class Stopped(Exception):
        pass

    save, settings = resumption.save_checkpoint, recipe(*changes)

    def save_and_stop(path: Path, job: Any, seconds: float) -> None:
        save(path, job, seconds)
        raise Stopped

    whole = trained(tmp_path / "whole", settings).snapshots
    one = context(tmp_path / "stopped", settings=settings)
    monkeypatch.setattr(resumption, "_SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    monkeypatch.setattr(resumption, "save_checkpoint", save_and_stop)
    for _ in range(7 if settings.dbn.training == "greedy" else 4):  # an epoch of all layers at once
        with pytest.raises(Stopped):
            training.pretraining(one)
    monkeypatch.setattr(resumption, "save_checkpoint", save)
    training.pretraining(one)
    files = sorted(path.name for path in whole.iterdir())
    assert files == [f"layer_{layer}_epoch_{epoch}.safetensors" for layer in (1, 2) for epoch in (0, 2)]
    assert sorted(path.name for path in one.snapshots.iterdir()) == files
    assert all((whole / name).read_bytes() == (one.snapshots / name).read_bytes() for name in files)


def test_a_look_back_changes_nothing_that_is_learnt(tmp_path: Path) -> None:
    with_it, without = (
        trained(tmp_path / name, recipe(*GREEDY, *more))
        for name, more in (("with", []), ("without", [(DEVELOPMENT, "")]))
    )
    one, other = (load_file(each.models / "dbn.safetensors") for each in (with_it, without))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert not without.snapshots.exists()
    assert "development" in stages_of(recipe(*GREEDY), dataset())
    assert "development" not in stages_of(recipe(*GREEDY, (DEVELOPMENT, "")), dataset())


def test_snapshots_go_when_the_study_is_finished_and_a_lost_one_is_a_sentence(tmp_path: Path) -> None:
    study = Study("wiring", recipe(*GREEDY), dataset(), tmp_path / "run")
    before = study.run()
    seed = tmp_path / "run" / "seed-0"
    assert not (seed / "models" / "snapshots").exists()
    (seed / "stages" / "development.json").unlink()
    again = f"delete {seed / 'stages' / 'pretraining.json'} and give the same command again"
    with pytest.raises(DeepBeliefError, match=f"layer_1_epoch_0.safetensors does not exist: {again}") as raised:
        study.run()
    assert "\n" not in str(raised.value)
    (seed / "stages" / "pretraining.json").unlink()
    after = study.run()
    ours = {name for name in before.metrics if not name.startswith(("time/", "memory/"))}
    assert all(after.metrics[name] == before.metrics[name] for name in ours)
    assert not (seed / "models" / "snapshots").exists()
    assert load_dbn(seed / "models" / "dbn.safetensors").sizes == [12, 10, 8]


def test_features_without_variance_are_like_nothing_and_no_metric(tmp_path: Path) -> None:
    one = trained(tmp_path, recipe(*GREEDY))
    for parameter in one.dbn.layer(1).parameters():
        parameter.zero_()
    found = development(one)
    assert "development/cka_final/layer_1@0" not in found.metrics
    assert "development/accuracy/layer_1@0" in found.metrics
    assert all(math.isfinite(value) for value in found.metrics.values())
