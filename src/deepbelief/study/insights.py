"""Stages that look inside the network: receptive fields, features, clusters, confusions, neighbours."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from deepbelief.data import Images, Source, evenly_spaced, in_batches
from deepbelief.data.split import choose_rows
from deepbelief.insight.activation_maximisation import maximise_activation
from deepbelief.insight.classes import class_means, class_tree, confusion, most_confused
from deepbelief.insight.embedding import principal_components, tsne
from deepbelief.insight.neighbours import nearest, nearest_others
from deepbelief.insight.receptive_fields import scaled_alike, scaled_each, weights_to_pixels
from deepbelief.insight.strength import unit_strengths
from deepbelief.insight.top_down import top_down_effects
from deepbelief.study.context import Context, Findings, share

_EXAMPLES: Final = 10  # training images whose features are drawn, where there are no classes
_QUERIES: Final = 8  # drawn
_MEASURED: Final = 500  # test images whose neighbours are counted
_NEIGHBOURS: Final = 10
_STATES: Final = 50  # of a layer, in which a unit is switched on to see what it changes
_BINS: Final = 50  # of a histogram of features
_LOOKED_AT: Final = 2000  # training images at a time
_SCALES: Final = {"alike": scaled_alike, "each": scaled_each}


def receptive_fields_of_pixels(context: Context) -> Findings:
    """The receptive fields of the first layer."""
    return _fields(context, [1])


def deep_receptive_fields(context: Context) -> Findings:
    """The receptive fields of the deeper layers, through the layers below."""
    return _fields(context, list(range(2, len(context.dbn) + 1)))


def _fields(context: Context, layers: list[int]) -> Findings:
    """Pictures of units of these layers: of the first its weights, of deeper ones all views that the recipe names."""
    section = context.recipe.receptive_fields
    found = Findings(facts={"threshold": section.threshold, "choice": section.choice, "scale": section.scale})
    for number, layer in enumerate(layers, start=1):
        units = _chosen_units(context, layer)
        found.arrays[f"units_{layer}"] = units.cpu().numpy()
        for view in section.deep_views if layer > 1 else ("weights",):
            name, look = _VIEWS[view]
            found.arrays[f"{name}_{layer}"] = look(context, layer, units)
        context.progress.step(number, len(layers), f"units of layer {layer}")
    return found


def _chosen_units(context: Context, layer: int) -> Tensor:
    """The numbers of the units of a layer that are drawn, in the order in which they are."""
    section, rbm = context.recipe.receptive_fields, context.dbn.layer(layer)
    if section.choice == "first":
        order = torch.arange(rbm.hidden.size, device=context.device)
    else:
        order = unit_strengths(rbm, context.features[layer - 1]).argsort(descending=True, stable=True)
    return order[: section.units]


def _weights(context: Context, layer: int, units: Tensor) -> Any:
    """The linear view of units, as images from 0 to 1."""
    section = context.recipe.receptive_fields
    return context.shaped(_SCALES[section.scale](weights_to_pixels(context.dbn, layer, section.threshold))[units])


def _maximised(context: Context, layer: int, units: Tensor) -> Any:
    """The images that excite units most."""
    return context.picture(maximise_activation(context.dbn, layer, units, context.training, context.bounds))


def _top_down(context: Context, layer: int, units: Tensor) -> Any:
    """What units change in the images that the network makes of some features of training images."""
    rows = context.random("top-down").permutation(len(context.training))[:_STATES]
    states = context.features[layer - 1].batch(rows).to(context.device)
    effects = top_down_effects(context.dbn, layer, units, states)
    return context.shaped(_SCALES[context.recipe.receptive_fields.scale](effects))


# Of a view: what its arrays are called, and the function that makes them.
_VIEWS: Final[dict[str, tuple[str, Callable[[Context, int, Tensor], Any]]]] = {
    "weights": ("layer", _weights),
    "maximised": ("maximised", _maximised),
    "top-down": ("top_down", _top_down),
}


def features(context: Context) -> Findings:
    """The features of all training images at every layer: their histogram, class means or examples, mean activation."""
    found = Findings(facts={"shapes": {}, "class_names": list(context.dataset.class_names)})
    if not context.labelled:
        found.arrays["images"] = context.picture(evenly_spaced(context.training, _shown(context)))
    for layer, values in enumerate(context.features, start=1):
        name = f"layer_{layer}"
        counts, total = torch.zeros(_BINS), 0.0
        for batch in in_batches(values, _LOOKED_AT):
            counts += torch.histc(batch, bins=_BINS, min=0.0, max=1.0).cpu()
            total += float(batch.sum(dtype=torch.float64))
        found.facts["shapes"][name] = [len(values), values.width]
        found.arrays[f"{name}/histogram"] = (counts / counts.sum()).numpy()
        found.arrays[f"{name}/examples"] = _examples(context, values).cpu().numpy()
        found.metrics[f"mean_activation/{name}"] = total / (len(values) * values.width)
    return found


def _examples(context: Context, values: Source) -> Tensor:
    """The mean features of each class, or, where there are no classes, the features of some training images."""
    if not context.labelled:
        return evenly_spaced(values, _shown(context))
    return class_means(values, context.training.required_labels(), context.classes).float()


def _shown(context: Context) -> int:
    """Of how many images the features are drawn, where there are no classes."""
    return min(_EXAMPLES, len(context.training))


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
    training = context.training
    rows = context.random("encoding").permutation(len(context.test))[:_MEASURED]
    queries = context.test.subset(rows)
    found = Findings()
    found.facts = {"class_names": list(context.dataset.class_names), "neighbours": min(_NEIGHBOURS, len(training))}
    found.arrays["queries"] = context.picture(queries.batch(slice(0, _QUERIES)))
    pixels = queries.batch(slice(0, len(queries))).to(context.precision.parameters)
    spaces: dict[str, tuple[Tensor, Source]] = {"pixels": (pixels, training)}
    for layer, (asked, known) in enumerate(zip(context.dbn.encode_all(pixels), context.features, strict=True), start=1):
        spaces[f"layer_{layer}"] = asked, known
    neighbours = {name: nearest(asked, known, _NEIGHBOURS) for name, (asked, known) in spaces.items()}
    for name in ("pixels", f"layer_{len(context.dbn)}"):
        shown = neighbours[name][:_QUERIES, :5]
        found.arrays[f"neighbours_{name}"] = context.picture(training.batch(shown.flatten())).reshape(
            *shown.shape, *found.arrays["queries"].shape[1:]
        )
    if context.labelled:
        _retrieval(context, queries, neighbours, found)
    _embed(context, found)
    return found


def _retrieval(context: Context, queries: Images, neighbours: Mapping[str, Tensor], found: Findings) -> None:
    """Whether the nearest training images have the class of the query; neighbours (queries, k) by representation."""
    labels, wanted = context.training.required_labels(), queries.required_labels()
    found.arrays["query_labels"] = wanted[:_QUERIES].cpu().numpy()
    for name, rows in neighbours.items():
        found.metrics[f"retrieval_precision/{name}"] = share(labels[rows] == wanted[:, None])
        if f"neighbours_{name}" in found.arrays:
            found.arrays[f"labels_{name}"] = np.asarray(labels[rows[:_QUERIES, :5]].cpu())
    found.headline = f"same class among the {found.facts['neighbours']} nearest: " + ", ".join(
        f"{name} {found.metrics[f'retrieval_precision/{name}']:.3f}" for name in neighbours
    )


def _embed(context: Context, found: Findings) -> None:
    """Maps of some test images, of each class by its share, in two dimensions: of their pixels and of each layer."""
    random, count = context.random("embeddings"), context.recipe.embeddings.images
    rows = choose_rows(context.test.strata, count, random).sort().values
    if len(rows) < 2:  # none asked for, or a test set of one image
        return
    images, labels = context.test_pixels[rows], context.test.subset(rows).labels
    if labels is not None:
        found.arrays["embedded_labels"] = labels.cpu().numpy()
    spaces = {"pixels": images} | {f"layer_{n}": of for n, of in enumerate(context.dbn.encode_all(images), start=1)}
    for number, (name, values) in enumerate(spaces.items(), start=1):
        points, found.metrics[f"embedding_variance/{name}"] = principal_components(values)
        maps = {"pca": points, "tsne": tsne(values, points)}
        found.arrays |= {f"{kind}_{name}": placed.numpy() for kind, placed in maps.items()}
        if labels is not None:
            for kind, placed in {"full": values, **maps}.items():
                near = labels[nearest_others(placed.to(values), _NEIGHBOURS)]
                found.metrics[f"embedding_precision/{kind}/{name}"] = share(near == labels[:, None])
        context.progress.step(number, len(spaces), f"map of {name.replace('_', ' ')}")
