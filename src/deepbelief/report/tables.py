"""Tables as strings, the same for the page and for the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from deepbelief.report.text import ABSENT, contestant_name, duration, interval, points, quantity, signed
from deepbelief.study.records import Metric, Results

_WANTED = (("gaussian", "noise", (0.3, 0.7)), ("fgsm", "FGSM", (0.05, 0.1, 0.2)))


@dataclass(frozen=True)
class Table:
    """A header, rows of equal length (the first cell names the row), and the cells worth stressing."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: frozenset[tuple[int, int]] = field(default_factory=frozenset)


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


def results_table(results: Results) -> Table:
    """Test accuracy in per cent of every contestant, clean and perturbed; the best of each column is strong."""
    header, columns, strong = ["contestant"], [], set()
    for title, suffix in key_columns(results):
        names = [f"accuracy/{contestant}{suffix}" for contestant in results.contestants]
        metrics = [results.metrics.get(name) for name in names]
        if any(metrics):
            header.append(title)
            columns.append([points(metric) for metric in metrics])
            strong |= {(row, len(columns)) for row in _best(metrics)}
        if any(name in results.published for name in names):
            header.append(f"{title}, published")
            columns.append(
                [f"{100 * results.published[name]:.1f}" if name in results.published else "" for name in names]
            )
    labels = [contestant_name(contestant) for contestant in results.contestants]
    rows = tuple(zip(labels, *columns, strict=True))
    return Table("Accuracy on the test images, in per cent", tuple(header), rows, frozenset(strong))


def _best(metrics: Sequence[Metric | None]) -> list[int]:
    present = [metric.mean for metric in metrics if metric is not None]
    if len(present) < 2:
        return []
    return [row for row, metric in enumerate(metrics) if metric is not None and metric.mean == max(present)]


def published_table(results: Results) -> Table | None:
    """Every published figure beside ours and the relative difference; None when nothing was published."""
    if not results.published:
        return None
    rows = []
    for name, theirs in results.published.items():
        share = name.startswith("accuracy")
        scale, digits, unit = (100, 2, " %") if share else (1, 4, "")
        ours = results.metrics.get(name)
        difference = ABSENT if ours is None or theirs == 0 else f"{signed(100 * (ours.mean / theirs - 1))} %"
        shown = "not measured" if ours is None else interval(ours, scale=scale, digits=digits) + unit
        rows.append((quantity(name), f"{theirs * scale:.{digits}f}{unit}", shown, difference))
    header = ("quantity", "published", "this run", "relative difference")
    return Table("Published figures against this run", header, tuple(rows))


def times_table(results: Results) -> Table:
    """The mean time of every stage, and of everything together."""
    names = [name for name in results.metrics if name.startswith("time/") and name != "time/total"]
    named = [(name.removeprefix("time/").replace("_", " "), results.metrics[name]) for name in names]
    if total := results.metrics.get("time/total"):
        named.append(("all together", total))
    rows = tuple((title, duration(metric.mean)) for title, metric in named)
    return Table("Time per seed", ("stage", "time"), rows)


def metric_table(title: str, header: Sequence[str], rows: Sequence[tuple[str, Sequence[Metric | None]]]) -> Table:
    """A table of shares in per cent, one metric a cell; rows without any metric are left out."""
    filled = tuple((name, *(points(metric) for metric in metrics)) for name, metrics in rows if any(metrics))
    return Table(title, tuple(header), filled)
