"""The look of all pictures: one fixed colour and marker per contestant, calm axes, white ground."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure

from deepbelief.report.text import contestant_name

WIDTH: Final = 5.2  # inches; with 10 pt type a picture stays legible when a phone shows it 340 px wide
DPI: Final = 250  # 1300 px: twice the width of the text column
INK: Final = "#1f2430"
MUTED: Final = "#5b6472"
GRID: Final = "#e3e6ea"
ALARM: Final = "#d1495b"
LINE, MARKER = 1.8, 4.5  # points: how wide a line is, and its markers

# Read-outs run from light to dark blue. Vermilion and purple stay apart from it under the common colour deficiencies.
_DEPTH: Final = LinearSegmentedColormap.from_list("depth", ["#66abda", "#2373b6", "#0b2d52"])
_FIXED: Final = {
    "ffnn": ("#d55e00", "X"),
    "finetuned": ("#a3328a", "P"),
    "robust_readout": ("#7a4b2a", "*"),
    "all_layers": ("#00856a", "v"),
    "mlp_head": ("#8a6d00", "<"),
    "random_start": ("#444444", ">"),
    "pixels": ("#8a8f98", "."),
    "label_rbm": ("#c2185b", "d"),
    "ffnn_noisy": ("#f0a330", "X"),
    "ffnn_attacked": ("#7f2704", "X"),
    "finetuned_noisy": ("#d98ac6", "P"),
    "finetuned_attacked": ("#4a0d5c", "P"),
}
_SPARE: Final = (("#6a3fb0", "d"), ("#5f7f00", "8"))
_MARKERS: Final = ("o", "s", "D", "^", "h", "p")

# As many hues as can be told apart in small points; light and dark ones take turns, which helps where hues look alike.
_CLASSES: Final = (
    *("#1f77b4", "#ff9f1c", "#2a7f3e", "#e0218a", "#7b3fb5"),
    *("#8ecae6", "#8b4a1c", "#9ad14b", "#d62728", "#30343c"),
)

_STYLE: Final[dict[str, Any]] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,  # a class may be called "$5"
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "ytick.major.size": 0,
    "lines.linewidth": LINE,
    "lines.markersize": MARKER,
    "lines.solid_capstyle": "round",
}


@dataclass(frozen=True)
class Look:
    """How one contestant, or one layer, is drawn everywhere."""

    name: str
    colour: str
    marker: str

    @property
    def ink(self) -> str:
        """The colour for words: darker where the colour of the line is too light to read."""
        if luminance(self.colour) <= 0.3:
            return self.colour
        red, green, blue = (0.6 * a + 0.4 * b for a, b in zip(to_rgb(self.colour), to_rgb(INK), strict=True))
        return to_hex((red, green, blue))


def luminance(colour: Any) -> float:
    """How light a colour looks, from 0 (black) to 1 (white)."""
    red, green, blue = to_rgb(colour)
    return float(0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2)


def layer_look(layer: int, layers: int, name: str = "") -> Look:
    """The look of a layer, counted from 1; its read-out shares it."""
    depth = 0.5 if layers < 2 else (layer - 1) / (layers - 1)
    return Look(name or f"layer {layer}", to_hex(_DEPTH(depth)), _MARKERS[(layer - 1) % len(_MARKERS)])


def class_look(number: int, name: str) -> Look:
    """The look of a class, counted from 0: ten colours, then the same with the next marker."""
    return Look(name, _CLASSES[number % len(_CLASSES)], _MARKERS[number // len(_CLASSES) % len(_MARKERS)])


def contestant_looks(contestants: Sequence[str], layers: int) -> dict[str, Look]:
    """The look of every contestant."""
    looks: dict[str, Look] = {}
    spare = itertools.cycle(_SPARE)
    for contestant in contestants:
        name, number = contestant_name(contestant), contestant.removeprefix("readout_")
        if number != contestant and number.isdecimal():
            looks[contestant] = layer_look(int(number), max(layers, int(number)), name)
        elif contestant in _FIXED:
            looks[contestant] = Look(name, *_FIXED[contestant])
        else:
            looks[contestant] = Look(name, *next(spare))
    return looks


def render(draw: Callable[[Figure], None], height: float) -> bytes:
    """Draw a picture of the report's width and the given height in inches; returns it as PNG."""
    with matplotlib.style.context(_STYLE, after_reset=True):
        figure = Figure(figsize=(WIDTH, height), dpi=DPI)
        FigureCanvasAgg(figure)  # registers itself as the figure's canvas: no pyplot, no window
        draw(figure)
        content = BytesIO()
        figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None}, pil_kwargs={"compress_level": 4})
    return content.getvalue()


def size_in_pixels(height: float) -> tuple[int, int]:
    """Width and height of a picture `height` inches high, so that a page need not jump while it loads."""
    return int(WIDTH * DPI), int(height * DPI)


def panel(figure: Figure, top: float, height: float, left: float = 0.45, right: float = 1.15) -> Axes:
    """Axes placed by inches: `top` below the figure's upper edge, margins `left` and `right`."""
    total = figure.get_figheight()
    return figure.add_axes((left / WIDTH, 1 - (top + height) / total, (WIDTH - left - right) / WIDTH, height / total))
