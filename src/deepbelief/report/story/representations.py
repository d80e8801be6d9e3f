"""Chapters about similarity: clusters of classes, confusion matrices, search by features."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from deepbelief.report.chapter import Chapter, Picture
from deepbelief.report.images import Neighbours
from deepbelief.report.matrices import confusion_height, dendrograms_height, draw_confusion, draw_dendrograms
from deepbelief.report.run import Floats, Run, Stage
from deepbelief.report.style import contestant_looks, layer_look
from deepbelief.report.tables import Table
from deepbelief.report.text import ABSENT, listing, percent, points


def clusters(run: Run, stage: Stage) -> Chapter:
    """Hierarchical clustering of the classes by their mean features."""
    layers, names = stage.numbered("layer_", "/linkage"), [str(name) for name in stage.fact("class_names")]
    linkages = [stage.array(f"layer_{layer}/linkage").astype(float) for layer in layers]
    pairs = [_closest(linkage, names) for linkage in linkages]
    first = [f"{pair} in layer {layer}" for layer, pair in zip(layers, pairs, strict=True)]
    rows = tuple(
        (f"layer {layer}", pair, f"{linkage[0, 2]:.2f}", f"{linkage[-1, 2]:.2f}")
        for layer, pair, linkage in zip(layers, pairs, linkages, strict=True)
    )
    return Chapter(
        text=(
            "Average the features of all training images of a class, and you have the class's place in a layer. Then "
            "join the two nearest places, and the next, until all are one (complete linkage: two groups are as far "
            "apart as their farthest members). No label took part in the learning; a tree that puts shoes next to "
            "shoes was found in the images.",
        ),
        pictures=(
            Picture(
                "clusters",
                f"Dendrograms of the {len(names)} classes for {len(layers)} layers.",
                f"The first two classes to join are {listing(first)}. The farther right two branches meet, the less "
                "alike they are; distances grow with the number of units, so compare shapes between layers and not "
                "lengths.",
                dendrograms_height(len(names), len(layers)),
                partial(
                    draw_dendrograms,
                    linkages=linkages,
                    names=names,
                    looks=[layer_look(layer, run.layers) for layer in layers],
                ),
            ),
        ),
        tables=(Table("First and last merger", ("layer", "closest pair", "at", "last merger at"), rows),),
    )


def _closest(linkage: Floats, names: Sequence[str]) -> str:
    return " and ".join(names[int(leaf)] for leaf in linkage[0, :2])


def confusion(run: Run, stage: Stage) -> Chapter:
    """A confusion matrix per contestant."""
    contestants = [contestant for contestant in run.contestants if contestant in stage.arrays]
    worst, rows = stage.fact("most_confused"), []
    looks = contestant_looks(contestants, run.layers)
    for contestant in contestants:
        true, predicted, rate = worst[contestant]
        matrix = stage.array(contestant).astype(float)
        right = np.where(matrix.any(axis=1), np.diag(matrix), np.inf)  # a class without a test image is not hard
        hardest = f"{run.class_name(int(right.argmin()))} ({percent(float(right.min()), 0)})"
        mistake = f"{run.class_name(true)} as {run.class_name(predicted)}" if rate else ABSENT
        rows.append((looks[contestant].name, mistake, percent(float(rate), 0), hardest))
    return Chapter(
        text=(
            "An accuracy hides which classes are hard. In a confusion matrix each row holds all test images of one "
            "class and says what they were taken for; a perfect classifier has 100 on the diagonal and 0 elsewhere. "
            "Clusters seen above return here as mistakes between neighbours.",
        ),
        pictures=tuple(
            Picture(
                f"confusion-{contestant}",
                f"Confusion matrix of {looks[contestant].name} over {len(run.class_names)} classes.",
                f"{looks[contestant].name.capitalize()}: "
                + (f"its commonest mistake is {mistake} ({rate} of that class)" if mistake != ABSENT else "no mistake")
                + f"; hardest to recognise is {hardest}.",
                confusion_height(run.class_names),
                partial(
                    draw_confusion,
                    matrix=stage.array(contestant).astype(float),
                    names=run.class_names,
                    look=looks[contestant],
                ),
            )
            for contestant, (_, mistake, rate, hardest) in zip(contestants, rows, strict=True)
        ),
        tables=(
            Table("Commonest mistakes", ("contestant", "mistake", "rate", "hardest class (recognised)"), tuple(rows)),
        ),
    )


def encoding(run: Run, stage: Stage) -> Chapter:
    """Retrieval of similar images by pixels and by features."""
    layers = stage.numbered("neighbours_layer_")
    queries, labels = stage.array("queries"), stage.array("query_labels")
    shown = [("pixels", "nearest by pixels")]
    if layers:
        shown.append((f"layer_{layers[-1]}", f"nearest by layer {layers[-1]}"))
    groups = [
        (title, stage.array(f"neighbours_{key}"), stage.array(f"labels_{key}") != labels[:, None])
        for key, title in shown
    ]
    picture = Neighbours(queries, groups)
    counts = [f"{int(wrong.sum())} of {wrong.size} found by {title.split(' by ')[1]}" for title, _, wrong in groups]
    keys = ["pixels", *(f"layer_{n}" for n in range(1, run.layers + 1))]
    return Chapter(
        text=(
            "Features are useful beyond classification. Take a test image, and ask for the training images whose "
            "features are nearest to its own: a search engine for images that was never told what the images show. "
            "Nearest pixels are the measure to beat.",
        ),
        pictures=(
            Picture(
                "encoding",
                f"{len(queries)} test images, each with its nearest training images by pixels and by features.",
                f"{len(queries)} test images and their nearest training images. A red frame marks an image of "
                f"another class: {listing(counts)}.",
                picture.height,
                picture.draw,
            ),
        ),
        tables=(_precision_table(run, keys, stage.record.facts.get("neighbours", 10)),),
    )


def _precision_table(run: Run, keys: Sequence[str], neighbours: int) -> Table:
    metrics = {key: run.metric(f"retrieval_precision/{key}") for key in keys}
    rows = tuple((key.replace("_", " "), points(metric)) for key, metric in metrics.items() if metric)
    header = ("representation", "same class, %")
    return Table(f"Share of the {neighbours} nearest training images that have the query's class", header, rows)
