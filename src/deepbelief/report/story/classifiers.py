"""Chapters about the classifiers: linear read-outs, the feed-forward network, the fine-tuned one."""

from dataclasses import replace
from typing import Any

import numpy as np

from deepbelief.report.chapter import Chapter, Picture
from deepbelief.report.charts import Chart, charts_drawing
from deepbelief.report.curves import Curve
from deepbelief.report.run import Floats, Run, Stage
from deepbelief.report.style import contestant_looks
from deepbelief.report.tables import Table
from deepbelief.report.text import ABSENT, contestant_name, interval, listing, percent, points

_METHODS = {
    "converged": "L-BFGS, until it has converged or its iterations are used up",
    "full-batch": "gradient descent with momentum, each step over all training images",
    "minibatch": "small batches in random order",
}

# Where the training of a network is, in the settings of a study.
_SETTINGS = {
    "mlp_head": ("all_layers", "mlp_head", "training"),
    "ffnn": ("baseline", "training"),
    "finetuned": ("finetuning",),
    "random_start": ("random_start",),
}

_ROBUST = (
    "The robust read-out sees the top layer as well, but its weight penalty is strong. It has to rely on what many "
    "units agree on: it is less exact on clean images, and what noise does to single units changes it less."
)

_LOSS = "Training loss (cross-entropy, nats)"


def _method(stage: Stage) -> str:
    method = str(stage.fact("method"))
    return _METHODS.get(method, method)


def _shape(stage: Stage) -> str:
    """The widths of a network's layers, such as 784-200-10."""
    return "-".join(map(str, stage.fact("layers")))


def readouts(run: Run, stage: Stage) -> Chapter:
    """One linear classifier per layer on frozen features."""
    names = [name for name in run.contestants if f"{name}/loss" in stage.arrays]
    looks = contestant_looks(names, run.layers)
    curves = [Curve(looks[name], stage.floats(f"{name}/step"), stage.floats(f"{name}/loss")) for name in names]
    reached = [f"{percent(run.metric(f'accuracy/{name}'))} from {_seen_by(run, name)}" for name in names]
    text: tuple[str, ...] = (
        "How much does a layer know about the classes, although nobody told it? Freeze the network and train one "
        "linear classifier on each layer's features: whatever it gets right must already lie there, in a form that a "
        "weighted sum can find.",
        " ".join([f"The read-outs are trained by {_method(stage)}.", *_ends(run, stage, names)]),
    )
    if "robust_readout" in names:
        text += (_ROBUST,)
    picture = Picture(
        "readouts",
        f"Training loss against step for {len(names)} linear read-outs.",
        f"The loss of the read-outs while they learn. On the test images they reach {listing(reached)}. A curve that "
        "still falls at its end belongs to a classifier that was stopped early.",
        charts_drawing([Chart(_LOSS, "step", curves)]),
    )
    return Chapter(text, (picture,), (_readouts_table(run, stage, names),))


def _seen_by(run: Run, contestant: str) -> str:
    """`layer 2`, `all layers side by side`, or `layer 3 with the strong penalty`."""
    if contestant == "robust_readout":
        return f"layer {run.layers} with the strong penalty"
    number = contestant.removeprefix("readout_")
    return f"layer {number}" if number != contestant else "all layers side by side"


def _ends(run: Run, stage: Stage, names: list[str]) -> list[str]:
    """Which read-outs converged, and which only came to their last iteration."""
    converged = stage.record.facts.get("converged") or {}
    ends: dict[str, list[str]] = {}
    for name in names:
        if converged.get(name) is False:
            ends.setdefault(_end(run, stage, name), []).append(contestant_name(name))
    if not ends:
        return ["All of them converged."] * bool(converged)
    told = [f"{listing(who)} {end}" for end, who in ends.items()]
    return [f"Not all came to their end: {'; '.join(told)}."]


def _end(run: Run, stage: Stage, name: str) -> str:
    """`stopped at iteration 55 of 55, not converged`."""
    done = len(stage.array(f"{name}/step"))
    converged = (stage.record.facts.get("converged") or {}).get(name)
    if converged is None:
        return f"{done} steps"
    if converged:
        return f"converged at iteration {done}"
    section = name if name == "robust_readout" else "readouts"
    allowed = run.results.settings.get(section, {}).get("max_iterations", done)
    return f"stopped at iteration {done} of {allowed}, not converged"


def _readouts_table(run: Run, stage: Stage, names: list[str]) -> Table:
    strengths = stage.record.facts.get("l2") or {}
    rows = []
    for name in names:
        penalty = f"{strengths[name]:g}" if strengths.get(name) is not None else ABSENT
        rows.append((*_reached(run, name, stage.floats(f"{name}/loss")), _end(run, stage, name), penalty))
    header = ("read-out", "train, %", "test, %", "last loss", "training", "weight penalty")
    return Table("Accuracy of the read-outs", header, rows)


def _reached(run: Run, contestant: str, losses: Floats) -> list[str]:
    """A contestant's name, its accuracies on the training and the test images in per cent, and its last loss."""
    accuracies = [points(run.metric(f"{what}/{contestant}")) for what in ("accuracy_train", "accuracy")]
    return [contestant_name(contestant), *accuracies, f"{losses[-1]:.4f}"]


def mlp_head(run: Run, stage: Stage) -> Chapter:
    """A network on the frozen features of all layers."""
    text = (
        "A linear read-out finds what lies in the features ready to be weighed. Is there more? Here a small network, "
        f"{_shape(stage)} units with rectifiers between the layers, learns from the frozen features of all layers side "
        "by side.",
        f"It is trained by {_method(stage)}.",
    )
    return Chapter(text, (_course(run, stage, "mlp_head"),), (_course_table(run, stage, "mlp_head"),))


def baseline(run: Run, stage: Stage) -> Chapter:
    """A feed-forward network trained on pixels."""
    text = (
        f"The rival: a feed-forward network of {_shape(stage)} units with rectifiers between the layers, started at "
        "random and trained on pixels and labels alone. It has seen every label and no unlabelled image; the read-outs "
        "stand on features that have seen no label at all.",
        f"It is trained by {_method(stage)}. A comparison is only fair if the rival is trained well: look at whether "
        "its curve has come to rest.",
    )
    return Chapter(text, (_course(run, stage, "ffnn"),), (_course_table(run, stage, "ffnn"),))


def finetuning(run: Run, stage: Stage) -> Chapter:
    """The pre-trained network, trained on by backpropagation."""
    text = (
        f"The same network once more, {_shape(stage)} units, but now started from the pre-trained weights with a "
        "linear classifier on top, and trained as a whole by backpropagation. What was learnt without labels serves as "
        "the starting point, no longer as the last word.",
        f"It is trained by {_method(stage)}.",
    )
    return Chapter(text, (_course(run, stage, "finetuned"),), (_course_table(run, stage, "finetuned"),))


def random_start(run: Run, stage: Stage) -> Chapter:
    """The control: the fine-tuned network's shape from random weights."""
    gain, seeds = interval(run.metric("gain_of_pretraining/finetuned"), scale=100, digits=1), len(run.results.seeds)
    text = (
        "Is it the pre-training that helps, or only the shape of the network? The same "
        f"{_shape(stage)} units once more, trained by backpropagation as well, but from random weights.",
        f"It is trained by {_method(stage)}. The accuracy of the pre-trained and fine-tuned network on the test "
        f"images, less this one's, is {gain} percentage points, "
        + (f"the mean over {seeds} seeds with its 95 % interval." if seeds > 1 else "of a single seed."),
    )
    return Chapter(text, (_course(run, stage, "random_start"),), (_course_table(run, stage, "random_start"),))


def _course(run: Run, stage: Stage, contestant: str) -> Picture:
    look = contestant_looks([contestant], run.layers)[contestant]
    loss, step = stage.floats("loss"), stage.floats("step")
    unit = "epoch" if stage.fact("method") == "minibatch" else "step"
    charts = [Chart(_LOSS, unit, [Curve(replace(look, name="loss"), step, loss)], tall=2.1)]
    validation, best = stage.arrays.get("validation_accuracy"), stage.record.facts.get("best_epoch")
    caption = f"The training loss of the {look.name} network goes from {loss[0]:.3f} to {loss[-1]:.3f}."
    if validation is not None and len(validation):
        epochs = np.asarray(stage.arrays.get("epoch", np.arange(1, len(validation) + 1)), float)
        curve = Curve(replace(look, name="accuracy"), epochs, 100 * validation.astype(float))
        mark = None if best is None else (float(best), f"kept: epoch {best}")
        title = "Accuracy on held-out training images (%)"
        charts.append(Chart(title, "epoch", [curve], mark=mark, tall=1.7))
        caption += f" On held-out images it is right for up to {percent(float(validation.max()))}."
    caption += _kept(run, contestant, len(step), best)
    return Picture(contestant, f"Course of training of the {look.name} network.", caption, charts_drawing(charts))


def _kept(run: Run, contestant: str, epochs: int, best: int | None) -> str:
    """Whether training ended early, and which epoch's network is kept."""
    settings: Any = run.results.settings
    for name in _SETTINGS[contestant]:
        settings = settings.get(name, {})
    if best is None or "epochs" not in settings:
        return ""
    if not settings["patience"]:
        return f" All {epochs} epochs were run, and the last is kept."
    if epochs < settings["epochs"]:
        waited = f"{settings['patience']} in a row had brought nothing better on held-out images"
        return f" Training ended after {epochs} of {settings['epochs']} epochs, as {waited}; epoch {best} is kept."
    return f" All {epochs} epochs were run; epoch {best}, the best of them on held-out images, is kept."


def _course_table(run: Run, stage: Stage, contestant: str) -> Table:
    best = stage.record.facts.get("best_epoch")
    row = (*_reached(run, contestant, stage.floats("loss")), ABSENT if best is None else str(best))
    return Table("Accuracy", ("network", "train, %", "test, %", "last loss", "epoch kept"), (row,))
