"""Line charts one above the other, as one picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deepbelief.report.chapter import Drawing
from deepbelief.report.curves import REFERENCE, Curve, draw_curves, fit_accuracy, fit_x, fit_y
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


def charts_drawing(charts: Sequence[Chart]) -> Drawing:
    """The charts as the drawing of one picture."""
    return Drawing(charts_height(charts), partial(draw_charts, charts=charts))


def charts_height(charts: Sequence[Chart]) -> float:
    """Inches that the charts need."""
    return sum(chart.tall + _TOP + _BOTTOM for chart in charts) - 0.08


def draw_charts(figure: Figure, charts: Sequence[Chart]) -> None:
    """Draw all charts, sharing the right margin that the longest label needs."""
    labels = [curve.look.name for chart in charts for curve in chart.curves]
    right = 0.3 + 0.079 * max(map(len, labels), default=0)
    top = 0.0
    for chart in charts:
        _draw(figure, chart, top + _TOP, right)
        top += chart.tall + _TOP + _BOTTOM


def _draw(figure: Figure, chart: Chart, top: float, right: float) -> None:
    axes = panel(figure, top, chart.tall, left=0.48, right=right)
    axes.set_title(chart.title)
    axes.set_xlabel(chart.xlabel)
    fit_x(axes, chart.curves)
    if chart.accuracy:
        fit_accuracy(axes, chart.chance)
        axes.xaxis.set_major_locator(MaxNLocator(6))
    else:
        fit_y(axes, chart.curves)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))  # epochs and steps are whole
    if chart.mark is not None:
        place, name = chart.mark
        axes.axvline(place, **REFERENCE)
        foot = axes.get_xaxis_transform()  # x in the units of the curves, y from 0 at the foot of the chart to 1
        axes.annotate(name, (place, 0.03), (4, 0), foot, "offset points", fontsize=8, color=MUTED)
    draw_curves(axes, chart.curves)
