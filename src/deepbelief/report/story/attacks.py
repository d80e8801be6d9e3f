"""Chapters about noise and attacks: the contestants' accuracy on changed images."""

from collections.abc import Sequence
from functools import partial

from deepbelief.report.chapter import Chapter, Picture
from deepbelief.report.charts import Chart, charts_height, draw_charts
from deepbelief.report.curves import Curve
from deepbelief.report.images import Attack, AttackRow, Strip
from deepbelief.report.run import Run, Series, Stage
from deepbelief.report.style import contestant_looks
from deepbelief.report.tables import Table, levels_of, metric_table, nearest_levels
from deepbelief.report.text import contestant_name, listing, percent

_KINDS = (("gaussian", "not clipped"), ("gaussian_clipped", "clipped"))

_NOISE = (0.1, 0.3, 0.5, 0.7, 1.0, 1.3)  # levels worth a column
_EPSILONS = (0.01, 0.05, 0.1, 0.2, 0.3)


def _measured(run: Run, kind: str) -> dict[str, Series]:
    found = {contestant: run.series(f"accuracy/{contestant}/{kind}") for contestant in run.contestants}
    return {contestant: series for contestant, series in found.items() if series is not None}


def _best_at(measured: dict[str, Series], level: float) -> tuple[str, float, float]:
    """The contestant with the highest mean at the level nearest to `level`, that mean and that level."""
    best = max(measured, key=lambda contestant: float(measured[contestant].mean[measured[contestant].nearest(level)]))
    series = measured[best]
    index = series.nearest(level)
    return contestant_name(best), float(series.mean[index]), float(series.levels[index])


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
    return Chapter(
        text=(
            "Psychophysicists measure how recognition fails as a stimulus becomes noisier, and plot a psychometric "
            "curve. The same can be asked of a network: Gaussian noise of growing standard deviation is added to "
            "every test image, and nobody was trained on noise.",
            "Noise takes pixels below black and above white. Left so, the images hold values that no image has; "
            "clipped, they are images again. Both are shown.",
        ),
        pictures=(
            _noisy_images(run, stage),
            _psychometric_curves(run),
        ),
        tables=tuple(
            _levels_table(run, kind, f"Accuracy (%) at Gaussian noise, {title}", _NOISE) for kind, title in _KINDS
        ),
    )


def _noisy_images(run: Run, stage: Stage) -> Picture:
    levels = stage.array("levels").astype(float)
    examples = stage.array("examples_unclipped")
    label = run.class_name(stage.fact("example_label"))
    strip = Strip(
        list(examples), [f"{level:g}" for level in levels], [""] * len(levels), [False] * len(levels), columns=5
    )
    return Picture(
        "psychometric-images",
        f"One test image ({label}) at {len(levels)} levels of noise.",
        f"One test image, {label}, from no noise to a standard deviation of {levels[-1]:g}. When does it "
        "get lost for you? (A screen clips, so clipped and unclipped noise look the same here.)",
        strip.height,
        strip.draw,
    )


def _psychometric_curves(run: Run) -> Picture:
    looks = contestant_looks(run.contestants, run.layers)
    measured = [(title, _measured(run, kind)) for kind, title in _KINDS]
    charts = [
        Chart(
            f"Test accuracy (%), noise {title}",
            "standard deviation of the noise (1 = from black to white)",
            [Curve.of_series(series, looks[contestant]) for contestant, series in found.items()],
            accuracy=True,
            chance=run.chance,
        )
        for title, found in measured
        if found
    ]
    caption = "The steeper a curve falls, the more its contestant leans on detail that noise destroys."
    if found := measured[0][1]:
        name, share, level = _best_at(found, 0.7)
        caption += f" At noise {level:g} the best is {name} with {percent(share)}."
    if any(series.low is not None for _, found in measured for series in found.values()):
        caption += " Bands are 95 % confidence intervals over seeds."
    return Picture(
        "psychometric",
        "Test accuracy against the standard deviation of Gaussian noise for every contestant.",
        caption,
        charts_height(charts),
        partial(draw_charts, charts=charts),
    )


def _levels_table(run: Run, kind: str, title: str, wanted: Sequence[float]) -> Table:
    levels = nearest_levels(levels_of(run.results, kind), wanted)
    rows = [
        (
            contestant_name(contestant),
            [run.metric(f"accuracy/{contestant}/{kind}@{level}") for level in levels],
        )
        for contestant in run.contestants
    ]
    return metric_table(title, ["contestant", *levels], rows)


def _answers(run: Run, stage: Stage) -> tuple[list[str], Table, str]:
    """Contestants that answered, their answers as a table, and a sentence about who was fooled."""
    before, after, label = stage.fact("before"), stage.fact("after"), stage.fact("label")
    who = [contestant for contestant in run.contestants if contestant in before and contestant in after]
    rows = tuple((contestant_name(c), run.class_name(before[c]), run.class_name(after[c])) for c in who)
    right = [c for c in who if before[c] == label]
    fooled = [contestant_name(c) for c in right if after[c] != label]
    sentence = f"Of {len(right)} contestants that were right before, "
    sentence += f"{listing(fooled)} changed to a wrong answer." if fooled else "none changed the answer."
    title = f"Answers; the true class is {run.class_name(label)}"
    return who, Table(title, ("contestant", "before", "after"), rows), sentence


def noise_attack(run: Run, stage: Stage) -> Chapter:
    """One image with uniform noise."""
    epsilon, label = float(stage.fact("epsilon")), run.class_name(stage.fact("label"))
    row = AttackRow(None, stage.array("perturbed"), "", "", False)
    picture = Attack(stage.array("original"), [row], ("test image", "noise", "what is classified"))
    _, table, sentence = _answers(run, stage)
    return Chapter(
        text=(
            f"Each pixel of one test image is moved by a random amount between −{epsilon:g} and {epsilon:g}, and "  # noqa: RUF001
            "the result is clipped to the range of an image. Such noise has no aim: half of what it does to a "
            "neuron cancels the other half. It is the yardstick for the next chapter.",
        ),
        pictures=(
            Picture(
                "noise-attack",
                f"A test image ({label}), uniform noise, and their sum.",
                f"{label}, the noise (orange darkens, purple brightens) and their sum, at epsilon {epsilon:g}. "
                f"{sentence}",
                picture.height,
                picture.draw,
            ),
        ),
        tables=(table,),
    )


def gradient_attack(run: Run, stage: Stage) -> Chapter:
    """One image attacked along the gradient of each contestant."""
    epsilon, label = float(stage.fact("epsilon")), run.class_name(stage.fact("label"))
    who, table, sentence = _answers(run, stage)
    looks = contestant_looks(run.contestants, run.layers)
    before, after, true = stage.fact("before"), stage.fact("after"), stage.fact("label")
    rows = [
        AttackRow(
            looks[contestant],
            stage.array(f"perturbed_{contestant}"),
            run.class_name(before[contestant]),
            run.class_name(after[contestant]),
            after[contestant] != true,
        )
        for contestant in who
    ]
    picture = Attack(stage.array("original"), rows, ("before", "attack", "after"))
    return Chapter(
        text=(
            "An attacker who knows the network does better than chance. The fast gradient sign method (FGSM) moves "
            f"every pixel by the same {epsilon:g}, up or down, whichever raises the loss. No pixel changes more "
            "than noise could have changed it; only the signs are chosen.",
            "Each contestant is attacked through its own gradient, for the deep belief network through all layers "
            "below the read-out.",
        ),
        formula="x* = clip( x + ε · sign ∂loss(x, y) / ∂x )",
        pictures=(
            Picture(
                "gradient-attack",
                f"A test image ({label}), the attack on each contestant, and the attacked images with the answers.",
                f"{label}, attacked with epsilon {epsilon:g}; wrong answers in bold red. {sentence} Where an attack "
                "draws shapes and not just speckle, the contestant's gradient follows the form of the object.",
                picture.height,
                picture.draw,
            ),
        ),
        tables=(table,),
    )


def robustness(run: Run, stage: Stage) -> Chapter:
    """Accuracy over the test set against the size of attack and of noise."""
    looks = contestant_looks(run.contestants, run.layers)
    fgsm, uniform = _measured(run, "fgsm"), _measured(run, "uniform")
    solid = [Curve.of_series(series, looks[contestant]) for contestant, series in fgsm.items()]
    dashed = [Curve.of_series(s, looks[c], dashed=True, label=f"{looks[c].name}, noise") for c, s in uniform.items()]
    title, xlabel = "Test accuracy (%); solid: FGSM, dashed: uniform noise", "epsilon (1 = from black to white)"
    charts = [Chart(title, xlabel, solid + dashed, True, run.chance, tall=3.7)]
    pgd = stage.record.facts.get("pgd")
    if pgd is not None:
        curves = [Curve.of_series(series, looks[contestant]) for contestant, series in _measured(run, "pgd").items()]
        title = f"Accuracy (%) under PGD, on {pgd['images']} test images"
        charts.append(Chart(title, xlabel, curves, True, run.chance))
    return Chapter(
        text=(
            "One image proves nothing, so the attack is repeated on the whole test set for a range of sizes, next to "
            "uniform noise of the same size. A line below chance is no accident: the attacker pushes answers away "
            "from the truth, which guessing would not do.",
            *_patience(run, pgd),
        ),
        pictures=(
            Picture(
                "robustness",
                "Test accuracy against epsilon for every contestant, under attack and under uniform noise.",
                _most_robust(run),
                charts_height(charts),
                partial(draw_charts, charts=charts),
            ),
        ),
        tables=(
            _levels_table(run, "fgsm", "Accuracy (%) under FGSM", _EPSILONS),
            _levels_table(run, "pgd", "Accuracy (%) under PGD", _EPSILONS),
            _levels_table(run, "uniform", "Accuracy (%) at uniform noise of equal size", _EPSILONS),
        ),
    )


def _most_robust(run: Run) -> str:
    """The contestants with the highest accuracy under each attack and under noise, in words."""
    words = "In the upper chart the gap between a contestant's two lines is the worth of knowing the network."
    found = []
    for kind, name in (("uniform", "Uniform noise"), ("fgsm", "FGSM"), ("pgd", "PGD")):
        if measured := _measured(run, kind):
            best, share, level = _best_at(measured, 0.1)
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
