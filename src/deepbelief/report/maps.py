"""Drawings of maps: items as points in two dimensions, coloured by class."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepbelief.report.chapter import Drawing
from deepbelief.report.run import Floats
from deepbelief.report.sheet import Sheet, shorten
from deepbelief.report.style import MUTED, WIDTH, Look, class_look, panel

_COLUMNS = 4  # of maps, at most
_KEYS = 5  # classes in a line of the legend
_EDGE, _GAP, _TITLE, _LINE = (
    0.02,
    0.08,
    0.26,
    0.22,
)  # inches around and between maps, above each, and of a legend's line


def maps(
    rows: Mapping[str, Sequence[Floats]], spaces: Sequence[Look], labels: NDArray[np.integer], names: Sequence[str]
) -> Drawing:
    """A map (n, 2) for each space in each named row, points coloured by their labels (n,), and one legend of classes.

    More than four spaces take further lines.
    """
    columns = min(_COLUMNS, len(spaces))
    side = (WIDTH - 2 * _EDGE - _GAP * (columns - 1)) / columns
    lines = -(-len(spaces) // columns)
    height = len(rows) * lines * (side + _TITLE) + 0.12

    def draw(figure: Figure) -> None:
        looks = [class_look(number, name) for number, name in enumerate(names)]
        for row, (kind, placed) in enumerate(rows.items()):
            for number, (space, points) in enumerate(zip(spaces, placed, strict=True)):
                left = _EDGE + number % columns * (side + _GAP)
                top = _TITLE + (row * lines + number // columns) * (side + _TITLE)
                _draw_map(figure, points, labels, looks, (left, top, side), f"{space.name}, {kind}", space.ink)
        _draw_legend(Sheet(figure), looks, height)

    return Drawing(height + _LINE * -(-len(names) // _KEYS), draw)


def _draw_map(
    figure: Figure,
    points: Floats,
    labels: NDArray[np.integer],
    looks: Sequence[Look],
    place: tuple[float, float, float],
    title: str,
    ink: str,
) -> None:
    """One square map at (left, top, side) inches, both axes on the same scale."""
    left, top, side = place
    axes = panel(figure, top, side, left=left, right=WIDTH - left - side)
    for number, look in enumerate(looks):
        across, up = points[labels == number].T
        axes.scatter(across, up, s=5, color=look.colour, marker=look.marker, linewidths=0, alpha=0.8)
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    reach = 0.53 * float(np.ptp(points, axis=0).max()) or 1.0
    axes.set_xlim(middle[0] - reach, middle[0] + reach)
    axes.set_ylim(middle[1] - reach, middle[1] + reach)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    axes.set_title(title, color=ink, fontsize=9, pad=3)


def _draw_legend(sheet: Sheet, looks: Sequence[Look], top: float) -> None:
    """The class of each colour, in lines of five."""
    width = WIDTH / _KEYS
    for number, look in enumerate(looks):
        x, y = number % _KEYS * width, top + number // _KEYS * _LINE
        sheet.mark(x + 0.06, y + 0.07, look)
        sheet.write(x + 0.16, y, shorten(look.name, int(width / 0.082)), ha="left", fontsize=9, color=MUTED)
