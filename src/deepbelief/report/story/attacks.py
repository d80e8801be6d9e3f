"""Chapters about noise and attacks: the contestants' accuracy on changed images."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from deepbelief.report.chapter import Chapter, Picture
from deepbelief.report.charts import Chart, charts_drawing
from deepbelief.report.curves import Curve
from deepbelief.report.images import AttackRow, attack, strip
from deepbelief.report.run import Run, Series, Stage
from deepbelief.report.style import contestant_looks
from deepbelief.report.tables import Table, levels_of, levels_table, nearest_levels
from deepbelief.report.text import contestant_name, listing, percent

_KINDS = (("gaussian", "not clipped"), ("gaussian_clipped", "clipped"))

_NOISE = (0.1, 0.3, 0.5, 0.7, 1.0, 1.3)  # levels worth a column
_EPSILONS = (0.01, 0.05, 0.1, 0.2, 0.3)


def _measured(run: Run, kind: str) -> dict[str, Series]:
    found = {contestant: run.series(f"accuracy/{contestant}/{kind}") for contestant in run.contestants}
    return {contestant: series for contestant, series in found.items() if series is not None}


def _accuracy_curves(run: Run, kind: str, words: str = "{}", *, dashed: bool = False) -> list[Curve]:
    """A line for each contestant that was measured under a kind of perturbation; `words` says its name."""
    looks = contestant_looks(run.contestants, run.layers)
    named = {contestant: replace(look, name=words.format(look.name)) for contestant, look in looks.items()}
    return [Curve.of_series(series, named[who], dashed=dashed) for who, series in _measured(run, kind).items()]


def _best_at(measured: dict[str, Series], wanted: float) -> tuple[str, float, float]:
    """The contestant with the highest mean at the level nearest to `wanted`, that level and that mean."""
    found = {contestant: series.nearest(wanted) for contestant, series in measured.items()}
    best = max(found, key=lambda contestant: found[contestant][1])
    return contestant_name(best), *found[best]


def levels_where_less(run: Run, contestant: str, one: str, other: str, images: int) -> list[str]:
    """The epsilons at which attack `one` leaves a lower accuracy than `other`, by more than chance explains.

    Chance is two standard errors of an accuracy over this number of images of every seed.
    """
    found = []
    for level in levels_of(run.results, other):
        low, high = (run.metric(f"accuracy/{contestant}/{kind}@{level}") for kind in (one, other))
        if low is not None and high is not None:
            error = (high.mean * (1 - high.mean) / (images * len(run.results.seeds))) ** 0.5
            found += [level] * (low.mean < high.mean - 2 * error)
    return found


def psychometric(run: Run, stage: Stage) -> Chapter:
    """Accuracy against the level of Gaussian noise."""
    text = (
        "Psychophysicists measure how recognition fails as a stimulus becomes noisier, and plot a psychometric curve. "
        "The same can be asked of a network: Gaussian noise of growing standard deviation is added to every test "
        "image, and nobody was trained on noise.",
        "Noise takes pixels below black and above white. Left so, the images hold values that no image has; clipped, "
        "they are images again. Both are shown.",
    )
    tables = [_levels_table(run, kind, f"Accuracy (%) at Gaussian noise, {title}", _NOISE) for kind, title in _KINDS]
    return Chapter(text, (_noisy_images(run, stage), _psychometric_curves(run)), tables)


def _noisy_images(run: Run, stage: Stage) -> Picture:
    levels, label = stage.floats("levels"), run.class_name(stage.fact("example_label"))
    return Picture(
        "psychometric-images",
        f"One test image ({label}) at {len(levels)} levels of noise.",
        f"One test image, {label}, from no noise to a standard deviation of {levels[-1]:g}. When does it get lost for "
        "you? (A screen clips, so clipped and unclipped noise look the same here.)",
        strip(list(stage.array("examples_unclipped")), [f"{level:g}" for level in levels], columns=5),
    )


def _psychometric_curves(run: Run) -> Picture:
    xlabel = "standard deviation of the noise (1 = from black to white)"
    charts = [
        Chart(f"Test accuracy (%), noise {title}", xlabel, curves, accuracy=True, chance=run.chance)
        for kind, title in _KINDS
        if (curves := _accuracy_curves(run, kind))
    ]
    caption = "The steeper a curve falls, the more its contestant leans on detail that noise destroys."
    if found := _measured(run, "gaussian"):
        name, level, share = _best_at(found, 0.7)
        caption += f" At noise {level:g} the best is {name} with {percent(share)}."
    if any(curve.low is not None for chart in charts for curve in chart.curves):
        caption += " Bands are 95 % confidence intervals over seeds."
    return Picture(
        "psychometric",
        "Test accuracy against the standard deviation of Gaussian noise for every contestant.",
        caption,
        charts_drawing(charts),
    )


def _levels_table(run: Run, kind: str, title: str, wanted: Sequence[float]) -> Table:
    levels = nearest_levels(levels_of(run.results, kind), wanted)
    rows = [(contestant_name(contestant), f"{contestant}/{kind}") for contestant in run.contestants]
    return levels_table(run.results, title, ("contestant", *levels), levels, rows)


def _answers(run: Run, stage: Stage) -> dict[str, tuple[Any, Any]]:
    """What each contestant took the image for, before and after."""
    before, after = stage.fact("before"), stage.fact("after")
    return {name: (before[name], after[name]) for name in run.contestants if name in before and name in after}


def _outcome(run: Run, stage: Stage) -> tuple[Table, str]:
    """The answers before and after as a table, and a sentence about who was fooled."""
    answers, label = _answers(run, stage), stage.fact("label")
    rows = [(contestant_name(name), *map(run.class_name, pair)) for name, pair in answers.items()]
    right = {name: after for name, (before, after) in answers.items() if before == label}
    fooled = [contestant_name(name) for name, after in right.items() if after != label]
    sentence = f"Of {len(right)} contestants that were right before, "
    sentence += f"{listing(fooled)} changed to a wrong answer." if fooled else "none changed the answer."
    title = f"Answers; the true class is {run.class_name(label)}"
    return Table(title, ("contestant", "before", "after"), rows), sentence


def noise_attack(run: Run, stage: Stage) -> Chapter:
    """One image with uniform noise."""
    epsilon, label = float(stage.fact("epsilon")), run.class_name(stage.fact("label"))
    table, sentence = _outcome(run, stage)
    text = (
        f"Each pixel of one test image is moved by a random amount between −{epsilon:g} and {epsilon:g}, and "  # noqa: RUF001
        "the result is clipped to the range of an image. Such noise has no aim: half of what it does to a neuron "
        "cancels the other half. It is the yardstick for the next chapter.",
    )
    row = AttackRow(None, stage.array("perturbed"))
    picture = Picture(
        "noise-attack",
        f"A test image ({label}), uniform noise, and their sum.",
        f"{label}, the noise (orange darkens, purple brightens) and their sum, at epsilon {epsilon:g}. {sentence}",
        attack(stage.array("original"), [row], ("test image", "noise", "what is classified")),
    )
    return Chapter(text, (picture,), (table,))


def gradient_attack(run: Run, stage: Stage) -> Chapter:
    """One image attacked along the gradient of each contestant."""
    epsilon, label = float(stage.fact("epsilon")), run.class_name(stage.fact("label"))
    table, sentence = _outcome(run, stage)
    text = (
        "An attacker who knows the network does better than chance. The fast gradient sign method (FGSM) moves every "
        f"pixel by the same {epsilon:g}, up or down, whichever raises the loss. No pixel changes more than noise could "
        "have changed it; only the signs are chosen.",
        "Each contestant is attacked through its own gradient, for the deep belief network through all layers below "
        "the read-out.",
    )
    picture = Picture(
        "gradient-attack",
        f"A test image ({label}), the attack on each contestant, and the attacked images with the answers.",
        f"{label}, attacked with epsilon {epsilon:g}; wrong answers in bold red. {sentence} Where an attack draws "
        "shapes and not just speckle, the contestant's gradient follows the form of the object.",
        attack(stage.array("original"), _attack_rows(run, stage), ("before", "attack", "after")),
    )
    return Chapter(text, (picture,), (table,), formula="x* = clip( x + ε · sign ∂loss(x, y) / ∂x )")


def _attack_rows(run: Run, stage: Stage) -> list[AttackRow]:
    looks, true = contestant_looks(run.contestants, run.layers), stage.fact("label")
    rows = []
    for name, (before, after) in _answers(run, stage).items():
        words = run.class_name(before), run.class_name(after)
        rows.append(AttackRow(looks[name], stage.array(f"perturbed_{name}"), *words, fooled=after != true))
    return rows


def robustness(run: Run, stage: Stage) -> Chapter:
    """Accuracy over the test set against the size of attack and of noise."""
    pgd = stage.record.facts.get("pgd")
    text = (
        "One image proves nothing, so the attack is repeated on the whole test set for a range of sizes, next to "
        "uniform noise of the same size. A line below chance is no accident: the attacker pushes answers away from the "
        "truth, which guessing would not do.",
        *_patience(run, pgd),
    )
    picture = Picture(
        "robustness",
        "Test accuracy against epsilon for every contestant, under attack and under uniform noise.",
        _most_robust(run),
        charts_drawing(_robustness_charts(run, pgd)),
    )
    titles = {
        "fgsm": "Accuracy (%) under FGSM",
        "pgd": "Accuracy (%) under PGD",
        "uniform": "Accuracy (%) at uniform noise of equal size",
    }
    return Chapter(text, (picture,), [_levels_table(run, kind, title, _EPSILONS) for kind, title in titles.items()])


def _robustness_charts(run: Run, pgd: dict[str, int] | None) -> list[Chart]:
    """FGSM beside uniform noise of the same size, and PGD where it was tried."""
    fgsm = _accuracy_curves(run, "fgsm")
    noise = _accuracy_curves(run, "uniform", "{}, noise", dashed=True)
    title, xlabel = "Test accuracy (%); solid: FGSM, dashed: uniform noise", "epsilon (1 = from black to white)"
    charts = [Chart(title, xlabel, fgsm + noise, accuracy=True, chance=run.chance, tall=3.7)]
    if pgd is not None:
        title = f"Accuracy (%) under PGD, on {pgd['images']} test images"
        charts.append(Chart(title, xlabel, _accuracy_curves(run, "pgd"), accuracy=True, chance=run.chance))
    return charts


def _most_robust(run: Run) -> str:
    """The contestants with the highest accuracy under each attack and under noise, in words."""
    words = "In the upper chart the gap between a contestant's two lines is the worth of knowing the network."
    found = []
    for kind, name in (("uniform", "Uniform noise"), ("fgsm", "FGSM"), ("pgd", "PGD")):
        if measured := _measured(run, kind):
            best, level, share = _best_at(measured, 0.1)
            found.append(f"{name} of {level:g} leaves at most {percent(share)} ({best})")
    return f"{words} {listing(found)}." if found else words


def _patience(run: Run, pgd: dict[str, int] | None) -> list[str]:
    """PGD, explained; and the contestants that seem to withstand it only because their gradients are uninformative."""
    if pgd is None:
        return []
    words = (
        "FGSM takes one step. A patient attacker takes many: projected gradient descent (PGD) starts at a random place "
        f"next to the image and takes {pgd['steps']} small steps, each along a new gradient and none further than "
        "epsilon from the image, and keeps the worst place it has seen. That costs as many times more, so it is tried "
        f"on {pgd['images']} random test images. A contestant is as robust as the stronger of the two shows it."
    )
    masked = [
        f"{contestant_name(contestant)} (at epsilon {listing(levels)})"
        for contestant in run.contestants
        if (levels := levels_where_less(run, contestant, "fgsm", "pgd", pgd["images"]))
    ]
    warning = (
        f"One step does more than {pgd['steps']} to {listing(masked)}. That is no strength: such a gradient is masked, "
        "it does not show the way, and an attack that needs no gradient would find more."
    )
    return [words, warning] if masked else [words]
