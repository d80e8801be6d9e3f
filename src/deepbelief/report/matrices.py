"""Drawings made of numbers in rows: confusion matrices, dendrograms, activations of units, histograms."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import dendrogram

from deepbelief.report.chapter import Drawing
from deepbelief.report.run import Floats
from deepbelief.report.sheet import shorten
from deepbelief.report.style import INK, MUTED, WIDTH, Look, luminance, panel

_NAME = 16  # letters of a class name that fit beside a picture


def _margin(names: Sequence[str]) -> float:
    return 0.2 + 0.078 * max((len(shorten(name, _NAME)) for name in names), default=0)


def _paper_to(colour: str) -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list("paper", ["#ffffff", colour])


def confusion_matrix(matrix: Floats, names: Sequence[str], look: Look) -> Drawing:
    """A row-normalised matrix in per cent, a number in every square cell, names slanting below it."""
    left = _margin(names)
    side = WIDTH - left - 0.08
    colours = _paper_to(look.colour)

    def draw(figure: Figure) -> None:
        size = min(9.5, 0.5 * side / len(matrix) * 72 * 0.62)
        axes = panel(figure, 0.28, side, left=left, right=0.08)
        axes.imshow(matrix, cmap=colours, vmin=0, vmax=1, aspect="auto")
        for row, column in np.ndindex(*matrix.shape):
            share = 100 * float(matrix[row, column])
            dark = luminance(colours(share / 100)) < 0.32
            colour = "white" if dark else INK if share >= 0.5 else "#a9b0ba"
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=size, color=colour)
        short = [shorten(name, _NAME) for name in names]
        axes.set_xticks(range(len(matrix)), short, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(matrix)), short)
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.set_title(look.name, x=-left / side, ha="left", color=look.ink, weight="bold")
        axes.set_title("true class in rows, answer in columns, %", loc="right", color=MUTED, fontsize=9)

    return Drawing(WIDTH - 0.7 * left + 0.55, draw)


def dendrograms(linkages: Sequence[Floats], names: Sequence[str], looks: Sequence[Look]) -> Drawing:
    """A tree for each layer, lying on its side: names of the leaves on the left, distances of mergers to the right."""
    height = 0.19 * len(names)

    def draw(figure: Figure) -> None:
        for number, (linkage, look) in enumerate(zip(linkages, looks, strict=True)):
            axes = panel(figure, 0.3 + number * (height + 0.85), height, left=_margin(names), right=0.15)
            tree = dendrogram(np.asarray(linkage, float), no_plot=True)
            for across, along in zip(tree["icoord"], tree["dcoord"], strict=True):
                axes.plot(along, across, color=look.colour, linewidth=1.6, clip_on=False)
            leaves = [shorten(names[leaf], _NAME) for leaf in tree["leaves"]]
            axes.set_yticks(5 + 10 * np.arange(len(leaves)), leaves)
            axes.set_ylim(10 * len(leaves), 0)
            axes.set_xlim(0, 1.02 * float(linkage[:, 2].max()) or 1)
            axes.grid(False)
            axes.set_title(look.name, color=look.ink, weight="bold")
            axes.set_xlabel("Euclidean distance", labelpad=1)

    return Drawing(len(linkages) * (height + 0.85) + 0.05, draw)


def activations(examples: Sequence[Floats], names: Sequence[str], looks: Sequence[Look]) -> Drawing:
    """Hidden probabilities by layer: classes in rows, units in columns ordered by the class they answer to most."""
    height = 0.19 * len(names)

    def draw(figure: Figure) -> None:
        for number, (activity, look) in enumerate(zip(examples, looks, strict=True)):
            axes = panel(figure, 0.28 + number * (height + 0.62), height, left=_margin(names), right=0.05)
            order = np.lexsort((-activity.max(axis=0), activity.argmax(axis=0)))
            axes.imshow(activity[:, order], cmap=_paper_to(INK), vmin=0, vmax=1, aspect="auto", interpolation="nearest")
            axes.set_yticks(range(len(names)), [shorten(name, _NAME) for name in names])
            axes.set_xticks([])
            axes.grid(False)
            axes.set_title(f"{look.name}, {activity.shape[1]} units", color=look.ink, weight="bold")

    return Drawing(len(examples) * (height + 0.62) - 0.28, draw)


def histograms(shares: Sequence[Floats], looks: Sequence[Look]) -> Drawing:
    """Three in a row: the share of all activations in each bin of [0, 1], in per cent, on one logarithmic axis."""
    columns = min(3, len(shares))
    width = (WIDTH - 0.55 - 0.1 - 0.3 * (columns - 1)) / columns
    positive = np.concatenate([share[share > 0] for share in shares])
    low = 100 * float(positive.min()) if positive.size else 0.1

    def draw(figure: Figure) -> None:
        for number, (share, look) in enumerate(zip(shares, looks, strict=True)):
            left = 0.55 + number % columns * (width + 0.3)
            axes = panel(figure, 0.3 + number // columns * 1.95, 1.15, left=left, right=WIDTH - left - width)
            axes.stairs(100 * share, np.linspace(0, 1, len(share) + 1), fill=True, color=look.colour, baseline=low / 2)
            axes.set_yscale("log")
            axes.set_ylim(low / 2, 130)
            axes.set_yticks([0.1, 1, 10, 100] if low < 1 else [1, 10, 100])
            axes.set_yticklabels([f"{tick:g} %" for tick in axes.get_yticks()] if number % columns == 0 else [])
            axes.minorticks_off()
            axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
            axes.set_xlim(0, 1)
            axes.set_title(look.name, color=look.ink, weight="bold")
            axes.set_xlabel("hidden probability", color=MUTED)

    return Drawing(-(-len(shares) // 3) * 1.95 - 0.02, draw)
