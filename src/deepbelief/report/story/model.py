"""Chapters about the deep belief network itself: its training, and the features that it makes of images."""

from collections.abc import Mapping, Sequence

import numpy as np

from deepbelief.report.chapter import Chapter, Picture
from deepbelief.report.charts import Chart, charts_drawing
from deepbelief.report.curves import Curve
from deepbelief.report.images import grid
from deepbelief.report.matrices import activations, histograms
from deepbelief.report.run import Floats, Run, Stage
from deepbelief.report.style import Look, layer_look
from deepbelief.report.tables import Table
from deepbelief.report.text import interval, listing, percent


def pretraining(run: Run, stage: Stage) -> Chapter:
    """Greedy training of the stack, and its reconstruction error."""
    widths = [int(width) for width in stage.fact("layers")]
    layers = range(1, len(widths))
    errors = {layer: stage.floats(f"layer_{layer}/reconstruction_error") for layer in layers}
    charts = [Chart("Reconstruction error", "epoch", _per_epoch(errors, len(layers)))]
    gaps = {layer: np.asarray(stage.arrays.get(f"layer_{layer}/free_energy_gap", []), float) for layer in layers}
    if found := {layer: gap for layer, gap in gaps.items() if len(gap)}:
        title = "Free energy, held-out minus training images"
        charts.append(Chart(title, "epoch", _per_epoch(found, len(layers)), tall=1.8))
    falls = [f"from {error[0]:.3f} to {error[-1]:.3f} in layer {layer}" for layer, error in errors.items()]
    text = (
        "A restricted Boltzmann machine (RBM) is a layer of visible and a layer of hidden units with connections only "
        "between the two. It gives every image an energy, and learning lowers the energy of images that occur and "
        "raises it for images that the machine makes up itself. Stacked, each RBM trained on the hidden probabilities "
        f"of the one below, they form a deep belief network; here {'-'.join(map(str, widths))} units.",
        "No label is used. A hidden unit that helps to rebuild its input has found a regularity of the images; the "
        "reconstruction error (squared error of a batch, averaged over units) shows how this goes on. It is not the "
        "quantity that is optimised, but a cheap sign that nothing went astray."
        + (" A free-energy gap that keeps widening would be a sign of overfitting." if found else ""),
    )
    picture = Picture(
        "pretraining",
        f"Reconstruction error against epoch for {len(errors)} layers.",
        f"From the first to the last epoch the error goes {listing(falls)}. Errors of different layers are not "
        "comparable: each layer rebuilds another input.",
        charts_drawing(charts),
    )
    return Chapter(text, (picture,), (_error_table(run, stage, widths),), _energy(run))


def _energy(run: Run) -> str:
    """The energy of an RBM; real-valued units, which have a precision of their own, add the first term."""
    own = "½ Σ gᵢvᵢ² " if run.results.settings.get("dbn", {}).get("visible") == "gaussian" else ""
    return f"E(v, h) = {own}− bᵀv − cᵀh − vᵀW h"  # noqa: RUF001


def _per_epoch(values: Mapping[int, Floats], layers: int) -> list[Curve]:
    """A curve for each layer, over the epochs from 1 on."""
    return [Curve(layer_look(layer, layers), np.arange(1.0, len(of) + 1), of) for layer, of in values.items()]


def _error_table(run: Run, stage: Stage, widths: list[int]) -> Table:
    series = {layer: run.series(f"reconstruction_error/layer_{layer}") for layer in range(1, len(widths))}
    epochs = sorted({float(level) for found in series.values() if found for level in found.levels})
    rows = []
    for layer in series:
        metrics = [run.metric(f"reconstruction_error/layer_{layer}@{epoch:g}") for epoch in epochs]
        trained = f"{stage.fact('epochs')[layer - 1]:,}"
        rows.append((f"layer {layer}", f"{widths[layer]:,}", trained, *map(interval, metrics)))
    total = stage.fact("parameters")
    total = sum(total) if isinstance(total, list) else total
    header = ("layer", "units", "epochs", *(f"error, epoch {epoch:g}" for epoch in epochs))
    return Table(f"Reconstruction error; the stack has {total:,} parameters", header, rows)


def features(run: Run, stage: Stage) -> Chapter:
    """Hidden probabilities of the layers for all images."""
    layers = stage.numbered("layer_", "/examples")
    looks = [layer_look(layer, run.layers) for layer in layers]
    examples = [stage.floats(f"layer_{layer}/examples") for layer in layers]
    shares = [stage.floats(f"layer_{layer}/histogram") for layer in layers]
    ends = [f"{percent(share[0] + share[-1], 0)} in layer {n}" for n, share in zip(layers, shares, strict=True)]
    text = (
        "An image enters at the bottom; each layer answers with the probabilities that its hidden units are on. From "
        "now on these probabilities, the features, stand for the image.",
        "A code in which most units say clearly yes or no is easy to read out and hard to upset; one that hovers "
        "around one half carries little.",
    )
    maps = _maps_of_classes(run, examples, looks) if run.class_names else _maps_of_images(stage, examples, looks)
    decided = Picture(
        "features-histogram",
        "Histograms of hidden probabilities, one a layer.",
        f"How decided the units are: of all activations {listing(ends)} lie in the outermost bins, next to 0 or 1. The "
        "vertical axis is logarithmic.",
        histograms(shares, looks),
    )
    return Chapter(text, (*maps, decided), (_features_table(run, stage, layers),))


def _maps_of_classes(run: Run, examples: Sequence[Floats], looks: Sequence[Look]) -> list[Picture]:
    picture = Picture(
        "features",
        "Maps of hidden probabilities, classes in rows and units in columns, one map a layer.",
        "The mean over the images of each class: one row a class, one column a unit, from white (off) to black (on). "
        "Units stand in the order of the class they answer to most, so a unit that serves a single class shows as a "
        "mark on the diagonal; columns dark throughout answer to everything.",
        activations(examples, run.class_names, looks),
    )
    return [picture]


def _maps_of_images(stage: Stage, examples: Sequence[Floats], looks: Sequence[Look]) -> list[Picture]:
    """Some images, and their features: without labels there are no classes to take means of."""
    images = stage.array("images")
    numbers = [f"image {number}" for number in range(1, len(images) + 1)]
    shown = Picture(
        "features-images",
        f"{len(images)} training images.",
        f"{len(images)} training images, at equal distances in the data, whose features are drawn below.",
        grid(images, min(5, len(images)), numbers),
    )
    maps = Picture(
        "features",
        "Maps of hidden probabilities, images in rows and units in columns, one map a layer.",
        "The features of these images: one row an image, one column a unit, from white (off) to black (on). Units "
        "stand in the order of the image they answer to most; columns dark throughout answer to everything.",
        activations(examples, numbers, looks),
    )
    return [shown, maps]


def _features_table(run: Run, stage: Stage, layers: Sequence[int]) -> Table:
    rows = []
    for layer in layers:
        shape = [f"{side:,}" for side in stage.fact("shapes")[f"layer_{layer}"]]
        rows.append((f"layer {layer}", *shape, interval(run.metric(f"mean_activation/layer_{layer}"))))
    return Table("Features of the training images", ("layer", "images", "units", "mean activation"), rows)
