"""Small multiples: many little charts side by side, with one legend for all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deepbelief.report.chapter import Drawing
from deepbelief.report.curves import DASHES, Curve, draw_lines, fit_accuracy, fit_x
from deepbelief.report.style import LINE, MARKER, WIDTH, Look, panel

_COLUMNS: Final = 2
_LEFT, _BETWEEN, _RIGHT = 0.4, 0.46, 0.14  # inches
_TALL, _PITCH = 1.35, 2.12
_LINE: Final = 0.2  # of the legend
_LETTER: Final = 0.078
_SCALE: Final = 0.75  # of lines and markers
_MARKER: Final = _SCALE * MARKER


@dataclass(frozen=True)
class Small:
    """One little chart of accuracies in per cent: its title, against what, its lines, and points without a line."""

    title: str
    xlabel: str
    curves: Sequence[Curve]
    points: Sequence[Curve] = ()


def multiples(charts: Sequence[Small], chance: float | None) -> Drawing:
    """The charts, two in a row, below the names of their lines."""
    looks = list({curve.look.name: (curve.look, curve.dashed) for chart in charts for curve in chart.curves}.values())
    rows = _legend_rows(looks)
    above = _LINE * len(rows) + 0.36
    width = (WIDTH - _LEFT - _BETWEEN - _RIGHT) / _COLUMNS

    def draw(figure: Figure) -> None:
        _draw_legend(figure, rows)
        for number, chart in enumerate(charts):
            row, column = divmod(number, _COLUMNS)
            left = _LEFT + column * (width + _BETWEEN)
            axes = panel(figure, above + row * _PITCH, _TALL, left=left, right=WIDTH - left - width)
            axes.set_title(chart.title, fontsize=9)
            axes.set_xlabel(chart.xlabel, fontsize=8)
            axes.tick_params(labelsize=8)
            fit_x(axes, chart.curves)
            fit_accuracy(axes, chance)
            axes.xaxis.set_major_locator(MaxNLocator(5))
            for dots in chart.points:
                axes.plot(dots.x, dots.y, dots.look.marker, color=dots.look.colour, markersize=_MARKER, clip_on=False)
            draw_lines(axes, chart.curves, _SCALE)

    return Drawing(above + _PITCH * -(-len(charts) // _COLUMNS) - 0.2, draw)


def _legend_rows(looks: Sequence[tuple[Look, bool]]) -> list[list[tuple[float, Look, bool]]]:
    """The names in rows that fit the width, each with its place in inches from the left."""
    rows: list[list[tuple[float, Look, bool]]] = [[]]
    place = 0.0
    for look, dashed in looks:
        length = 0.42 + _LETTER * len(look.name)
        if rows[-1] and place + length > WIDTH:
            rows.append([])
            place = 0.0
        rows[-1].append((place, look, dashed))
        place += length
    return rows


def _draw_legend(figure: Figure, rows: Sequence[Sequence[tuple[float, Look, bool]]]) -> None:
    axes = panel(figure, 0, _LINE * len(rows), left=0, right=0)
    axes.set(xlim=(0, WIDTH), ylim=(_LINE * len(rows), 0))
    axes.axis("off")
    for number, row in enumerate(rows):
        middle = (number + 0.5) * _LINE
        for place, look, dashed in row:
            line = [place + 0.03, place + 0.25], [middle, middle]
            axes.plot(*line, color=look.colour, linestyle=DASHES if dashed else "-", linewidth=_SCALE * LINE)
            axes.plot([place + 0.14], [middle], color=look.colour, marker=look.marker, markersize=_MARKER)
            axes.text(place + 0.31, middle, look.name, va="center", fontsize=8.5, color=look.ink)
