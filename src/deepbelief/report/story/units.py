"""Chapters about single units: what they look for in an image, and what they make of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from deepbelief.report.chapter import Chapter, Picture
from deepbelief.report.images import grid
from deepbelief.report.run import Run, Stage
from deepbelief.report.tables import Table
from deepbelief.report.text import ABSENT, percent


@dataclass(frozen=True)
class _View:
    """One way to look at units: how its arrays and pictures are called, and what is said of it."""

    arrays: str
    pictures: str
    title: str
    caption: str
    text: str  # a paragraph for the chapter about deeper layers


_WEIGHTS: Final = _View(
    "layer_",
    "receptive-fields",
    "Receptive fields",
    "Each field is a mixture of fields of the layers below: expect larger, more object-like patterns.",
    "A unit of a deeper layer sees no pixels, only units. Multiplying its weights with those of the layers below "
    "gives the image it would favour if every layer were linear. They are not, so take these pictures as a hint "
    "and not as the truth.",
)
_MAXIMISED: Final = _View(
    "maximised_",
    "maximised",
    "The most exciting images",
    "Each image is the one that excites its unit most. Where it looks like a thing, the unit stands for such things; "
    "where it looks like nothing, the unit stands for something that many images share.",
    "What really excites a unit can be searched for, through all layers as they are: begin with the mean image and "
    "follow the gradient, but never farther from the mean than most images are, lest the search end at a pattern that "
    "is like no image (activation maximisation).",
)
_TOP_DOWN: Final = _View(
    "top_down_",
    "top-down",
    "Top-down effects",
    "Bright is what a unit adds to an image by being on, dark what it takes away.",
    "And what does a unit make of itself? The network also runs downwards. Take the activities that some real images "
    "bring about in a layer, switch one unit on and off while all others stay, and compare the two images that the "
    "network makes; drawn is the mean difference.",
)
_VIEWS: Final = (_WEIGHTS, _MAXIMISED, _TOP_DOWN)


def receptive_fields(run: Run, stage: Stage) -> Chapter:
    """Weights of the first layer, drawn as images."""
    scale = (
        "each picture is scaled by itself, so that faint patterns show, too"
        if stage.record.facts.get("scale") == "each"
        else "weak weights are set to zero first so that the pattern stands out"
    )
    text = (
        "The weights of a hidden unit of the first layer form an image: its receptive field. Bright pixels excite the "
        f"unit, dark ones inhibit it, and the common mid-grey is a weight of zero; {scale}.",
    )
    picture = _picture(stage, 1, _WEIGHTS, "Look for strokes, edges and whole outlines.")
    return Chapter(text, (picture,), (_units_table(run, stage, [1]),))


def deep_receptive_fields(run: Run, stage: Stage) -> Chapter:
    """Deeper layers: their weights carried down to the image, the images that excite units, and what units make."""
    drawn = {view: stage.numbered(view.arrays) for view in _VIEWS}
    layers = sorted({layer for of in drawn.values() for layer in of})
    pictures = [
        _picture(stage, layer, view, view.caption) for layer in layers for view in _VIEWS if layer in drawn[view]
    ]
    text = [view.text for view in _VIEWS if drawn[view]]
    if len(text) > 1:
        text.append("In all pictures of a layer the same unit stands at the same place.")
    return Chapter(text, pictures, (_units_table(run, stage, layers),))


def _picture(stage: Stage, layer: int, view: _View, caption: str) -> Picture:
    images = stage.array(f"{view.arrays}{layer}")
    strongest = stage.record.facts.get("choice") == "strongest"
    which = (
        f"The {len(images)} strongest units of layer {layer}, the strongest first"
        if strongest
        else (f"The first {len(images)} units of layer {layer}")
    )
    return Picture(
        f"{view.pictures}-{layer}",
        f"{view.title} of {len(images)} hidden units of layer {layer} as small grey images.",
        f"{view.title}. {which}. {caption}",
        grid(images, 10, gap=0.04),
    )


def _units_table(run: Run, stage: Stage, layers: Sequence[int]) -> Table:
    """How many units are drawn; where weak weights are not, also how many of those that are drawn."""
    widths, thinned = run.facts("pretraining").get("layers"), stage.record.facts.get("threshold") != 0
    rows = []
    for layer in layers:
        pictures = next(stage.arrays[name] for view in _VIEWS if (name := f"{view.arrays}{layer}") in stage.arrays)
        zero = (_zero_weights(stage, layer),) if thinned else ()
        rows.append((f"layer {layer}", str(len(pictures)), f"{widths[layer]:,}" if widths else ABSENT, *zero))
    header = ("layer", "units drawn", "units in all", *(("zero weights",) if thinned else ()))
    return Table("Receptive fields", header, rows)


def _zero_weights(stage: Stage, layer: int) -> str:
    """The share of the most frequent value of the receptive fields, which is that of a weight of zero."""
    if (name := f"{_WEIGHTS.arrays}{layer}") not in stage.arrays:
        return ABSENT
    fields = stage.floats(name)
    return percent(np.unique(fields, return_counts=True)[1].max() / fields.size, 0)
