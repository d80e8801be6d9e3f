"""The chapter about samples of the network, and the log-likelihood of test images."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepbelief.report.chapter import Chapter, Drawing, Picture
from deepbelief.report.images import grid, named_rows
from deepbelief.report.run import Run, Stage
from deepbelief.report.tables import Table
from deepbelief.report.text import ABSENT, contestant_name, interval, percent

_JUDGED: Final = {
    "of_each_class/taken": "taken for the class asked for, relative to test images",
    "of_each_class/least_taken": "the same, of the class with the lowest share",
    "of_each_class/spread": "distance of two images of a class, relative to test images",
    "fantasies/unevenness": "fantasies too many of some classes, and too few of others",
}
_SIDES: Final = {"lower": "lower side, by RAISE", "upper": "upper side, by AIS"}


def generation(run: Run, stage: Stage) -> Chapter:
    """Fantasies, images of each class if there are classes, completed images, and the log-likelihood's two sides."""
    facts = stage.record.facts
    text = (
        "A deep belief network is a theory of how images come about: the RBM on top settles on a pattern, and each "
        "layer below draws what it stands for. Let the top run freely and pass its states down, and you see what the "
        "network takes the world to be, faults included.",
        "Clamp some pixels and it completes the rest." + _told_of_labels(run),
        "How good is the theory? Its log-likelihood cannot be computed, but caught from both sides: "
        + _told(run, stage),
    )
    formula = "log p(v) >= E_Q[ log p(v, h) - log Q(h | v) ]" if facts["layers"] > 1 else ""
    return Chapter(text, _pictures(run, stage), (*_judged(run, stage), _bracket(run, stage)), formula)


def _told_of_labels(run: Run) -> str:
    if not run.class_names:
        return ""
    accuracy = percent(run.metric("label_units/accuracy"))
    return (
        " Put an RBM on top that sees the label beside the features, clamp the label, and it draws that class; read "
        f"the other way, it recognises {accuracy} of the test images, by the free energy of each label."
    )


def _pictures(run: Run, stage: Stage) -> list[Picture]:
    made, originals = stage.array("fantasies"), stage.array("originals")
    half = "upper" if made.shape[-2] > 1 else "left"
    fantasies = Picture(
        "fantasies",
        f"{len(made)} images that the network made up.",
        f"{len(made)} fantasies, each the end of an annealed Markov chain of {stage.record.facts['steps']:,} steps of "
        "its own: means of the pixels, given the layer above. What all share is how the network simplifies; a kind "
        "that is missing is one that it gives little probability.",
        grid(made, 5),
    )
    completed = Picture(
        "completed",
        f"{len(originals)} test images, their {half} halves, and what the network made of them.",
        f"Test images (left of each three), the {half} half that the network was given, and the image that it made of "
        "it: not the one that was, but one that might have been.",
        _completed(originals, stage.array("completed")),
    )
    return [fantasies, _of_each_class(stage), completed] if run.class_names else [fantasies, completed]


def _of_each_class(stage: Stage) -> Picture:
    names, classes = [str(name) for name in stage.fact("class_names")], stage.array("of_each_class")
    judged = stage.record.facts.get("of_each_class")  # records of earlier versions have none
    rows, told = names, ""
    if judged:
        rows = [f"{name}\n{taken:.0%}" for name, taken in zip(names, judged["taken"], strict=True)]
        told = (
            f"The percentages: how many of {judged['images']} such images the {contestant_name(judged['judge'])} "
            "network takes for that class. "
        )
    return Picture(
        "of-each-class",
        f"Images made up of each of the {len(names)} classes.",
        f"Images made up with the label clamped. {told}Where a row shows another class, the label has too little say, "
        "or the chains ended before they found their way to its images.",
        named_rows(classes.reshape(len(names), -1, *classes.shape[1:]), rows),
    )


def _judged(run: Run, stage: Stage) -> list[Table]:
    """What a classifier that is no part of the network says of its images; nothing without labels or in old records."""
    facts = stage.record.facts
    if "of_each_class" not in facts or "fantasies" not in facts:
        return []
    judge, images = contestant_name(facts["of_each_class"]["judge"]), facts["of_each_class"]["images"]
    rows = [(what, percent(run.metric(name))) for name, what in _JUDGED.items() if name in run.results.metrics]
    title = f"Images made up, {images} of each class, judged by the {judge} network"
    return [Table(title, ("quantity", "measured"), rows)]


def _completed(originals: NDArray[Any], completed: NDArray[Any]) -> Drawing:
    """Original, what was known of it, and the completed image, side by side; two such in a line."""
    given = originals.copy()
    given.reshape(len(given), -1)[:, originals[0].size // 2 :] = 0
    return grid(np.stack([originals, given, completed], axis=1).reshape(-1, *originals.shape[1:]), 6)


def _told(run: Run, stage: Stage) -> str:
    facts = stage.record.facts
    lower, upper = (interval(run.metric(f"log_likelihood/{key}"), digits=1) for key in _SIDES)
    what = "its variational bound for" if facts["layers"] > 1 else "that of"
    made = " made black and white" if facts.get("binary", True) else ""
    text = (
        f"{what} test images of {run.data_name}{made} lies between {lower} and {upper} nats an image, by annealing "
        "from both ends (AIS and RAISE)."
    )
    return text + "".join(f" Beware: {warning}" for warning in facts["warnings"])


def _interval(ends: Sequence[float]) -> str:
    """Both ends of the interval; none for a single image, which has no standard deviation."""
    return "{:.2f} to {:.2f}".format(*ends) if np.isfinite(ends).all() else ABSENT


def _bracket(run: Run, stage: Stage) -> Table:
    facts, chains = stage.record.facts, run.metric("effective_chains/top")
    rows = [
        (side, interval(run.metric(f"log_likelihood/{key}"), digits=2), _interval(facts[f"{key}_interval"]))
        for key, side in _SIDES.items()
    ]
    counted = f"{interval(chains, digits=0)} of {facts['chains']} chains count"
    rows.append(("log Z of the RBM on top", interval(run.metric("log_z/top"), digits=2), counted))
    title = f"Mean log-likelihood of {facts['images']} test images in nats, {facts['temperatures']:,} temperatures"
    return Table(title, ("quantity", "nats", "95 %, over images and chains of the first seed"), rows)
