"""The tables and the picture of docs/robustness.md, from the records of an evaluation; readme.py writes them there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from deepbelief.evaluation.records import Evaluated
from deepbelief.report.evaluated import load_evaluated
from deepbelief.report.multiples import Small, multiples
from deepbelief.report.run import load_run
from deepbelief.report.story.evaluation import tables
from deepbelief.report.style import render
from deepbelief.report.tables import Table
from deepbelief.report.text import contestant_name, points, signed

NOISE: Final = ("0.3", "0.5", "0.7", "1", "1.3")
CLIPPED: Final = ("0.3", "0.5")
# Kind -> title in the picture.
DRAWN: Final = {
    "gaussian": "Gaussian noise",
    "clipped_gaussian_levelled": "clipped noise, levels put back",
    "rotation": "rotation",
    "linf": "the worst of all attacks on pixels",
}
LINES: Final = (
    "readout_3",
    "mlp_head_rebuilt_1x1",
    "robust_readout_rebuilt_1x2",
    "ffnn",
    "finetuned",
    "finetuned_noisy",
    "finetuned_attacked",
)


def evaluation_tables(results: Evaluated) -> dict[str, Table]:
    """By the name of their block, which the recipe follows there."""
    noise = [("clean", ""), *((f"noise {level}", f"/gaussian@{level}") for level in NOISE)]
    clipped = [(f"clipped {level}", f"/clipped_gaussian@{level}") for level in CLIPPED]
    levelled = [(f"clipped {level}, levelled", f"/clipped_gaussian_levelled@{level}") for level in CLIPPED]
    attacked = [
        (f"{norm.replace('linf', 'pixels')} {level} {words}".strip(), f"/{norm}{kind}@{level}")
        for norm in results.norms
        for level in results.levels(norm)
        for kind, words in (("_fgsm", "FGSM"), ("", "all"))
    ]
    kinds = [table for table in tables(results) if "perturbation" in table.title]
    return {
        "robustness noise": accuracies(results, [*noise, *clipped, *levelled]),
        "robustness attacks": accuracies(results, [("clean", ""), *attacked]),
        "robustness kinds": kinds[0] if kinds else Table("", (), ()),
        "robustness pairs": pairs_table(results),
    }


def accuracies(results: Evaluated, columns: Sequence[tuple[str, str]]) -> Table:
    """Of each contestant in per cent; the best of each column is strong."""
    there = [column for column in columns if f"accuracy/{results.contestants[0]}{column[1]}" in results.metrics]
    found = [[results.metrics[f"accuracy/{name}{end}"] for _, end in there] for name in results.contestants]
    rows = [(contestant_name(name), *map(points, row)) for name, row in zip(results.contestants, found, strict=True)]
    best = [max(row[place].mean for row in found) for place in range(len(there))]
    strong = {
        (number, place + 1)
        for number, row in enumerate(found)
        for place, metric in enumerate(row)
        if metric.mean == best[place]
    }
    return Table("", ("contestant", *(title for title, _ in there)), rows, frozenset(strong))


def pairs_table(results: Evaluated) -> Table:
    """The pairs that the plan names, under each kind: the difference of mean accuracies in points, and p."""
    pairs = [tuple(pair) for pair in results.plan["pairs"]]
    asked = {(one.first, one.second, one.kind): one for one in results.comparisons}
    rows = []
    for first, second in pairs:
        for kind in results.units:
            if one := asked.get((first, second, kind)):
                half = 100 * (one.ci95[1] - one.ci95[0]) / 2
                name = {"linf": "attacks on pixels", "l2": "attacks on length"}.get(kind, kind.replace("_", " "))
                difference = f"{signed(100 * one.mean)} ± {half:.1f}"
                rows.append((contestant_name(first), contestant_name(second), name, difference, f"{one.p:.2g}"))
    return Table("", ("contestant", "beside", "under", "difference, points", "p, corrected"), rows)


def autoattack_table(record: dict[str, Any]) -> Table:
    """What autoattack.py found: what ours and AutoAttack leave, image by image."""
    names = ("deepbelief", "autoattack", "only autoattack", "only deepbelief")
    rows = [
        (
            contestant_name(one["contestant"]),
            *(f"{100 * one[name]:.1f}" for name in names[:2]),
            *(str(one[name]) for name in names[2:]),
        )
        for one in record["found"]
    ]
    title = (
        f"Accuracy (%) that attacks by epsilon {record['epsilon']:g} have left, on {record['images']} images, and how "
        "many of them only one of the two took"
    )
    header = ("contestant", "deepbelief", "AutoAttack", "only AutoAttack took", "only deepbelief took")
    return Table(title, header, rows)


def evaluation_picture(folder: Path) -> bytes:
    """A PNG of little charts: the accuracies of some contestants under noise, a perturbation and attacks."""
    evaluated = load_evaluated(folder, load_run(folder, ["data", "pretraining"]))
    assert evaluated is not None
    there = [name for name in LINES if name in evaluated.results.contestants]
    charts = [
        Small(title, evaluated.results.units[kind], evaluated.curves(kind, there))
        for kind, title in DRAWN.items()
        if kind in evaluated.results.units
    ]
    drawing = multiples(charts, evaluated.run.chance)
    return render(drawing.draw, drawing.height)
