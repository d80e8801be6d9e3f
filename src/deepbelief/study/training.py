"""Stages that train: the DBN, the read-outs, the feed-forward baseline and the fine-tuned network."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch

from deepbelief.checkpoint import save_dbn
from deepbelief.data import Source, TensorSource, evenly_spaced
from deepbelief.data.views import SideBySide
from deepbelief.learning.backprop.classifier import (
    Augmentation,
    FullBatchSettings,
    FullBatchTraining,
    MinibatchSettings,
    MinibatchTraining,
)
from deepbelief.learning.backprop.finetuning import network_to_finetune
from deepbelief.learning.backprop.readout import ConvergedSettings, ConvergedTraining
from deepbelief.learning.course import best_epoch
from deepbelief.learning.rbm.joint import JointTraining
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.records import DivergedError, EpochRecord
from deepbelief.learning.summary import training_summary
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward, accuracy
from deepbelief.models.units import Bernoulli, Gaussian
from deepbelief.models.views import Standardised, standardisation_of, standardise
from deepbelief.randomness import Random
from deepbelief.study.context import Context, Findings
from deepbelief.study.loading import classifier_of
from deepbelief.study.snapshots import WithSnapshots

_LOOKED_AT: Final = 500  # training images whose activities TensorBoard shows
# Monitors of an epoch that are metrics too, by the metrics' names.
_LOGGED: Final = {
    "reconstruction_error_unit": "reconstruction_error_unit",
    "error_std": "reconstruction_error_std",
    "update_mean": "update_mean",
    "update_std": "update_std",
}


def pretraining(context: Context) -> Findings:
    """Train the DBN without labels, layer by layer or all layers together."""
    recipe, random = context.recipe, context.random("pretraining")
    visible = {"bernoulli": Bernoulli, "gaussian": Gaussian}[recipe.dbn.visible](context.training.width)
    dbn = DBN.from_units([visible, *map(Bernoulli, recipe.dbn.hidden)], random, recipe.dbn.weight_std)
    dbn.to(context.precision.parameters)
    if recipe.dbn.visible == "gaussian":
        standardise(dbn, context.training)
    held_out = context.held_out if len(context.held_out) else None
    kind = JointTraining if recipe.dbn.training == "joint" else Pretraining
    job = kind(
        dbn,
        context.training,
        recipe.pretraining,
        random=random,
        held_out=held_out,
        products=context.precision.products,
        compiler=context.compiler,
    )
    total = sum(settings.epochs for settings in recipe.pretraining)
    path, shape = context.models / "dbn.safetensors", list(context.dataset.image_shape)
    try:
        for record in context.train("pretraining", WithSnapshots(job, dbn, context)):
            line = f"layer {record.layer} epoch {record.epoch} reconstruction error {record.reconstruction_error:.4f}"
            context.progress.step(len(job.records), total, line)
            chains = job.chains if context.tensorboard else None  # of all processes: each of them has to ask
            if context.board is not None:
                context.board.look(record, dbn, evenly_spaced(context.training, _LOOKED_AT), chains)
    except DivergedError:
        if context.writes:
            save_dbn(path, dbn, image_shape=shape)  # the last good state, to look at
        raise
    by_layer = [[record for record in job.records if record.layer == layer] for layer in range(1, len(dbn) + 1)]
    kept = [best_epoch(records, each.patience) for records, each in zip(by_layer, recipe.pretraining, strict=True)]
    each = zip(recipe.pretraining, by_layer, kept, strict=True)
    if context.writes:
        save_dbn(path, dbn, image_shape=shape, epochs=kept, training=[training_summary(*layer) for layer in each])

    last = job.records[-1]
    found = Findings(headline=f"reconstruction error of layer {last.layer} {last.reconstruction_error:.4f}")
    for layer, records in enumerate(by_layer, start=1):
        _log_layer(layer, records, found)
    parameters = sum(parameter.numel() for parameter in dbn.parameters())
    found.facts = {"layers": dbn.sizes, "epochs": list(map(len, by_layer)), "parameters": parameters}
    return found


def _log_layer(layer: int, records: list[EpochRecord], found: Findings) -> None:
    """The course of one layer's training: whole as arrays, the first, every tenth and the last epoch as metrics."""
    errors = [record.reconstruction_error for record in records]
    courses = {name: [record.monitors[name] for record in records] for name in records[0].monitors}
    found.arrays[f"layer_{layer}/reconstruction_error"] = np.array(errors)
    found.arrays |= {f"layer_{layer}/{name}": np.array(values) for name, values in courses.items()}
    logged = {"reconstruction_error": errors}
    logged |= {metric: courses[monitor] for monitor, metric in _LOGGED.items() if monitor in courses}
    # A patience may have ended the layer early.
    shown = sorted({1, *range(10, len(records) + 1, 10), len(records)})
    for name, values in logged.items():
        found.metrics |= {f"{name}/layer_{layer}@{epoch}": values[epoch - 1] for epoch in shown}


def readouts(context: Context) -> Findings:
    """Train linear read-outs: of each layer's frozen features, and those others that the recipe asks for."""
    recipe = context.recipe
    found = Findings(facts={"method": recipe.readouts.method, "l2": {}, "converged": {}})
    for name in recipe.contestants:
        layers = recipe.layers_seen_by(name)
        if not layers or name == "mlp_head":
            continue
        features = side_by_side(context.features, layers)
        network = FeedForward([features.width, context.classes], torch.relu, context.random(name))
        network.to(context.precision.parameters)
        settings = recipe.robust_readout if name == "robust_readout" else recipe.readouts
        assert settings is not None
        if isinstance(settings, ConvergedSettings):
            training = _converged(context, name, network, features, settings, found)
        else:
            training = _full_batch(context, name, network, features, settings, found)
        save_and_measure(context, name, network, training, features, found)
    return found


def mlp_head(context: Context) -> Findings:
    """Train a network with hidden ReLU units on the frozen features of all layers side by side, standardised."""
    assert context.recipe.all_layers is not None
    section, name = context.recipe.all_layers.mlp_head, "mlp_head"
    assert section is not None
    layers = context.recipe.layers_seen_by(name)
    features, of_held_out = (side_by_side(of, layers) for of in (context.features, context.held_out_features))
    network = FeedForward([features.width, *section.hidden, context.classes], torch.relu, context.random(name))
    found = of_network(network)
    scaling = standardisation_of(features).to(context.device, context.precision.parameters)
    learnt, held_out = Standardised(features, scaling), Standardised(of_held_out, scaling)
    training = _minibatch(context, name, network, learnt, held_out, section.training, found)
    scaling.fold_into(network.linear(1))
    save_and_measure(context, name, network, training, features, found)
    return found


def baseline(context: Context) -> Findings:
    """Train a feed-forward network of ReLU units on the pixels."""
    section, random = context.recipe.baseline, context.random("ffnn")
    network = FeedForward([context.training.width, *section.hidden, context.classes], torch.relu, random)
    found = of_network(network, section.training.method)
    if isinstance(section.training, MinibatchSettings):
        training = learn_from_pixels(context, "ffnn", network, section.training, found)
    else:
        network.to(context.precision.parameters)
        pixels = context.standardised(context.training)
        training = _full_batch(context, "ffnn", network, pixels, section.training, found)
    save_and_measure(context, "ffnn", network, training, context.standardised(context.training), found)
    return found


def pretrained_network(context: Context, random: Random) -> FeedForward:
    """The DBN with its top read-out as a network that can be trained."""
    readout = context.network(f"readout_{len(context.dbn)}")
    return network_to_finetune(context.dbn, context.classes, random, readout, standardised=True).requires_grad_(True)


def finetuning(context: Context) -> Findings:
    """Train the whole DBN, with its top read-out, by backpropagation."""
    network = pretrained_network(context, context.random("finetuned"))
    found = of_network(network)
    training = learn_from_pixels(context, "finetuned", network, context.recipe.finetuning, found)
    save_and_measure(context, "finetuned", network, training, context.standardised(context.training), found)
    return found


def random_start(context: Context) -> Findings:
    """Train a network of the DBN's shape and of sigmoid units as in it, but from random weights: the control."""
    name, settings = "random_start", context.recipe.random_start
    assert settings is not None
    network = FeedForward([*context.dbn.sizes, context.classes], torch.sigmoid, context.random(name))
    found = of_network(network)
    training = learn_from_pixels(context, name, network, settings, found)
    save_and_measure(context, name, network, training, context.standardised(context.training), found)
    reached = _test_accuracy(context, "finetuned", context.network("finetuned"))
    found.metrics["gain_of_pretraining/finetuned"] = reached - found.metrics[f"accuracy/{name}"]
    return found


def side_by_side(features: Sequence[Source], layers: Sequence[int]) -> Source:
    """Of the features of the layers from layer 1 up, some as one source."""
    chosen = [features[layer - 1] for layer in layers]
    return chosen[0] if len(chosen) == 1 else SideBySide(chosen)


def of_network(network: FeedForward, method: str = "minibatch") -> Findings:
    """Findings with the facts of every training of a network."""
    return Findings(facts={"layers": network.sizes, "method": method, "best_epoch": None})


def save_and_measure(
    context: Context, name: str, network: FeedForward, training: dict[str, Any], learnt: Source, found: Findings
) -> None:
    """Save a network with the summary of its training; measure it on what it has learnt from and on the test images."""
    context.save_network(name, network, training)
    found.metrics[f"accuracy_train/{name}"] = accuracy(network, learnt, context.training.required_labels())
    measured = _test_accuracy(context, name, network)
    found.metrics[f"accuracy/{name}"] = measured
    found.headline = (f"{found.headline}, " if found.headline else "accuracy ") + f"{name} {measured:.4f}"


def _test_accuracy(context: Context, name: str, network: FeedForward) -> float:
    """Of the contestant with this name, whose network is given."""
    classifier = classifier_of(context.recipe, context.dbn, name, network)
    return accuracy(classifier, TensorSource(context.test_pixels), context.test.required_labels())


def _converged(
    context: Context, name: str, network: FeedForward, features: Source, settings: ConvergedSettings, found: Findings
) -> dict[str, Any]:
    held_out = None
    if len(context.held_out):
        seen = side_by_side(context.held_out_features, context.recipe.layers_seen_by(name))
        held_out = seen, context.held_out.required_labels()
    training = features, context.training.required_labels()
    job = ConvergedTraining(network, training, settings, held_out=held_out)
    for record in context.train(name, job):
        context.progress.step(record.epoch, len(settings.l2), f"{name} l2 {record.l2:g} loss {record.losses[-1]:.4f}")
    chosen = job.records[(job.best_epoch or 1) - 1]
    found.facts["l2"][name] = chosen.l2
    found.facts["converged"][name] = chosen.converged
    found.arrays[f"{name}/loss"] = np.array(chosen.losses)
    found.arrays[f"{name}/step"] = np.arange(1, len(chosen.losses) + 1)
    found.metrics[f"loss/{name}@{len(chosen.losses)}"] = chosen.losses[-1]
    return training_summary(settings, job.records, chosen.epoch)


def _full_batch(
    context: Context, name: str, network: FeedForward, source: Source, settings: FullBatchSettings, found: Findings
) -> dict[str, Any]:
    labels, products = context.training.required_labels(), context.precision.products
    job = FullBatchTraining(network, (source, labels), settings, products=products)
    for record in context.train(name, job):
        context.progress.step(record.epoch, settings.steps, f"{name} step {record.epoch} loss {record.loss:.4f}")
    losses = [record.loss for record in job.records]
    prefix = "" if name == "ffnn" else f"{name}/"
    found.arrays[f"{prefix}loss"] = np.array(losses)
    found.arrays[f"{prefix}step"] = np.arange(1, len(losses) + 1)
    shown = sorted({*range(1, settings.steps + 1, 100), settings.steps})
    found.metrics |= {f"loss/{name}@{step}": losses[step - 1] for step in shown}
    return training_summary(settings, job.records)


def learn_from_pixels(
    context: Context,
    name: str,
    network: FeedForward,
    settings: MinibatchSettings,
    found: Findings,
    augment: Augmentation | None = None,
) -> dict[str, Any]:
    """Train a network on the training images; what it augments are values as the DBN's first RBM sees them.

    Returns the summary of its training, as `_minibatch` does.
    """
    training, held_out = (context.standardised(part) for part in (context.training, context.held_out))
    return _minibatch(context, name, network, training, held_out, settings, found, augment)


def _minibatch(
    context: Context,
    name: str,
    network: FeedForward,
    training: Source,
    held_out: Source,
    settings: MinibatchSettings,
    found: Findings,
    augment: Augmentation | None = None,
) -> dict[str, Any]:
    """Train a network, in the study's precision, on the training images as it sees them."""
    network.to(context.precision.parameters)
    learnt = training, context.training.required_labels()
    checked = (held_out, context.held_out.required_labels()) if settings.patience else None
    random, products = context.random(f"{name}/training"), context.precision.products
    job = MinibatchTraining(
        network, learnt, settings, random=random, held_out=checked, augment=augment, products=products
    )
    for record in context.train(name, job):
        score = "" if record.score is None else f" validation {record.score:.4f}"
        line = f"{name} epoch {record.epoch} loss {record.loss:.4f}{score}"
        context.progress.step(record.epoch, settings.epochs, line)
    found.arrays["loss"] = np.array([record.loss for record in job.records])
    found.arrays["step"] = np.array([record.epoch for record in job.records])
    if job.records[-1].score is not None:
        found.arrays["validation_accuracy"] = np.array([record.score for record in job.records])
        found.arrays["epoch"] = found.arrays["step"]
    found.facts["best_epoch"] = job.best_epoch
    found.metrics |= {f"loss/{name}@{record.epoch}": record.loss for record in job.records}
    return training_summary(settings, job.records, job.best_epoch)
