"""Stages that look inside the network: receptive fields, features, clusters, confusions, neighbours."""

from typing import Final

import numpy as np
import torch

from deepbelief.insight.classes import class_means, class_tree, confusion, most_confused
from deepbelief.insight.neighbours import nearest
from deepbelief.insight.receptive_fields import receptive_fields
from deepbelief.study.context import Context, Findings, share

_QUERIES: Final = 8  # drawn
_MEASURED: Final = 500  # test images whose neighbours are counted
_NEIGHBOURS: Final = 10


def receptive_fields_of_pixels(context: Context) -> Findings:
    """The receptive fields of the first layer."""
    return _fields(context, [1])


def deep_receptive_fields(context: Context) -> Findings:
    """The receptive fields of the deeper layers, through the layers below."""
    return _fields(context, list(range(2, len(context.dbn) + 1)))


def _fields(context: Context, layers: list[int]) -> Findings:
    section = context.recipe.receptive_fields
    found = Findings(facts={"threshold": section.threshold})
    for layer in layers:
        fields = receptive_fields(context.dbn, layer, section.threshold)[: section.units]
        found.arrays[f"layer_{layer}"] = context.shaped(fields)  # from 0 to 1 already
    return found


def features(context: Context) -> Findings:
    """The features of all training images at every layer: their histogram, class means and mean activation."""
    labels = context.training.required_labels()
    found = Findings(facts={"shapes": {}, "class_names": list(context.dataset.class_names)})
    for layer, values in enumerate(context.features, start=1):
        name = f"layer_{layer}"
        counts = torch.histc(values, bins=50, min=0.0, max=1.0)
        found.facts["shapes"][name] = list(values.shape)
        found.arrays[f"{name}/histogram"] = (counts / counts.sum()).cpu().numpy()
        found.arrays[f"{name}/examples"] = class_means(values, labels, context.classes).float().cpu().numpy()
        found.metrics[f"mean_activation/{name}"] = float(values.mean())
    return found


def clusters(context: Context) -> Findings:
    """A tree of the similarity of the classes in each layer, of the classes with training images."""
    labels = context.training.required_labels()
    seen = torch.bincount(labels, minlength=context.classes).cpu() > 0
    names = [name for name, there in zip(context.dataset.class_names, seen.tolist(), strict=True) if there]
    found = Findings(facts={"class_names": names})
    for layer, values in enumerate(context.features, start=1):
        means = class_means(values, labels, context.classes).cpu()
        found.arrays[f"layer_{layer}/linkage"] = class_tree(means[seen])
    return found


def confusion_matrices(context: Context) -> Findings:
    """Which classes each contestant mistakes for which, on the test images."""
    found = Findings(facts={"most_confused": {}, "class_names": list(context.dataset.class_names)})
    for name, predicted in context.clean_predictions.items():
        matrix = confusion(context.test.required_labels(), predicted, context.classes)
        found.arrays[name] = matrix
        found.facts["most_confused"][name] = list(most_confused(matrix))
    return found


def encoding(context: Context) -> Findings:
    """Feature extraction put to use: which training images are nearest to a test image, in pixels and in each layer."""
    training, labels = context.training, context.training.required_labels()
    rows = context.random("encoding").permutation(len(context.test))[:_MEASURED]
    queries = context.test.subset(rows)
    wanted = queries.required_labels()
    found = Findings()
    found.facts = {"class_names": list(context.dataset.class_names), "neighbours": min(_NEIGHBOURS, len(training))}
    found.arrays["queries"] = context.picture(queries.batch(slice(0, _QUERIES)))
    found.arrays["query_labels"] = wanted[:_QUERIES].cpu().numpy()
    pixels = queries.batch(slice(0, len(queries))).to(context.precision.parameters)
    spaces = {"pixels": (pixels, training.batch(slice(0, len(training))).to(pixels))}
    for layer, (asked, known) in enumerate(zip(context.dbn.encode_all(pixels), context.features, strict=True), start=1):
        spaces[f"layer_{layer}"] = asked, known
    for name, (asked, known) in spaces.items():
        neighbours = nearest(asked, known, _NEIGHBOURS)
        found.metrics[f"retrieval_precision/{name}"] = share(labels[neighbours] == wanted[:, None])
        if name in ("pixels", f"layer_{len(context.dbn)}"):
            shown = neighbours[:_QUERIES, :5]
            found.arrays[f"neighbours_{name}"] = context.picture(training.batch(shown.flatten())).reshape(
                *shown.shape, *found.arrays["queries"].shape[1:]
            )
            found.arrays[f"labels_{name}"] = np.asarray(labels[shown].cpu())
    found.headline = f"same class among the {found.facts['neighbours']} nearest: " + ", ".join(
        f"{name} {found.metrics[f'retrieval_precision/{name}']:.3f}" for name in spaces
    )
    return found
