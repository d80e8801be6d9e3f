"""Chapters about an evaluation of robustness: perturbations, the worst of all attacks, who is more robust than whom."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from deepbelief.evaluation.records import LEVELLED, Comparison, Evaluated
from deepbelief.report.chapter import Chapter, Picture
from deepbelief.report.evaluated import EvaluatedRun
from deepbelief.report.images import named_rows
from deepbelief.report.multiples import Small, multiples
from deepbelief.report.tables import Table
from deepbelief.report.text import ABSENT, contestant_name, interval, listing, measured_on, percent, points, signed

_LINES: Final = 7  # lines that can be told apart in a little chart
_FITTED: Final = 4  # perturbations whose psychometric curves are drawn
_SURE: Final = 0.05
_MEASURED: Final = {"linf": "of each pixel", "l2": "of the image's length (L2)"}
_NORMS: Final = {"linf": "each pixel moved by at most epsilon", "l2": "the image moved by at most epsilon (L2)"}


def _kind_name(kind: str) -> str:
    """A kind of perturbation, or a norm of attacks, in words."""
    words = kind.removesuffix(LEVELLED).replace("_", " ") + (", levelled" if kind.endswith(LEVELLED) else "")
    return {"linf": "attacks on pixels", "l2": "attacks on length"}.get(kind, words)


def _drawn(evaluated: EvaluatedRun) -> list[str]:
    """The contestants of the pictures, at most as many as can be told apart."""
    there, top = evaluated.results.contestants, f"readout_{evaluated.run.layers}"
    rebuilt = [name for name in there if name.startswith(f"{top}_rebuilt_")]
    wanted = [top, *rebuilt[:1], "ffnn", "finetuned", "robust_readout", "ffnn_noisy", "finetuned_noisy"]
    wanted += ["ffnn_attacked", "finetuned_attacked", "pixels", *there]
    return list(dict.fromkeys(name for name in wanted if name in there))[:_LINES]


def chapters(evaluated: EvaluatedRun) -> Iterator[tuple[str, str, Chapter]]:
    """Name, heading and chapter of each part of an evaluation."""
    if evaluated.results.perturbations:
        yield "perturbations", "Standing changes of the images", perturbations(evaluated)
    if evaluated.results.norms:
        yield "worst_case", "The worst of all attacks", worst_case(evaluated)
    if evaluated.results.comparisons:
        yield "verdicts", "Who is more robust than whom", verdicts(evaluated)


def tables(results: Evaluated) -> list[Table]:
    """For the terminal: mean accuracies over levels."""
    parts = ((results.perturbations, "perturbation"), (results.norms, "norm of attacks"))
    return [_means_table(results, kinds, what) for kinds, what in parts if kinds]


def perturbations(evaluated: EvaluatedRun) -> Chapter:
    """Every perturbation: what it looks like, and the accuracy at each level."""
    text = (
        "A camera shakes, light fades, something stands in the way. Each kind of change below is applied to "
        f"{evaluated.results.images:,} test images, at several levels, and every contestant sees the same images. None "
        "was trained on them, but for those whose name says so.",
        *(
            [
                "Levelled images have their black and white put back first, each image by itself: the light that lies "
                "on all of its pixels is estimated and taken away, and its brightest patch made white. Nothing tells "
                "how an image was changed, or that it was, and every contestant gets the same help."
            ]
            if any(name.endswith(LEVELLED) for name in evaluated.results.perturbations)
            else []
        ),
    )
    means = _means_table(evaluated.results, evaluated.results.perturbations, "perturbation")
    pictures = [_examples(evaluated), _curves(evaluated), *_fits(evaluated), *_fits_of_classes(evaluated)]
    return Chapter(text, pictures, [means, _thresholds_table(evaluated)])


def _examples(evaluated: EvaluatedRun) -> Picture:
    names = evaluated.results.perturbations
    rows = [evaluated.stage(f"perturbation_{name}").array("examples") for name in names]
    return Picture(
        "perturbations-images",
        "One test image under every perturbation, from left to right more of it.",
        "One test image, as it is on the left, and at every level of each perturbation. (A screen clips what is not "
        "clipped.)",
        named_rows(rows, [_kind_name(name).replace(" ", "\n") for name in names]),
    )


def _curves(evaluated: EvaluatedRun) -> Picture:
    chosen = _drawn(evaluated)
    charts = [
        Small(_kind_name(kind), evaluated.results.units[kind], evaluated.curves(kind, chosen))
        for kind in evaluated.results.perturbations
    ]
    return Picture(
        "perturbations",
        "Test accuracy against the level of each perturbation, a little chart for each.",
        "Test accuracy in per cent against the level of each perturbation, from the clean images on."
        + _bands(evaluated),
        multiples(charts, evaluated.run.chance),
    )


def _fits(evaluated: EvaluatedRun) -> Iterator[Picture]:
    """The psychometric curves of the first perturbations that have them."""
    fitted = ((kind, *evaluated.fitted(kind, _drawn(evaluated))) for kind in evaluated.results.perturbations)
    there = islice(((kind, curves, dots) for kind, curves, dots in fitted if curves), _FITTED)
    charts = [Small(_kind_name(kind), evaluated.results.units[kind], curves, dots) for kind, curves, dots in there]
    if charts:
        yield Picture(
            "psychometric-fits",
            "Psychometric curves fitted to the accuracies under perturbations.",
            "Psychometric curves (Weibull), fitted to the accuracies of the first training, which are the points. The "
            "bands are 95 % credible intervals.",
            multiples(charts, evaluated.run.chance),
        )


def _fits_of_classes(evaluated: EvaluatedRun) -> Iterator[Picture]:
    """The psychometric curves of each class, a picture for each perturbation that has them."""
    for kind in evaluated.results.perturbations:
        charts = [
            Small(name, evaluated.results.units[kind], *evaluated.fitted_class(kind, number))
            for number, name in enumerate(evaluated.run.class_names)
        ]
        if any(chart.curves for chart in charts):
            yield Picture(
                f"psychometric-classes-{kind}",
                f"Psychometric curves of each class: {_kind_name(kind)}.",
                f"The same of each class by itself: {_kind_name(kind)}. What a classifier says when it sees nothing "
                "may be this class or another, so the accuracy on the right need not be chance.",
                multiples(charts, evaluated.run.chance),
            )


def worst_case(evaluated: EvaluatedRun) -> Chapter:
    """What all attacks together leave, beside what FGSM alone suggests."""
    taken = evaluated.stage(f"attacks_{evaluated.results.contestants[0]}").record.facts
    text = (
        f"Each of {taken['images']} test images, chosen once for all seeds and contestants with each class by its "
        "share, is attacked in every way that the plan knows, and counts as recognised only if all attacks fail: first "
        "those that follow the contestant's own gradients, through its look top-down where it has one, then those that "
        "follow other gradients or none. One step of FGSM, shown beside it, flatters.",
        *_masked(evaluated),
        *_unfinished(evaluated),
        *_unsettled(evaluated),
    )
    charts = []
    for norm in evaluated.results.norms:
        for kind, words in ((f"{norm}_fgsm", "FGSM alone"), (norm, "the worst of all attacks")):
            charts.append(Small(words, f"epsilon, {_MEASURED[norm]}", evaluated.curves(kind, _drawn(evaluated))))
    picture = Picture(
        "worst-case",
        "Accuracy against the strength of attacks: of FGSM alone, and of the worst of all attacks.",
        "Accuracy in per cent against the strength of the attacks (1 = from black to white): on the left under one "
        "step of FGSM, on the right after all attacks." + _bands(evaluated),
        multiples(charts, evaluated.run.chance),
    )
    return Chapter(text, [picture], [_attacks_table(evaluated, norm) for norm in evaluated.results.norms])


def verdicts(evaluated: EvaluatedRun) -> Chapter:
    """Who is more robust than whom, in words."""
    results = evaluated.results
    seeds = len(results.seeds)
    sample = (
        "after this single training: of other trainings nothing is known"
        if seeds == 1
        else f"with both the images and the {seeds} trainings taken as samples"
    )
    text = (
        "Two contestants are compared image by image, by the share of levels at which each recognises it, "
        f"{sample}. A difference counts as found where p, corrected for the {len(results.comparisons)} "
        f"comparisons of this page (Holm), is at most {_SURE}; in brackets the difference of the mean accuracies in "
        "points, ± half of its 95 % interval.",
    )
    seconds = list(dict.fromkeys(one.second for one in results.comparisons))
    return Chapter(text, [], [_verdict_table(results, second) for second in seconds])


def _bands(evaluated: EvaluatedRun) -> str:
    return " Bands are 95 % confidence intervals over seeds." if len(evaluated.results.seeds) > 1 else ""


def _means_table(results: Evaluated, kinds: Sequence[str], what: str) -> Table:
    """Of each contestant the mean accuracy over the levels of each kind, in per cent; the best of each is strong."""
    columns = ["", *kinds]
    metrics = [
        [results.metrics.get(f"accuracy/{name}" if not kind else f"mean/{name}/{kind}") for kind in columns]
        for name in results.contestants
    ]
    rows = [
        (contestant_name(name), *map(points, found)) for name, found in zip(results.contestants, metrics, strict=True)
    ]
    strong = set()
    for column in range(len(columns)):
        values = [-1.0 if found[column] is None else found[column].mean for found in metrics]  # type: ignore[union-attr]
        strong |= {(row, column + 1) for row, value in enumerate(values) if value == max(values) and len(values) > 1}
    header = ("contestant", "clean", *map(_kind_name, kinds))
    title = f"Mean accuracy (%) over the levels of each {what}; {measured_on(results.machine)}"
    return Table(title, header, rows, frozenset(strong))


def _thresholds_table(evaluated: EvaluatedRun) -> Table:
    """Of each contestant the threshold of its psychometric curve under each perturbation that has one."""
    metrics = evaluated.results.metrics
    kinds = [
        kind
        for kind in evaluated.results.perturbations
        if any(f"threshold/{name}/{kind}" in metrics for name in evaluated.results.contestants)
    ]
    rows = [
        (contestant_name(name), *(interval(metrics.get(f"threshold/{name}/{kind}"), digits=2) for kind in kinds))
        for name in evaluated.results.contestants
    ]
    title = (
        "Threshold: the level at which half of what a contestant can lose, down to chance, is lost (Weibull curves, "
        f"fitted for each training by itself); {ABSENT}: not among the levels"
    )
    return Table(title, ("contestant", *map(_kind_name, kinds)), rows if kinds else ())


def _attacks_table(evaluated: EvaluatedRun, norm: str) -> Table:
    """Accuracy in per cent at each strength: under FGSM, all attacks through the contestant, and all attacks."""
    levels = evaluated.levels(norm)
    header = ["contestant"]
    for level in levels:
        header += [f"{level} FGSM", f"{level} aware", f"{level} all"]
    rows = []
    for name in evaluated.results.contestants:
        kinds = (f"{norm}_fgsm", f"{norm}_aware", norm)
        measured = [points(evaluated.accuracy(name, kind, level)) for level in levels for kind in kinds]
        rows.append((contestant_name(name), *measured))
    title = f"Accuracy (%) with {_NORMS[norm]}: FGSM, all attacks that know the contestant, all attacks"
    return Table(title, header, rows)


def _masked(evaluated: EvaluatedRun) -> Iterator[str]:
    """A warning where attacks that do not follow a contestant's gradients take images that those which do have left."""
    found = []
    for name in evaluated.results.contestants:
        for norm in evaluated.results.norms:
            for level in evaluated.levels(norm):
                aware, worst = evaluated.accuracy(name, f"{norm}_aware", level), evaluated.accuracy(name, norm, level)
                if aware is not None and worst is not None and aware.mean - worst.mean > 0.01:
                    found.append(f"{contestant_name(name)} at {level} ({percent(aware)} to {percent(worst)})")
    flat = {name: evaluated.stage(f"attacks_{name}").fact("without_gradient") for name in evaluated.results.contestants}
    if lost := [f"{contestant_name(name)} ({percent(part, 0)})" for name, part in flat.items() if part > 0.01]:
        yield (
            f"A warning: at some of the images there is no gradient at all to follow: {listing(lost)}. There only the "
            "attacks without gradients count."
        )
    if found:
        yield (
            "A warning: attacks that do not follow a contestant's own gradients do more than a hundredth better than "
            f"those that do: {listing(found)}. There the gradients mislead (they are masked), and a better attack may "
            "find still more."
        )


def _unfinished(evaluated: EvaluatedRun) -> Iterator[str]:
    """Whether many more steps of an attack still find what all others with gradients have left."""
    shares = {}
    for name in evaluated.results.contestants:
        for attack, taken in evaluated.stage(f"attacks_{name}").record.facts["taken"].items():
            norm, _, strength = attack.partition("@")
            if "apgd_long" in taken:
                shares[f"{contestant_name(name)} at {strength} {_MEASURED[norm]}"] = taken["apgd_long"]
    if found := [f"{words} ({percent(share)})" for words, share in shares.items() if share > 0.01]:
        yield (
            "A warning: after all other attacks that follow gradients, one with more steps still takes more than a "
            f"hundredth of the images: {listing(found)}. There the attacks have not converged."
        )
    elif shares:
        yield (
            "After all other attacks that follow gradients, one with more steps takes no more than "
            f"{percent(max(shares.values()))} of the images of anybody at any strength: the attacks have converged."
        )


def _unsettled(evaluated: EvaluatedRun) -> Iterator[str]:
    """For how many images it matters when a contestant stops looking top-down."""
    facts = {name: evaluated.stage(f"attacks_{name}").record.facts for name in evaluated.results.contestants}
    shares = {name: of_name.get("unsettled") for name, of_name in facts.items()}
    if found := [f"{contestant_name(name)} {percent(share)}" for name, share in shares.items() if share is not None]:
        yield (
            "Looking top-down does not come to rest by itself: one more pass up and down would change the answers to "
            f"some of these images as they are: {listing(found)}."
        )


def _verdict_table(results: Evaluated, second: str) -> Table:
    rows = []
    for first in results.contestants:
        asked = [one for one in results.comparisons if (one.first, one.second) == (first, second)]
        if asked:
            better = [one for one in asked if one.p <= _SURE and one.mean > 0]
            worse = [one for one in asked if one.p <= _SURE and one.mean < 0]
            open_ = [one for one in asked if one.p > _SURE]
            rows.append((contestant_name(first), _told(better), _told(worse), _told(open_)))
    title = f"Beside {contestant_name(second)}"
    return Table(title, ("contestant", "more robust to", "less robust to", "the data do not tell"), rows, words=True)


def _told(found: Sequence[Comparison]) -> str:
    ordered = sorted(found, key=lambda one: -abs(one.mean))
    return "; ".join(map(_difference, ordered)) or ABSENT


def _difference(one: Comparison) -> str:
    """`blur (+3.1 ± 1.1)`, in points: the mean, and half of its interval, which lies evenly around it."""
    half = f"{100 * (one.ci95[1] - one.ci95[0]) / 2:.1f}"
    return f"{_kind_name(one.kind)} ({signed(100 * one.mean)} ± {half})"
