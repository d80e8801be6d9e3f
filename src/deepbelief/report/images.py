"""Drawings made of images: labelled grids, receptive fields, attacks, neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepbelief.report.chapter import Drawing
from deepbelief.report.sheet import Sheet, cell_height, shorten
from deepbelief.report.style import ALARM, MUTED, WIDTH, Look

_LINE = 0.19  # inches of one line of text


def grid(
    images: NDArray[Any], columns: int, labels: Sequence[str] = (), *, gap: float = 0.12, margin: float = 0.0
) -> Drawing:
    """Images (n, h, w) in rows of `columns`, each with a label below if there are labels.

    `gap` is the distance between images, and `margin` is left free on both sides, in inches.
    """
    width = (WIDTH - 2 * margin - gap * (columns - 1)) / columns
    height = cell_height(images, width)
    pitch = height + gap + (_LINE if labels else 0)

    def draw(figure: Figure) -> None:
        sheet = Sheet(figure)
        for index, image in enumerate(images):
            x, y = margin + index % columns * (width + gap), index // columns * pitch
            sheet.place(image, x, y + 0.01, width)
            if labels:
                label = shorten(labels[index], max(3, int(width / 0.082)))
                sheet.write(x + width / 2, y + height + 0.04, label, clip_on=False)

    return Drawing(pitch * -(-len(images) // columns) - gap + 0.02, draw)


def named_rows(rows: Sequence[NDArray[Any]] | NDArray[Any], names: Sequence[str]) -> Drawing:
    """Rows of images (k, h, w), each with its name, of one line or more, on the left; k may differ from row to row."""
    left = 1.05  # inches for the names
    width = (WIDTH - left) / max(map(len, rows)) - 0.06
    height = cell_height(rows[0], width)

    def draw(figure: Figure) -> None:
        sheet = Sheet(figure)
        for number, (name, images) in enumerate(zip(names, rows, strict=True)):
            y = 0.01 + number * (height + 0.06)
            lines = [shorten(line, int(left / 0.078)) for line in name.splitlines()]
            sheet.write(0.0, y + height / 2, "\n".join(lines), ha="left", va="center")
            for column, image in enumerate(images):
                sheet.place(image, left + column * (width + 0.06), y, width)

    return Drawing(len(rows) * (height + 0.06), draw)


@dataclass(frozen=True)
class AttackRow:
    """One attacked image; with a contestant's look, also its answers before and after."""

    look: Look | None
    attacked: NDArray[Any]
    before: str = ""
    after: str = ""
    fooled: bool = False


def attack(original: NDArray[Any], rows: Sequence[AttackRow], titles: tuple[str, str, str]) -> Drawing:
    """Rows of: the image, what is added, and the result, each row for one contestant (or one for all)."""
    named = any(row.look for row in rows)
    left = 1.1 if named else 0.0
    width = (WIDTH - left - 2 * 0.35) / 3
    height = cell_height(original, width)
    pitch = height + (0.45 if named else 0.2)
    columns = [left + number * (width + 0.35) for number in range(3)]
    longest = int(width / 0.08)  # letters of an answer that fit below an image

    def draw(figure: Figure) -> None:
        sheet = Sheet(figure)
        for x, title in zip(columns, titles, strict=True):
            sheet.write(x + width / 2, 0.02, title, color=MUTED)
        for number, row in enumerate(rows):
            y = 0.26 + number * pitch
            middle, below = y + height / 2, y + height + 0.05
            sheet.place(original, columns[0], y, width)
            sheet.place_change(row.attacked.astype(float) - original.astype(float), columns[1], y, width)
            sheet.place(row.attacked, columns[2], y, width)
            for x, sign in zip(columns[1:], "+=", strict=True):
                sheet.write(x - 0.175, middle, sign, fontsize=13, va="center", color=MUTED)
            if row.look:
                name = row.look.name.replace(" ", "\n", 1)
                sheet.write(0.0, middle, name, ha="left", va="center", fontsize=9, weight="bold", color=row.look.ink)
                sheet.write(columns[0] + width / 2, below, shorten(row.before, longest))
                sheet.write(columns[2] + width / 2, below, shorten(row.after, longest), **_answer_style(row.fooled))

    return Drawing(0.24 + len(rows) * pitch - (0.0 if named else 0.14), draw)


def _answer_style(wrong: bool) -> dict[str, str]:
    """A wrong answer stands out."""
    return {"color": ALARM, "weight": "bold"} if wrong else {}


def strip(
    images: Sequence[NDArray[Any]], titles: Sequence[str], columns: int, answers: Sequence[str] = (), right: str = ""
) -> Drawing:
    """Images in one row or several, a title above each, and below it an answer if there are answers.

    Answers other than the `right` one stand out.
    """
    width = (WIDTH - 0.2 * (columns - 1)) / columns
    height = cell_height(images[0], width)
    pitch = height + (0.6 if any(answers) else 0.34)

    def draw(figure: Figure) -> None:
        sheet = Sheet(figure)
        for index, (image, title) in enumerate(zip(images, titles, strict=True)):
            x, y = index % columns * (width + 0.2), index // columns * pitch
            sheet.write(x + width / 2, y + 0.02, title, color=MUTED)
            sheet.place(image, x, y + 0.22, width)
            if answers:
                answer = shorten(answers[index], int(width / 0.085))
                wrong = answers[index] not in ("", right)
                sheet.write(x + width / 2, y + height + 0.26, answer, **_answer_style(wrong))

    return Drawing(-(-len(images) // columns) * pitch - 0.08, draw)


def neighbours(queries: NDArray[Any], groups: Sequence[tuple[str, NDArray[Any], NDArray[np.bool_]]]) -> Drawing:
    """For each query (h, w) a row: the query, then its nearest images in one or two representations.

    A group is a title, the images (n, k, h, w), and which of them are wrong (n, k).
    """
    in_row = 1 + sum(int(images.shape[1]) for _, images, _ in groups)
    width = (WIDTH - 0.2 * len(groups) - 0.05 * in_row - 0.04) / in_row
    pitch = cell_height(queries, width) + 0.07

    def draw(figure: Figure) -> None:
        sheet = Sheet(figure)
        sheet.write(0.02, 0.02, "query", color=MUTED, ha="left")
        for row, query in enumerate(queries):
            sheet.place(query, 0.02, 0.28 + row * pitch, width)
        x = 0.02 + width + 0.25
        for title, images, wrong in groups:
            sheet.write(x, 0.02, title, color=MUTED, ha="left")
            for row, column in np.ndindex(*wrong.shape):
                left, top = x + column * (width + 0.05), 0.28 + row * pitch
                sheet.place(images[row, column], left, top, width, alarm=bool(wrong[row, column]))
            x += images.shape[1] * (width + 0.05) + 0.2

    return Drawing(0.3 + len(queries) * pitch, draw)
