"""Chapters about the data set."""

import numpy as np

from deepbelief.report.chapter import Chapter, Picture
from deepbelief.report.images import grid
from deepbelief.report.run import Run, Stage
from deepbelief.report.tables import Table
from deepbelief.report.text import percent

_PARTS = {"train": "training", "test": "test"}


def data(run: Run, stage: Stage) -> Chapter:
    """How much data there is and the mean image of every class."""
    facts, names = stage.record.facts, [str(name) for name in stage.fact("class_names")]
    held_back = f"{facts['n_validation']:,} are held back to choose when to stop, " if facts.get("n_validation") else ""
    means, train, test = (stage.array(f"class_{what}") for what in ("means", "counts_train", "counts_test"))
    learnt = [name for name, count in zip(names, train, strict=True) if count]
    text = (
        f"{run.data_name} comes as {_values(stage)} {facts['n_train']:,} images are for training, {held_back}and "
        f"{facts['n_test']:,} are for testing only. Each shows one of {len(names)} classes.",
        f"Over the training images a pixel is {float(stage.fact('pixel_mean')):.3f} on average, with a standard "
        f"deviation of {float(stage.fact('pixel_std')):.3f}: the yardstick for every noise level further down.",
    )
    picture = Picture(
        "data",
        f"The mean training image of each of the {len(learnt)} classes.",
        "The mean training image of each class. Where it is sharp the class varies little; where it is a blur, its "
        f"images differ in shape or place. {percent(float(stage.fact('zero_fraction')), 0)} of all pixels are exactly "
        "black, the rest share the contrast.",
        grid(means[train > 0], min(5, len(learnt)), learnt),
    )
    rows = [(name, f"{train[i]:,}", f"{test[i]:,}") for i, name in enumerate(names)]
    return Chapter(text, (picture,), (Table("Images of each class", ("class", "train", "test"), rows),))


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
    text = (
        "Before any learning it pays to look. The two sets come from the same source and should look alike; an image "
        "that puzzles you will puzzle the classifiers too.",
    )
    one = {part: run.class_name(stage.fact(f"{part}_one_label")) for part in _PARTS}
    pair = np.stack([stage.array(f"{part}_one") for part in _PARTS])
    single = Picture(
        "samples",
        f"Two images side by side: {one['train']} from the training set, {one['test']} from the test set.",
        f"One image drawn at random from each set: {one['train']} (training) and {one['test']} (test).",
        grid(pair, 2, [f"{part}: {label}" for part, label in one.items()], margin=0.9),
    )
    grids = [_grid(run, stage, part) for part in _PARTS if len(stage.array(f"{part}_grid"))]
    labels = [stage.array(f"{part}_labels") for part in _PARTS]
    rows = [(name, *(str(np.sum(of == label)) for of in labels)) for label, name in enumerate(run.class_names)]
    table = Table("How often each class is in the two grids", ("class", "train", "test"), rows)
    return Chapter(text, (single, *grids), (table,))


def _grid(run: Run, stage: Stage, part: str) -> Picture:
    images, title = stage.array(f"{part}_grid"), _PARTS[part]
    labels = [run.class_name(label) for label in stage.array(f"{part}_labels")]
    return Picture(
        f"samples-{part}",
        f"{len(images)} random images of the {title} set: {', '.join(labels)}.",
        f"{len(images)} random images of the {title} set with their labels; {len(set(labels))} of the "
        f"{len(run.class_names)} classes turn up.",
        grid(images, 4, labels),
    )
