"""Chapters about the data set."""

from collections.abc import Sequence

import numpy as np

from deepbelief.report.chapter import Chapter, Picture
from deepbelief.report.images import grid
from deepbelief.report.run import Run, Stage
from deepbelief.report.tables import Table
from deepbelief.report.text import percent

_PARTS = {"train": "training", "test": "test"}


def data(run: Run, stage: Stage) -> Chapter:
    """How much data there is, and the mean image of every class, or of all images where they have no labels."""
    facts, names = stage.record.facts, [str(name) for name in stage.fact("class_names")]
    purpose = "to choose when to stop" if names else "to watch for overfitting"
    held_back = f"{facts['n_validation']:,} are held back {purpose}, " if facts.get("n_validation") else ""
    classes = f"Each shows one of {len(names)} classes." if names else "None of them has a label."
    yardstick = ": the yardstick for every noise level further down" if names else ""
    text = (
        f"{run.data_name} comes as {_values(stage)} {facts['n_train']:,} images are for training, {held_back}and "
        f"{facts['n_test']:,} are for testing only. {classes}",
        f"Over the training images a pixel is {float(stage.fact('pixel_mean')):.3f} on average, with a standard "
        f"deviation of {float(stage.fact('pixel_std')):.3f}{yardstick}.",
    )
    if not names:
        return Chapter(text, (_mean_of_all(stage),), ())
    picture = _means_of_classes(stage, names)
    train, test = stage.array("class_counts_train"), stage.array("class_counts_test")
    rows = [(name, f"{train[i]:,}", f"{test[i]:,}") for i, name in enumerate(names)]
    table = Table("Images of each class", ("class", "train", "test"), rows)
    return Chapter(text, (picture,), (table,))


def _means_of_classes(stage: Stage, names: Sequence[str]) -> Picture:
    means, seen = stage.array("class_means"), stage.array("class_counts_train") > 0
    learnt = [name for name, there in zip(names, seen, strict=True) if there]
    return Picture(
        "data",
        f"The mean training image of each of the {len(learnt)} classes.",
        "The mean training image of each class. Where it is sharp the class varies little; where it is a blur, its "
        f"images differ in shape or place. {_black(stage)}",
        grid(means[seen], min(5, len(learnt)), learnt),
    )


def _mean_of_all(stage: Stage) -> Picture:
    return Picture(
        "data",
        "The mean training image.",
        "The mean training image. Where it is sharp the images agree; where it is a blur, they differ in shape or "
        f"place. {_black(stage)}",
        grid(stage.array("mean")[np.newaxis], 1, margin=1.9),
    )


def _black(stage: Stage) -> str:
    share = percent(float(stage.fact("zero_fraction")), 0)
    return f"{share} of all pixels are exactly black, the rest share the contrast."


def _values(stage: Stage) -> str:
    """The size and the range of the images, as the end of a sentence."""
    shape, (low, high) = stage.fact("image_shape"), stage.record.facts.get("bounds", (0, 1))
    what = f"{shape[0]} values" if len(shape) == 1 else f"{' x '.join(map(str, shape))} pixels"
    if (low, high) == (0, 1):
        return f"grey images of {what}, scaled to lie between 0 (black) and 1 (white)."
    return (
        f"images of {what}, real numbers from {low:g} to {high:g}. All pictures show the lowest of them black and the "
        "highest white, and noise, attacks and the figures below are measured on that scale: 1 is the whole range."
    )


def samples(run: Run, stage: Stage) -> Chapter:
    """One random image and a grid of them, from both sets."""
    puzzled = "classifiers" if run.class_names else "network"
    text = (
        "Before any learning it pays to look. The two sets come from the same source and should look alike; an image "
        f"that puzzles you will puzzle the {puzzled} too.",
    )
    grids = [_grid(run, stage, part) for part in _PARTS if len(stage.array(f"{part}_grid"))]
    if not run.class_names:
        return Chapter(text, (_pair(run, stage), *grids), ())
    labels = [stage.array(f"{part}_labels") for part in _PARTS]
    rows = [(name, *(str(np.sum(of == label)) for of in labels)) for label, name in enumerate(run.class_names)]
    table = Table("How often each class is in the two grids", ("class", "train", "test"), rows)
    return Chapter(text, (_pair(run, stage), *grids), (table,))


def _pair(run: Run, stage: Stage) -> Picture:
    """An image of each set, with its label if there are labels."""
    pair = np.stack([stage.array(f"{part}_one") for part in _PARTS])
    if not run.class_names:
        told = "One image drawn at random from each set: left from the training images, right from the test images."
        return Picture("samples", "Two images side by side.", told, grid(pair, 2, list(_PARTS), margin=0.9))
    one = {part: run.class_name(stage.fact(f"{part}_one_label")) for part in _PARTS}
    return Picture(
        "samples",
        f"Two images side by side: {one['train']} from the training set, {one['test']} from the test set.",
        f"One image drawn at random from each set: {one['train']} (training) and {one['test']} (test).",
        grid(pair, 2, [f"{part}: {label}" for part, label in one.items()], margin=0.9),
    )


def _grid(run: Run, stage: Stage, part: str) -> Picture:
    images, title = stage.array(f"{part}_grid"), _PARTS[part]
    if not run.class_names:
        told = f"{len(images)} random images of the {title} set."
        return Picture(f"samples-{part}", told, told, grid(images, 4))
    labels = [run.class_name(label) for label in stage.array(f"{part}_labels")]
    return Picture(
        f"samples-{part}",
        f"{len(images)} random images of the {title} set: {', '.join(labels)}.",
        f"{len(images)} random images of the {title} set with their labels; {len(set(labels))} of the "
        f"{len(run.class_names)} classes turn up.",
        grid(images, 4, labels),
    )
