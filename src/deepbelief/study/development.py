"""The stage that looks back: what each layer could do, and what it had in common with its end, at chosen epochs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from torch import Tensor

from deepbelief.data import TensorSource, evenly_spaced
from deepbelief.data.image_source import ImageSource
from deepbelief.data.split import choose_rows
from deepbelief.insight import cka_matrix, relative_change, ridge_readout
from deepbelief.models.feedforward import accuracy
from deepbelief.robustness import noise
from deepbelief.study.context import Context, Findings

_COMPARED: Final = 2000  # test images whose features are compared between epochs


@dataclass(frozen=True, eq=False)
class _Measured:
    """A layer as it was after an epoch."""

    epoch: int
    accuracies: list[float]
    """Of its read-out, at each level of noise; none where there are no labels to read out."""
    features: Tensor
    """Of the test images that are compared, (images, units)."""


def development(context: Context) -> Findings:
    """Read-outs of each layer as it was at the chosen epochs, clean and in noise, and how its features changed.

    A layer that was trained after those below is measured on top of them as they are in the end; layers that learnt
    together, on top of each other as they were at the same epoch. Without labels there are no read-outs.
    """
    levels = sorted({0.0, *context.recipe.development.levels}) if context.labelled else [0.0]
    labels, (training, *tests) = _labels_and_images(context, levels)
    layers: list[list[_Measured]] = [[] for _ in context.dbn_epochs]
    total = sum(len(_epochs(context, layer)) for layer in range(1, len(layers) + 1))
    visit = _together if context.recipe.dbn.training == "joint" else _one_after_the_other
    for done, (layer, epoch, (learnt, *tested)) in enumerate(visit(context, [training, *tests]), start=1):
        accuracies = _accuracies(context, labels, learnt, tested)
        compared = evenly_spaced(TensorSource(tested[0]), min(_COMPARED, len(tested[0])))
        layers[layer - 1].append(_Measured(epoch, accuracies, compared))
        reached = f": read-out {accuracies[0]:.4f}" if accuracies else ""
        context.progress.step(done, total, f"layer {layer} after epoch {epoch}{reached}")
    found = Findings(arrays={"levels": np.array(levels)})
    found.facts = {"compared": len(layers[0][0].features)}
    if labels:
        found.facts |= {"images": len(training), "test_images": len(tests[0])}
    for layer, measured in enumerate(layers, start=1):
        _tell(layer, measured, levels, found)
    return found


def _labels_and_images(context: Context, levels: Sequence[float]) -> tuple[list[Tensor], list[Tensor]]:
    """The labels of some training and test images, if there are any, and the images as layer 1 sees them.

    The images are the training images, and the test images at each level of noise, whose first is no noise.
    """
    random, count = context.random("development"), context.recipe.development.images
    parts: list[ImageSource] = [context.training, context.test]
    chosen = [part.subset(choose_rows(part.strata, count, random)) for part in parts]
    training, test = (part.batch(slice(0, len(part))) for part in chosen)
    noisy = (noise.gaussian(test, level * context.span, random) for level in levels[1:])
    images = [context.dbn.encode(values, 0) for values in (training, test, *noisy)]
    return [part.labels for part in chosen if part.labels is not None], images


def _accuracies(context: Context, labels: list[Tensor], learnt: Tensor, tested: list[Tensor]) -> list[float]:
    """Of a read-out of training features on test features at each level of noise; labels are those of both, or none."""
    if not labels:
        return []
    readout = ridge_readout(learnt, labels[0], context.classes, context.recipe.development.l2)
    return [accuracy(readout, values, labels[1]) for values in tested]


def _epochs(context: Context, layer: int) -> list[int]:
    """The epochs of a layer at which it is measured: the chosen ones before that which was kept, and that."""
    kept = context.dbn_epochs[layer - 1]
    return [*sorted({epoch for epoch in context.recipe.development.epochs if epoch < kept}), kept]


def _features(context: Context, layer: int, epoch: int, seen: list[Tensor]) -> list[Tensor]:
    """What a layer, as it was after an epoch, makes of what it sees."""
    kept = epoch == context.dbn_epochs[layer - 1]
    rbm = context.dbn.layer(layer) if kept else context.snapshot(layer, epoch)
    return [rbm.hidden_mean(values) for values in seen]


def _one_after_the_other(context: Context, seen: list[Tensor]) -> Iterator[tuple[int, int, list[Tensor]]]:
    """Layer, epoch and features, each layer on top of the finished ones below."""
    for layer in range(1, len(context.dbn) + 1):
        features = seen
        for epoch in _epochs(context, layer):
            features = _features(context, layer, epoch, seen)
            yield layer, epoch, features
        seen = features  # of the last epoch


def _together(context: Context, seen: list[Tensor]) -> Iterator[tuple[int, int, list[Tensor]]]:
    """Layer, epoch and features, each layer on top of those below as they were at the same epoch."""
    for epoch in _epochs(context, 1):  # as of all layers
        features = seen
        for layer in range(1, len(context.dbn) + 1):
            features = _features(context, layer, epoch, features)
            yield layer, epoch, features


def _tell(layer: int, measured: list[_Measured], levels: Sequence[float], found: Findings) -> None:
    """The metrics and arrays of a layer; what is not defined, such as how alike constant features are, is none."""
    metrics: dict[str, float] = {}
    alike = cka_matrix([one.features for one in measured]).cpu().numpy()
    for number, one in enumerate(measured):
        at = f"layer_{layer}@{one.epoch}"
        if one.accuracies:
            metrics[f"accuracy/{at}"] = one.accuracies[0]
            curve = f"accuracy/layer_{layer}/epoch_{one.epoch}/gaussian"
            metrics |= {f"{curve}@{level:g}": share for level, share in zip(levels, one.accuracies, strict=True)}
        metrics[f"cka_final/{at}"] = float(alike[number, -1])
        if number:
            metrics[f"cka_before/{at}"] = float(alike[number, number - 1])
            metrics[f"change/{at}"] = relative_change(measured[number - 1].features, one.features)
    found.metrics |= {f"development/{name}": value for name, value in metrics.items() if np.isfinite(value)}
    arrays: dict[str, Any] = {"epochs": [one.epoch for one in measured], "cka": alike}
    if measured[0].accuracies:
        arrays["accuracy"] = [one.accuracies for one in measured]
    found.arrays |= {f"layer_{layer}/{name}": np.array(values) for name, values in arrays.items()}
