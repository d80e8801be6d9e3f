"""A sheet on which small images and words are placed by inches."""

from typing import Any, Final

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from deepbelief.report.run import Floats
from deepbelief.report.style import ALARM, GRID, INK, WIDTH, Look

# Orange takes away, purple adds: told apart under all common colour deficiencies, and against grey images.
_CHANGE: Final = LinearSegmentedColormap.from_list("change", ["#d9790f", "#ffffff", "#6f4fa8"])

_FLATTEST: Final = 1 / 4  # height / width of an image as it is drawn
_TALLEST: Final = 3.0


def grey(image: NDArray[Any]) -> Floats:
    """Grey values in [0, 1] of an image in [0, 1] or in 0..255; values outside are clipped."""
    scale = 255 if image.dtype == np.uint8 else 1
    return np.asarray(np.clip(image.astype(float) / scale, 0, 1))


def cell_height(images: NDArray[Any], width: float) -> float:
    """Height in inches of images (..., h, w) drawn `width` inches wide.

    Their pixels are squares, but for a row or a column of them, such as a vector, which would be a hair or a mile.
    """
    height, across = images.shape[-2:]
    return width * min(max(float(height) / float(across), _FLATTEST), _TALLEST)


def shorten(name: str, length: int) -> str:
    """A name cut to a length, with a sign that it was cut."""
    return name if len(name) <= length else name[: max(1, length - 1)].rstrip() + "…"


class Sheet:
    """The whole figure as one set of axes in inches, the origin at the upper left."""

    def __init__(self, figure: Figure) -> None:
        height = figure.get_figheight()
        self._axes = figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self._axes.set_autoscale_on(False)
        self._axes.set_xlim(0, WIDTH)
        self._axes.set_ylim(height, 0)

    def place(self, image: NDArray[Any], x: float, y: float, width: float, *, alarm: bool = False) -> None:
        """Draw a grey image with its upper left corner at (x, y); `alarm` frames it."""
        self._place(grey(image), x, y, width, alarm, cmap="gray", vmin=0, vmax=1)

    def place_change(self, change: NDArray[Any], x: float, y: float, width: float) -> None:
        """Draw a signed image: orange takes away, purple adds, white leaves alone."""
        largest = float(np.abs(change).max()) or 1.0
        self._place(change.astype(float), x, y, width, False, cmap=_CHANGE, vmin=-largest, vmax=largest)

    def write(self, x: float, y: float, text: str, **options: Any) -> None:
        """Write centred text below the point (x, y)."""
        self._axes.text(x, y, text, **{"ha": "center", "va": "top", "fontsize": 10, "color": INK, **options})

    def mark(self, x: float, y: float, look: Look) -> None:
        """Draw the marker of a look at the point (x, y)."""
        self._axes.plot(x, y, look.marker, color=look.colour, clip_on=False)

    def _place(self, image: Floats, x: float, y: float, width: float, alarm: bool, **colours: Any) -> None:
        """Draw an image in `colours`, options of `imshow`, inside a thin frame, or one that alarms."""
        height = cell_height(image, width)
        extent = (x, x + width, y + height, y)
        self._axes.imshow(image, extent=extent, aspect="auto", interpolation="nearest", **colours)
        colour, line = (ALARM, 2.2) if alarm else (GRID, 0.6)
        self._axes.add_artist(Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=line))
