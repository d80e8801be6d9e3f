"""Tables as strings, the same for the page and for the terminal."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from deepbelief.report.text import contestant_name, duration, interval, measured_on, points, signed, times
from deepbelief.study.records import Metric, Results

_WANTED: Final = (("gaussian", "noise", (0.3, 0.7)), ("fgsm", "FGSM", (0.05, 0.1, 0.2)), ("pgd", "PGD", (0.05, 0.1)))

# What may be published: title of its table, and of the table's rows.
_PUBLISHED: Final = {
    "reconstruction_error": ("Reconstruction error, mean over the batches of an epoch", "epoch"),
    "reconstruction_error_std": ("Reconstruction error, standard deviation over the batches of an epoch", "epoch"),
    "update_mean": ("Size of an update, sum over all weights of |dW|, mean over the batches of an epoch", "epoch"),
    "update_std": ("Size of an update, standard deviation over the batches of an epoch", "epoch"),
    "loss": ("Training loss, cross-entropy in nats", "step"),
    "accuracy": ("Accuracy on the test images, in per cent", "images"),
    "prediction": ("Class that the example is taken for, one answer a seed", "image"),
}


@dataclass(frozen=True)
class Table:
    """A header, rows of equal length (the first cell names the row), cells worth stressing; whether it holds words."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    strong: frozenset[tuple[int, int]] = field(default_factory=frozenset)
    words: bool = False


def levels_of(results: Results, kind: str) -> list[str]:
    """The levels, as written, at which any contestant was measured under a kind of perturbation, ascending."""
    contestants = set(results.contestants)
    levels = set()
    for name in results.metrics:
        front, _, level = name.rpartition("@")
        what, _, rest = front.partition("/")
        contestant, _, found = rest.partition("/")
        if what == "accuracy" and found == kind and contestant in contestants:
            levels.add(level)
    return sorted(levels, key=float)


def nearest_levels(levels: Sequence[str], wanted: Sequence[float]) -> list[str]:
    """For every wanted level above zero the nearest measured one, without repetition, ascending."""
    above = [level for level in levels if float(level) > 0]
    if not above:
        return []
    return sorted({min(above, key=lambda level: abs(float(level) - wish)) for wish in wanted}, key=float)


def key_columns(results: Results) -> list[tuple[str, str]]:
    """The columns of the main table: title, and what follows `accuracy/<contestant>` in the metric's name."""
    columns = [("clean", "")]
    for kind, title, wanted in _WANTED:
        levels = nearest_levels(levels_of(results, kind), wanted)
        columns += [(f"{title} {level}", f"/{kind}@{level}") for level in levels]
    return columns


def results_table(results: Results, wanted: Sequence[tuple[str, str]] | None = None) -> Table:
    """Test accuracy in per cent of every contestant, clean and perturbed; the best of each column is strong.

    The columns are the `key_columns`, or others that are wanted, told in the same way.
    """
    header, columns, strong = ["contestant"], [], set()
    for title, suffix in key_columns(results) if wanted is None else wanted:
        names = [f"accuracy/{contestant}{suffix}" for contestant in results.contestants]
        metrics = [results.metrics.get(name) for name in names]
        if any(metrics):
            header.append(title)
            columns.append([points(metric) for metric in metrics])
            strong |= {(row, len(columns)) for row in _best(metrics)}
        theirs = [results.published.get(name) for name in names]
        if theirs.count(None) < len(theirs):
            header.append(f"{title}, published")
            columns.append(["" if figure is None else f"{100 * figure:.1f}" for figure in theirs])
    labels = [contestant_name(contestant) for contestant in results.contestants]
    rows = list(zip(labels, *columns, strict=True))
    title = f"Accuracy on the test images, in per cent; {measured_on(results.machine)}"
    return Table(title, tuple(header), rows, frozenset(strong))


def results_note(results: Results) -> str:
    """What the columns of the main table are, in a paragraph."""
    kinds = {title.partition(" ")[0] for title, _ in key_columns(results)}
    notes = {
        "noise": "Noise: standard deviation of Gaussian noise added to the pixels, not clipped.",
        "FGSM": "FGSM: a gradient attack that moves each pixel by the given amount in one step.",
        "PGD": "PGD: a gradient attack of many small steps that moves each pixel by at most the given amount, on a "
        "random choice of the test images.",
    }
    return " ".join(["The best of each column is bold.", *(note for kind, note in notes.items() if kind in kinds)])


def _best(metrics: Sequence[Metric | None]) -> list[int]:
    present = [metric.mean for metric in metrics if metric is not None]
    if len(present) < 2:
        return []
    return [row for row, metric in enumerate(metrics) if metric is not None and metric.mean == max(present)]


def published_tables(results: Results) -> list[Table]:
    """Every published figure beside ours, with the relative difference of the means; one table for each quantity."""
    quantities: dict[str, dict[tuple[str, str], str]] = {}  # -> row and column -> name of the metric
    for name in results.published:
        quantity, _, rest = name.partition("/")
        subject, condition = re.fullmatch(r"([^@/]*)(.*)", rest).groups()  # type: ignore[union-attr]
        quantities.setdefault(quantity, {})[_condition(quantity, condition), subject] = name
    if results.left_out:  # without labels there are no such quantities as an accuracy
        measured = {name.partition("/")[0] for name in results.metrics}
        quantities = {quantity: names for quantity, names in quantities.items() if quantity in measured}
    return [_published_table(results, quantity, names) for quantity, names in quantities.items()]


def _condition(quantity: str, condition: str) -> str:
    """What follows a subject in a metric's name, in words: `@10` -> `10`, `/fgsm@0.2` -> `FGSM 0.2`."""
    if not condition:
        return "clean" if quantity in ("accuracy", "prediction") else ""
    kind, _, level = condition.removeprefix("/").rpartition("@")
    titles = {known: title for known, title, _ in _WANTED}
    return f"{titles.get(kind, kind)} {level}".strip()


def _published_table(results: Results, quantity: str, names: dict[tuple[str, str], str]) -> Table:
    title, rows_are = _PUBLISHED.get(quantity, (quantity.replace("_", " "), ""))
    rows, subjects = (list(dict.fromkeys(cell[at] for cell in names)) for at in (0, 1))
    header, filled = [rows_are], [[row] for row in rows]
    for subject in subjects:
        header += [f"{contestant_name(subject)}, {whose}".removeprefix(", ") for whose in ("published", "this run")]
        for row, shown in zip(rows, filled, strict=True):
            shown += _beside(results, quantity, names.get((row, subject)))
    return Table(title, tuple(header), tuple(map(tuple, filled)))


def _beside(results: Results, quantity: str, name: str | None) -> tuple[str, str]:
    """A published figure and ours."""
    if name is None:
        return "", ""
    theirs, ours = results.published[name], results.metrics.get(name)
    if quantity == "prediction":  # a class is no amount: nothing to average
        return f"{theirs:.0f}", "not measured" if ours is None else ", ".join(f"{value:.0f}" for value in ours.values)
    scale, digits = (100, 2) if quantity == "accuracy" else (1, 4)
    shown = "not measured" if ours is None else interval(ours, scale=scale, digits=digits)
    if ours is not None and theirs:
        shown += f" ({signed(100 * (ours.mean / theirs - 1))} %)"
    return f"{theirs * scale:.{digits}f}", shown


def levels_table(
    results: Results, title: str, header: Sequence[str], levels: Sequence[str], rows: Sequence[tuple[str, str]]
) -> Table:
    """Accuracies in per cent, a column for each level; rows without any are left out.

    A row is its name, and what stands between `accuracy/` and the level in the names of its metrics.
    """
    filled = []
    for name, measured in rows:
        metrics = [results.metrics.get(f"accuracy/{measured}@{level}") for level in levels]
        if any(metrics):
            filled.append((name, *map(points, metrics)))
    return Table(title, header, filled)


def defence_table(results: Results, contestant: str, counts: Sequence[int]) -> Table:
    """Accuracy in per cent under each attack: bare, defended and attacked as if bare, attacked through the defence."""
    measured = set(nearest_levels(levels_of(results, "fgsm"), (0.05, 0.1, 0.2, 0.3)))
    measured |= {level for level in levels_of(results, "pgd") if float(level) > 0}
    levels = sorted(measured, key=float)
    rows = []
    for attack in ("fgsm", "pgd"):
        words, kind = attack.upper(), f"{contestant}/{attack}"
        rows.append((f"{words}, undefended", kind))
        for count in counts:
            rows.append((f"{words}, defended, {times(count)}, attack unaware of it", f"{kind}_defended_{count}"))
            rows.append(
                (f"{words}, defended, {times(count)}, attack through it (adaptive)", f"{kind}_adaptive_{count}")
            )
    title = f"Accuracy (%) of {contestant_name(contestant)} under attack"
    header = ("attack, defence", *(f"epsilon {level}" for level in levels))
    return levels_table(results, title, header, levels, rows)


def times_table(results: Results) -> Table:
    """The mean time of every stage, and of everything together."""
    names = [name for name in results.metrics if name.startswith("time/") and name != "time/total"]
    named = [(name.removeprefix("time/").replace("_", " "), results.metrics[name]) for name in names]
    if total := results.metrics.get("time/total"):
        named.append(("all together", total))
    rows = tuple((title, duration(metric.mean)) for title, metric in named)
    return Table("Time per seed", ("stage", "time"), rows)
