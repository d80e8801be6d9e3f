"""Every setting of every way to learn changes what comes out: none is dropped on its way to the work."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import Tensor

from deepbelief.data import Labelled, TensorSource
from deepbelief.learning import Tempering
from deepbelief.learning.backprop.autoencoding import AutoencoderSettings, AutoencoderTraining
from deepbelief.learning.backprop.classifier import (
    FullBatchSettings,
    FullBatchTraining,
    MinibatchSettings,
    MinibatchTraining,
)
from deepbelief.learning.backprop.readout import ConvergedSettings, ConvergedTraining
from deepbelief.learning.labels.hybrid import HybridSettings, HybridTraining
from deepbelief.learning.labels.updown import UpDownSettings, UpDownTraining
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.models.autoencoder import unroll
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward
from deepbelief.models.labelled import LabelledDBN, LabelledRBM
from deepbelief.models.units import Bernoulli
from deepbelief.randomness import Random

CLASSES = 3
Outcome = tuple[list[Tensor], Sequence[Any]]  # parameters and records


def problem(n: int, seed: int) -> tuple[TensorSource, Tensor]:
    """Grey images of three classes that are hard to tell apart."""
    random, labels = Random(seed, "problem"), torch.arange(n) % CLASSES
    clear = torch.nn.functional.one_hot(labels, CLASSES).repeat_interleave(2, dim=1)
    return TensorSource(0.3 * clear + 0.7 * random.uniform((n, 6))), labels


data, held_out = problem(50, 0), problem(30, 1)


def outcome(module: torch.nn.Module, records: Sequence[Any]) -> Outcome:
    return [tensor.clone() for tensor in module.state_dict().values()], records


def layer(settings: RBMSettings) -> Outcome:
    dbn = DBN([LabelledRBM(Bernoulli(6), CLASSES, Bernoulli(5), Random(0), weight_std=0.5).rbm])
    seen, measured = (Labelled(*part, CLASSES) for part in (data, held_out))
    job = Pretraining(dbn, seen, [settings], random=Random(1), held_out=measured)
    return outcome(dbn, list(job.epochs()))


def hybrid(settings: HybridSettings) -> Outcome:
    model = LabelledRBM(Bernoulli(6), CLASSES, Bernoulli(5), Random(0))
    return outcome(model, list(HybridTraining(model, data, settings, random=Random(1), held_out=held_out).epochs()))


def updown(settings: UpDownSettings) -> Outcome:
    model = LabelledDBN.from_sizes([6, 5, 4], CLASSES, Random(0))
    return outcome(model, list(UpDownTraining(model, data, settings, random=Random(1), held_out=held_out).epochs()))


def autoencoder(settings: AutoencoderSettings) -> Outcome:
    model = unroll(DBN.from_sizes([6, 3], Random(0)))
    return outcome(
        model, list(AutoencoderTraining(model, data[0], settings, random=Random(1), held_out=held_out[0]).epochs())
    )


def network() -> FeedForward:
    return FeedForward([6, 5, CLASSES], torch.relu, Random(0))


def minibatch(settings: MinibatchSettings) -> Outcome:
    model = network()
    return outcome(model, list(MinibatchTraining(model, data, settings, random=Random(1), held_out=held_out).epochs()))


def full_batch(settings: FullBatchSettings) -> Outcome:
    model = network()
    return outcome(model, list(FullBatchTraining(model, data, settings).epochs()))


def converged(settings: ConvergedSettings) -> Outcome:
    model = FeedForward([data[0].width, CLASSES], torch.relu, Random(0))
    return outcome(model, list(ConvergedTraining(model, data, settings).epochs()))


# How to learn; then for each of its settings: another value, and what has to be set for it to matter.
Changes = dict[str, tuple[Any, dict[str, Any]]]
CHAINS, STOPPING = {"persistent_chains": 8}, {"epochs": 30, "learning_rate": 0.5}
WAYS: dict[type, tuple[Callable[[Any], Outcome], dict[str, Any], Changes]] = {
    RBMSettings: (
        layer,
        {"epochs": 3, "batch_size": 8, "momentum_switch": 1},
        {
            "epochs": (4, {}),
            "batch_size": (9, {}),
            "learning_rate": (0.2, {}),
            "learning_rate_decay": (0.5, {}),
            "learning_rate_to_zero": (True, {}),
            "initial_momentum": (0.6, {}),
            "final_momentum": (0.9, {}),
            "momentum_switch": (2, {}),
            "weight_decay": (0.01, {}),
            "l1": (0.01, {}),
            "gibbs_steps": (2, {}),
            "clamp_labels": (True, CHAINS),
            "growing_gibbs_steps": (True, {"gibbs_steps": 3}),
            "visible_samples": (False, {}),
            "persistent_chains": (8, {}),
            "tempering": (Tempering(temperatures=3), CHAINS),
            "centring": (True, {}),
            "sparsity_target": (0.2, {"sparsity_cost": 1.0}),
            "sparsity_cost": (1.0, {}),
            "dropout": (0.3, {}),
            "max_gradient_norm": (0.1, {}),
            "binarise": (True, {}),
            "visible_bias_from_data": (False, {}),
            "batch_statistics": (True, {}),
            "patience": (1, STOPPING),
            "shuffle": (False, {}),
            "drop_last": (True, {}),
        },
    ),
    HybridSettings: (
        hybrid,
        {"epochs": 3, "batch_size": 8, "patience": 0},
        {
            "epochs": (4, {}),
            "batch_size": (9, {}),
            "learning_rate": (0.002, {}),
            "momentum": (0.5, {}),
            "generative_weight": (0.1, {}),
            "gibbs_steps": (2, {}),
            "visible_samples": (False, {}),
            "persistent_chains": (8, {}),
            "weight_decay": (0.1, {}),
            "dropout": (0.3, {}),
            "input_dropout": (0.3, {}),
            "averaging": (0.4, {}),
            "patience": (1, STOPPING),
        },
    ),
    UpDownSettings: (
        updown,
        {"epochs": 3, "batch_size": 8},
        {
            "epochs": (4, {}),
            "batch_size": (9, {}),
            "learning_rate": (0.03, {}),
            "top_learning_rate": (0.2, {}),
            "momentum": (0.5, {}),
            "gibbs_steps": (2, {}),
            "growing_gibbs_steps": (True, {}),
            "discriminative_weight": (0.5, {}),
            "weight_decay": (0.1, {}),
            "averaging": (0.4, {}),
            "patience": (1, STOPPING),
        },
    ),
    AutoencoderSettings: (
        autoencoder,
        {"epochs": 3, "batch_size": 8},
        {
            "epochs": (4, {}),
            "batch_size": (9, {}),
            "learning_rate": (0.002, {}),
            "squared_error": (True, {}),
            "weight_decay": (0.1, {}),
            "patience": (1, STOPPING),
        },
    ),
    MinibatchSettings: (
        minibatch,
        {"epochs": 3, "batch_size": 8, "patience": 0},
        {
            "epochs": (4, {}),
            "batch_size": (9, {}),
            "learning_rate": (0.002, {}),
            "dropout": (0.3, {}),
            "input_dropout": (0.3, {}),
            "label_smoothing": (0.3, {}),
            "weight_decay": (0.1, {}),
            "patience": (1, STOPPING),
        },
    ),
    FullBatchSettings: (
        full_batch,
        {"steps": 4},
        {"steps": (5, {}), "learning_rate": (0.01, {}), "momentum": (0.5, {})},
    ),
    ConvergedSettings: (
        converged,
        {"max_iterations": 8},
        {"l2": ((0.1,), {}), "max_iterations": (3, {})},
    ),
}
CASES = [(way, name) for way, (_, _, changes) in WAYS.items() for name in changes]


@pytest.mark.parametrize(("way", "name"), CASES, ids=[f"{way.__name__}.{name}" for way, name in CASES])
def test_every_setting_changes_what_comes_out(way: type, name: str) -> None:
    learn, given, changes = WAYS[way]
    value, needed = changes[name]
    before, records = learn(way(**{**given, **needed}))
    after, others = learn(way(**{**given, **needed, name: value}))
    same = all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert not same or repr(records) != repr(others)


@pytest.mark.parametrize("way", WAYS)
def test_no_setting_is_left_out_above(way: type) -> None:
    assert set(WAYS[way][2]) == {field.name for field in fields(way)} - {"method"}
