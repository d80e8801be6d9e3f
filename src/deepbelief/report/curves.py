"""Line charts with labels at the ends of the lines instead of a legend."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from scipy.optimize import isotonic_regression

from deepbelief.report.run import Floats, Series
from deepbelief.report.style import LINE, MARKER, MUTED, Look

REFERENCE: Final[dict[str, Any]] = {"color": MUTED, "linewidth": 1, "linestyle": (0, (1, 2))}
"""The look of a line to compare curves with."""

DASHES: Final = (0, (4, 2))
"""The pattern of a dashed line."""

_LEADER: Final = {"arrowstyle": "-", "linewidth": 0.6, "alpha": 0.6, "relpos": (0, 0.5), "shrinkA": 1}
"""The look of the line from a label to the end of its curve."""

_LABEL_GAP = 12.5  # points from one label to the next


@dataclass(frozen=True)
class Curve:
    """One line: how it looks and what it is called, and its band of confidence if there is one."""

    look: Look
    x: Floats
    y: Floats
    low: Floats | None = None
    high: Floats | None = None
    dashed: bool = False

    @classmethod
    def of_series(cls, series: Series, look: Look, *, whole: float = 100, dashed: bool = False) -> "Curve":
        """A share over its levels, in per cent or as a part of another `whole`."""
        low, high = (None if end is None else np.clip(whole * end, 0, whole) for end in (series.low, series.high))
        return cls(look, series.levels, whole * series.mean, low, high, dashed)


def draw_curves(axes: Axes, curves: Sequence[Curve]) -> None:
    """Draw the lines, then their names to the right of the axes, moved apart where they would touch."""
    draw_lines(axes, curves)
    drawn = [curve for curve in curves if len(curve.x) and np.isfinite(curve.y[-1])]  # a diverged one has no end
    if drawn:
        _label_ends(axes, drawn)


def draw_lines(axes: Axes, curves: Sequence[Curve], scale: float = 1.0) -> None:
    """Draw the lines and their bands; lines and markers `scale` times as large as usual."""
    for curve in curves:
        axes.plot(
            curve.x,
            curve.y,
            color=curve.look.colour,
            marker=curve.look.marker if len(curve.x) <= 30 else "",  # more would hide the line
            linestyle=DASHES if curve.dashed else "-",
            linewidth=LINE * scale,
            markersize=MARKER * scale,
            markeredgecolor="white",
            markeredgewidth=0.6 * scale,
            clip_on=False,
            zorder=3,
        )
        if curve.low is not None and curve.high is not None:
            axes.fill_between(curve.x, curve.low, curve.high, color=curve.look.colour, alpha=0.16, linewidth=0)


def moved_apart(positions: Floats, gap: float, low: float, high: float) -> Floats:
    """Ascending positions moved as little as possible (least squares) until they are `gap` apart."""
    steps = gap * np.arange(len(positions))
    moved = isotonic_regression(positions - steps).x
    return np.asarray(np.clip(moved, low, max(low, high - steps[-1])) + steps)


def _label_ends(axes: Axes, curves: Sequence[Curve]) -> None:
    figure = axes.get_figure()
    assert figure is not None
    height = axes.get_position().height * figure.bbox.height / figure.dpi * 72  # points
    transform = axes.transData + axes.transAxes.inverted()
    ordered = sorted(curves, key=lambda curve: float(curve.y[-1]))
    ends = np.asarray([transform.transform((curve.x[-1], curve.y[-1]))[1] * height for curve in ordered])
    places = moved_apart(ends, _LABEL_GAP, 4, height - 3)  # below the title, which may be longer than the axes
    for curve, end, place in zip(ordered, ends, places, strict=True):
        axes.annotate(
            curve.look.name,
            xy=(1, end / height),
            xycoords="axes fraction",
            xytext=(14, place - end),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=curve.look.ink,
            annotation_clip=False,
            arrowprops={**_LEADER, "color": curve.look.colour},
        )


def fit_accuracy(axes: Axes, chance: float | None) -> None:
    """Let the y axis run from 0 to 100 per cent, with a line at the level of guessing."""
    axes.set_ylim(0, 100)
    axes.set_yticks(range(0, 101, 20))
    if chance is not None:
        axes.axhline(100 * chance, **REFERENCE)
        across = axes.get_yaxis_transform()
        axes.text(0.005, 100 * chance + 1.2, "chance", transform=across, fontsize=8, color=MUTED, zorder=2)


def fit_x(axes: Axes, curves: Sequence[Curve]) -> None:
    """Let the x axis run exactly from the first to the last value."""
    ends = [float(value) for curve in curves if len(curve.x) for value in (curve.x[0], curve.x[-1])]
    if ends and min(ends) < max(ends):
        axes.set_xlim(min(ends), max(ends))


def fit_y(axes: Axes, curves: Sequence[Curve]) -> None:
    """Let the y axis hold all finite values and bands, with a little air and never below zero if none is."""
    drawn = [line for curve in curves for line in (curve.y, curve.low, curve.high) if line is not None]
    values = np.concatenate([np.asarray(line, float) for line in drawn]) if drawn else np.empty(0)
    values = values[np.isfinite(values)]
    if not values.size:
        return
    air = 0.06 * (np.ptp(values) or abs(float(values[0])) or 1)
    low = float(values.min() - air)
    axes.set_ylim(max(low, 0.0) if values.min() >= 0 else low, float(values.max() + air))
