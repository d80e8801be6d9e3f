"""Chapters about similarity: clusters of classes, confusion matrices, search by features, maps of images."""

from typing import Final

import numpy as np

from deepbelief.report.chapter import Chapter, Picture
from deepbelief.report.images import neighbours
from deepbelief.report.maps import maps
from deepbelief.report.matrices import confusion_matrix, dendrograms
from deepbelief.report.run import Floats, Run, Stage
from deepbelief.report.style import MUTED, Look, contestant_looks, layer_look
from deepbelief.report.tables import Table
from deepbelief.report.text import ABSENT, listing, percent, points

_MAPS: Final = {"pca": "PCA", "tsne": "t-SNE"}


def clusters(run: Run, stage: Stage) -> Chapter:
    """Hierarchical clustering of the classes by their mean features."""
    layers, names = stage.numbered("layer_", "/linkage"), [str(name) for name in stage.fact("class_names")]
    linkages = [stage.floats(f"layer_{layer}/linkage") for layer in layers]
    text = (
        "Average the features of all training images of a class, and you have the class's place in a layer. Then join "
        "the two nearest places, and the next, until all are one (complete linkage: two groups are as far apart as "
        "their farthest members). No label took part in the learning; a tree that puts shoes next to shoes was found "
        "in the images.",
    )
    rows, first = [], []
    for layer, linkage in zip(layers, linkages, strict=True):
        pair = " and ".join(names[int(leaf)] for leaf in linkage[0, :2])
        first.append(f"{pair} in layer {layer}")
        rows.append((f"layer {layer}", pair, f"{linkage[0, 2]:.2f}", f"{linkage[-1, 2]:.2f}"))
    picture = Picture(
        "clusters",
        f"Dendrograms of the {len(names)} classes for {len(layers)} layers.",
        f"The first two classes to join are {listing(first)}. The farther right two branches meet, the less alike they "
        "are; distances grow with the number of units, so compare shapes between layers and not lengths.",
        dendrograms(linkages, names, [layer_look(layer, run.layers) for layer in layers]),
    )
    table = Table("First and last merger", ("layer", "closest pair", "at", "last merger at"), rows)
    return Chapter(text, (picture,), (table,))


def confusion(run: Run, stage: Stage) -> Chapter:
    """A confusion matrix per contestant."""
    text = (
        "An accuracy hides which classes are hard. In a confusion matrix each row holds all test images of one class "
        "and says what they were taken for; a perfect classifier has 100 on the diagonal and 0 elsewhere. Clusters "
        "seen above return here as mistakes between neighbours.",
    )
    contestants = [contestant for contestant in run.contestants if contestant in stage.arrays]
    looks = contestant_looks(contestants, run.layers)
    pictures, rows = [], []
    for contestant, look in looks.items():
        matrix = stage.floats(contestant)
        mistake, rate, hardest = _mistakes(run, matrix, stage.fact("most_confused")[contestant])
        rows.append((look.name, mistake, rate, hardest))
        worst = "no mistake" if mistake == ABSENT else f"its commonest mistake is {mistake} ({rate} of that class)"
        pictures.append(
            Picture(
                f"confusion-{contestant}",
                f"Confusion matrix of {look.name} over {len(run.class_names)} classes.",
                f"{look.name.capitalize()}: {worst}; hardest to recognise is {hardest}.",
                confusion_matrix(matrix, run.class_names, look),
            )
        )
    header = ("contestant", "mistake", "rate", "hardest class (recognised)")
    return Chapter(text, pictures, (Table("Commonest mistakes", header, rows),))


def _mistakes(run: Run, matrix: Floats, most_confused: tuple[int, int, float]) -> tuple[str, str, str]:
    """The commonest mistake, how often it is made, and the class that is recognised least often; in words."""
    true, predicted, rate = most_confused
    right = np.where(matrix.any(axis=1), np.diag(matrix), np.inf)  # a class without a test image is not hard
    hardest = f"{run.class_name(int(right.argmin()))} ({percent(float(right.min()), 0)})"
    mistake = f"{run.class_name(true)} as {run.class_name(predicted)}" if rate else ABSENT
    return mistake, percent(float(rate), 0), hardest


def encoding(run: Run, stage: Stage) -> Chapter:
    """Retrieval of similar images by pixels and by features."""
    text = (
        "Features are useful beyond classification. Take a test image, and ask for the training images whose features "
        "are nearest to its own: a search engine for images that was never told what the images show. Nearest pixels "
        "are the measure to beat.",
    )
    spaces = ["pixels", *(f"layer {layer}" for layer in range(1, run.layers + 1))]
    precisions = {space: run.metric(f"retrieval_precision/{space.replace(' ', '_')}") for space in spaces}
    rows = [(space, points(metric)) for space, metric in precisions.items() if metric]
    count = stage.record.facts.get("neighbours", 10)
    title = f"Share of the {count} nearest training images that have the query's class"
    found = Table(title, ("representation", "same class, %"), rows)
    if "pca_pixels" not in stage.arrays:  # the recipe asks for no maps, or the record is of an earlier version
        return Chapter(text, (_search(stage),), (found,))
    about = f"{_ABOUT_MAPS} {_COLOURS}" if run.class_names else _ABOUT_MAPS
    return Chapter((*text, about), (_search(stage), _maps(run, stage)), (found, _maps_table(run, spaces)))


def _search(stage: Stage) -> Picture:
    """Test images and the training images nearest to them; where there are labels, which of these are wrong."""
    queries = stage.array("queries")
    top = [f"layer_{layer}" for layer in stage.numbered("neighbours_layer_")[-1:]]  # the top layer, if there is one
    groups, counts = [], []
    for key in ["pixels", *top]:
        name, found = key.replace("_", " "), stage.array(f"neighbours_{key}")
        wrong = np.zeros(found.shape[:2], bool)
        if "query_labels" in stage.arrays:
            wrong = stage.array(f"labels_{key}") != stage.array("query_labels")[:, None]
            counts.append(f"{int(wrong.sum())} of {wrong.size} found by {name}")
        groups.append((f"nearest by {name}", found, wrong))
    marked = f" A red frame marks an image of another class: {listing(counts)}." if counts else ""
    return Picture(
        "encoding",
        f"{len(queries)} test images, each with its nearest training images by pixels and by features.",
        f"{len(queries)} test images and their nearest training images.{marked}",
        neighbours(queries, groups),
    )


_ABOUT_MAPS: Final = (
    "Who is near to whom can be drawn, at a price: two dimensions hold little of hundreds. Principal components "
    "(PCA) are the two directions in which the images differ most. t-SNE gives up large distances and keeps neighbours "
    "together, so read from it which images are next to which, and nothing from the distance or the size of groups."
)
_COLOURS: Final = "Neither was told the classes; the colours were added afterwards."


def _maps(run: Run, stage: Stage) -> Picture:
    """Test images as points, coloured by class if they have labels, for the pixels and for each layer."""
    layers = stage.numbered("pca_layer_")
    names = ["pixels", *(f"layer_{layer}" for layer in layers)]
    looks = [Look("pixels", MUTED, "o"), *(layer_look(layer, run.layers) for layer in layers)]
    rows = {title: [stage.floats(f"{kind}_{name}") for name in names] for kind, title in _MAPS.items()}
    if not run.class_names:
        labels = np.zeros(len(stage.array("pca_pixels")), int)
        return Picture(
            "maps",
            f"Maps of {len(labels)} test images by their pixels and by {len(layers)} layers.",
            f"{len(labels)} test images, each a point: by pixels, and by the features of each layer.",
            maps(rows, looks, labels, ["test image"]),
        )
    labels = stage.array("embedded_labels")
    return Picture(
        "maps",
        f"Maps of {len(labels)} test images by their pixels and by {len(layers)} layers, coloured by class.",
        f"{len(labels)} test images, each a point in the colour of its class: by pixels, and by the features of each "
        "layer. Where colours form islands, near neighbours are of one class; where they mix, a search by features "
        "finds the wrong things.",
        maps(rows, looks, labels, run.class_names),
    )


def _maps_table(run: Run, spaces: list[str]) -> Table:
    """What is left on the maps of the variance, and, where there are labels, of neighbours of the same class."""
    kinds, rows = ("full", *_MAPS) if run.class_names else (), []
    for space in spaces:
        name = space.replace(" ", "_")
        near = [points(run.metric(f"embedding_precision/{kind}/{name}")) for kind in kinds]
        rows.append((space, points(run.metric(f"embedding_variance/{name}")), *near))
    if not kinds:
        title = "Share of the variance that two principal components hold, in per cent"
        return Table(title, ("representation", "variance"), rows)
    header = ("representation", "variance", "same class, in all dimensions", *(f"in {of}" for of in _MAPS.values()))
    title = (
        "Share of the variance that two principal components hold, and of the nearest other test images that have the "
        "same class, in per cent"
    )
    return Table(title, header, rows)
