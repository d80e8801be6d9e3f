"""Line charts one above the other, as one picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deepbelief.report.curves import Curve, accuracy_axes, draw_curves, fit_x, fit_y
from deepbelief.report.style import MUTED, panel

_TOP, _BOTTOM = 0.32, 0.55  # inches above and below each chart


@dataclass(frozen=True)
class Chart:
    """One chart: what is measured (its title), against what, and its lines."""

    title: str
    xlabel: str
    curves: Sequence[Curve]
    accuracy: bool = False
    chance: float | None = None
    mark: tuple[float, str] | None = None  # a vertical line and its name
    tall: float = 2.5  # inches


def charts_height(charts: Sequence[Chart]) -> float:
    """Inches that the charts need."""
    return sum(chart.tall + _TOP + _BOTTOM for chart in charts) - 0.08


def draw_charts(figure: Figure, charts: Sequence[Chart]) -> None:
    """Draw all charts, sharing the right margin that the longest label needs."""
    labels = [curve.label or curve.look.name for chart in charts for curve in chart.curves]
    right = 0.3 + 0.079 * max(map(len, labels), default=0)
    top = 0.0
    for chart in charts:
        _draw(figure, chart, top + _TOP, right)
        top += chart.tall + _TOP + _BOTTOM


def _draw(figure: Figure, chart: Chart, top: float, right: float) -> None:
    axes = panel(figure, top, chart.tall, left=0.48, right=right)
    fit_x(axes, chart.curves)
    if chart.accuracy:
        accuracy_axes(axes, chart.title, chart.xlabel, chart.chance)
        axes.xaxis.set_major_locator(MaxNLocator(6))
    else:
        fit_y(axes, chart.curves)
        axes.set_title(chart.title)
        axes.set_xlabel(chart.xlabel)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))  # epochs and steps are whole
    if chart.mark is not None:
        place, name = chart.mark
        axes.axvline(place, color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
        axes.annotate(
            name,
            (place, 0.03),
            xycoords=axes.get_xaxis_transform(),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=8,
            color=MUTED,
        )
    draw_curves(axes, chart.curves)
