"""The chapter about samples of the network, and the log-likelihood of test images."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from deepbelief.report.chapter import Chapter, Picture
from deepbelief.report.images import Grid, NamedRows
from deepbelief.report.run import Run, Stage
from deepbelief.report.tables import Table
from deepbelief.report.text import ABSENT, interval, percent

_SIDES: Final = {"lower": "lower side, by RAISE", "upper": "upper side, by AIS"}


def generation(run: Run, stage: Stage) -> Chapter:
    """Fantasies, images of each class, completed images, and the log-likelihood from both sides."""
    facts, names = stage.record.facts, [str(name) for name in stage.fact("class_names")]
    made, classes = stage.array("fantasies"), stage.array("of_each_class")
    dreamt = Grid(made, 5)
    of_each = NamedRows(classes.reshape(len(names), -1, *classes.shape[1:]), names)
    completed = _completed(stage)
    accuracy = percent(run.metric("label_units/accuracy"))
    half = "upper" if made.shape[-2] > 1 else "left"
    return Chapter(
        text=(
            "A deep belief network is a theory of how images come about: the RBM on top settles on a pattern, and each "
            "layer below draws what it stands for. Let the top run freely and pass its states down, and you see what "
            "the network takes the world to be, faults included.",
            "Clamp some pixels and it completes the rest. Put an RBM on top that sees the label beside the features, "
            f"clamp the label, and it draws that class; read the other way, it recognises {accuracy} of the test "
            "images, by the free energy of each label.",
            "How good is the theory? Its log-likelihood cannot be computed, but caught from both sides: "
            + _told(run, stage),
        ),
        formula="log p(v) >= E_Q[ log p(v, h) - log Q(h | v) ]" if facts["layers"] > 1 else "",
        pictures=(
            Picture(
                "fantasies",
                f"{len(made)} images that the network made up.",
                f"{len(made)} fantasies, each the end of an annealed Markov chain of {facts['steps']:,} steps of its "
                "own: means of the pixels, given the layer above. What all share is how the network simplifies; a "
                "kind that is missing is one that it gives little probability.",
                dreamt.height,
                dreamt.draw,
            ),
            Picture(
                "of-each-class",
                f"Images made up of each of the {len(names)} classes.",
                "Images made up with the label clamped. Where a row shows another class, the label has too little say, "
                "or the chains ended before they found their way to its images.",
                of_each.height,
                of_each.draw,
            ),
            Picture(
                "completed",
                f"{len(stage.array('originals'))} test images, their {half} halves, and what the network made of them.",
                f"Test images (left of each three), the {half} half that the network was given, and the image that it "
                "made of it: not the one that was, but one that might have been.",
                completed.height,
                completed.draw,
            ),
        ),
        tables=(_bracket(run, stage),),
    )


def _completed(stage: Stage) -> Grid:
    """Original, what was known of it, and the completed image, side by side; two such in a line."""
    originals, completed = stage.array("originals"), stage.array("completed")
    given = originals.copy()
    given.reshape(len(given), -1)[:, originals[0].size // 2 :] = 0
    return Grid(np.stack([originals, given, completed], axis=1).reshape(-1, *originals.shape[1:]), 6)


def _told(run: Run, stage: Stage) -> str:
    facts, (lower, upper) = (
        stage.record.facts,
        (interval(run.metric(f"log_likelihood/{key}"), digits=1) for key in _SIDES),
    )
    what = "its variational bound for" if facts["layers"] > 1 else "that of"
    made = " made black and white" if facts.get("binary", True) else ""
    text = (
        f"{what} test images of {run.data_name}{made} lies between {lower} and {upper} nats an image, by "
        "annealing from both ends (AIS and RAISE)."
    )
    return text + "".join(f" Beware: {warning}" for warning in facts["warnings"])


def _interval(ends: Sequence[float]) -> str:
    """Both ends of the interval; none for a single image, which has no standard deviation."""
    return "{:.2f} to {:.2f}".format(*ends) if np.isfinite(ends).all() else ABSENT


def _bracket(run: Run, stage: Stage) -> Table:
    facts, chains = stage.record.facts, run.metric("effective_chains/top")
    rows = [
        (
            side,
            interval(run.metric(f"log_likelihood/{key}"), digits=2),
            _interval(facts[f"{key}_interval"]),
        )
        for key, side in _SIDES.items()
    ]
    counted = f"{interval(chains, digits=0)} of {facts['chains']} chains count"
    rows.append(("log Z of the RBM on top", interval(run.metric("log_z/top"), digits=2), counted))
    title = f"Mean log-likelihood of {facts['images']} test images in nats, {facts['temperatures']:,} temperatures"
    return Table(title, ("", "nats", "95 %, over images and chains of the first seed"), tuple(rows))
