"""Pictures made of images: labelled grids, receptive fields, attacks, neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepbelief.report.sheet import Sheet, cell_height, shorten
from deepbelief.report.style import ALARM, INK, MUTED, WIDTH, Look

_LINE = 0.19  # inches of one line of text


@dataclass(frozen=True)
class Grid:
    """Images in rows of `columns`, each with a label below if there are labels."""

    images: NDArray[Any]  # (n, h, w)
    columns: int
    labels: tuple[str, ...] = ()
    gap: float = 0.12
    margin: float = 0.0  # inches left free on both sides

    @property
    def _cell(self) -> tuple[float, float]:
        width = (WIDTH - 2 * self.margin - self.gap * (self.columns - 1)) / self.columns
        return width, cell_height(self.images, width)

    @property
    def _pitch(self) -> float:
        return self._cell[1] + self.gap + (_LINE if self.labels else 0)

    @property
    def height(self) -> float:
        """Inches that the whole grid needs."""
        return self._pitch * -(-len(self.images) // self.columns) - self.gap + 0.02

    def draw(self, figure: Figure) -> None:
        """Draw the grid over the whole figure."""
        sheet, (width, height) = Sheet(figure), self._cell
        longest = max(3, int(width / 0.082))
        for index, image in enumerate(self.images):
            x = self.margin + index % self.columns * (width + self.gap)
            y = index // self.columns * self._pitch
            sheet.place(image, x, y + 0.01, width)
            if self.labels:
                label = shorten(self.labels[index], longest)
                sheet.write(x + width / 2, y + height + 0.04, label, clip_on=False)


@dataclass(frozen=True)
class NamedRows:
    """Lines of images, each with its name on the left."""

    images: NDArray[Any]  # (lines, k, h, w)
    names: Sequence[str]
    left: float = 1.05  # inches for the names

    @property
    def _cell(self) -> tuple[float, float]:
        width = (WIDTH - self.left) / self.images.shape[1] - 0.06
        return width, cell_height(self.images, width)

    @property
    def height(self) -> float:
        """Inches that all lines need."""
        return len(self.images) * (self._cell[1] + 0.06)

    def draw(self, figure: Figure) -> None:
        """Draw all lines."""
        sheet, (width, height) = Sheet(figure), self._cell
        for line, (name, images) in enumerate(zip(self.names, self.images, strict=True)):
            y = 0.01 + line * (height + 0.06)
            sheet.write(0.0, y + height / 2, shorten(name, int(self.left / 0.078)), ha="left", va="center")
            for number, image in enumerate(images):
                sheet.place(image, self.left + number * (width + 0.06), y, width)


@dataclass(frozen=True)
class AttackRow:
    """One attacked image, with the answers before and after."""

    look: Look | None
    attacked: NDArray[Any]
    before: str
    after: str
    fooled: bool


@dataclass(frozen=True)
class Attack:
    """Rows of: the image, what is added, and the result, each row for one contestant (or one for all)."""

    original: NDArray[Any]
    rows: Sequence[AttackRow]
    titles: tuple[str, str, str]

    @property
    def _layout(self) -> tuple[float, float, float]:
        """Left margin, width of an image and distance of rows in inches."""
        named = any(row.look for row in self.rows)
        left = 1.1 if named else 0.0
        width = (WIDTH - left - 2 * 0.35) / 3
        return left, width, cell_height(self.original, width) + (0.45 if named else 0.2)

    @property
    def height(self) -> float:
        """Inches that all rows need."""
        return 0.24 + len(self.rows) * self._layout[2] - (0.0 if any(row.look for row in self.rows) else 0.14)

    def draw(self, figure: Figure) -> None:
        """Draw all rows."""
        sheet, (left, width, pitch) = Sheet(figure), self._layout
        columns = [left + number * (width + 0.35) for number in range(3)]
        for x, title in zip(columns, self.titles, strict=True):
            sheet.write(x + width / 2, 0.02, title, color=MUTED)
        height = cell_height(self.original, width)
        for number, row in enumerate(self.rows):
            y = 0.26 + number * pitch
            change = row.attacked.astype(float) - self.original.astype(float)
            sheet.place(self.original, columns[0], y, width)
            sheet.place_change(change, columns[1], y, width)
            sheet.place(row.attacked, columns[2], y, width)
            for x, sign in zip(columns[1:], "+=", strict=True):
                sheet.write(x - 0.175, y + height / 2, sign, fontsize=13, va="center", color=MUTED)
            if row.look:
                words = row.look.name.replace(" ", "\n", 1)
                sheet.write(
                    0.0, y + height / 2, words, ha="left", va="center", color=row.look.ink, weight="bold", fontsize=9
                )
                _answers(sheet, row, (columns[0], columns[2]), y + height + 0.05, width)


def _answers(sheet: Sheet, row: AttackRow, columns: tuple[float, float], y: float, width: float) -> None:
    longest = int(width / 0.08)
    sheet.write(columns[0] + width / 2, y, shorten(row.before, longest))
    colour, weight = (ALARM, "bold") if row.fooled else (INK, "normal")
    sheet.write(columns[1] + width / 2, y, shorten(row.after, longest), color=colour, weight=weight)


@dataclass(frozen=True)
class Strip:
    """Images in one row or several, a title above and an answer below each."""

    images: Sequence[NDArray[Any]]
    titles: Sequence[str]
    answers: Sequence[str]
    wrong: Sequence[bool]
    columns: int = 4

    @property
    def _cell(self) -> tuple[float, float]:
        width = (WIDTH - 0.2 * (self.columns - 1)) / self.columns
        return width, cell_height(self.images[0], width)

    @property
    def height(self) -> float:
        """Inches that the strip needs."""
        return -(-len(self.images) // self.columns) * self._pitch - 0.08

    @property
    def _pitch(self) -> float:
        return self._cell[1] + (0.6 if any(self.answers) else 0.34)

    def draw(self, figure: Figure) -> None:
        """Draw the strip."""
        sheet, (width, height) = Sheet(figure), self._cell
        longest = int(width / 0.085)
        cells = zip(self.images, self.titles, self.answers, self.wrong, strict=True)
        for index, (image, title, answer, wrong) in enumerate(cells):
            x, y = index % self.columns * (width + 0.2), index // self.columns * self._pitch
            sheet.write(x + width / 2, y + 0.02, title, color=MUTED)
            sheet.place(image, x, y + 0.22, width)
            style = {"color": ALARM, "weight": "bold"} if wrong else {}
            sheet.write(x + width / 2, y + height + 0.26, shorten(answer, longest), **style)


@dataclass(frozen=True)
class Neighbours:
    """For each query a row: the query, then its nearest images in one or two representations."""

    queries: NDArray[Any]  # (n, h, w)
    groups: Sequence[tuple[str, NDArray[Any], NDArray[np.bool_]]]  # title, images (n, k, h, w), wrong (n, k)

    @property
    def _width(self) -> float:
        images = 1 + sum(int(group.shape[1]) for _, group, _ in self.groups)
        return (WIDTH - 0.2 * len(self.groups) - 0.05 * images - 0.04) / images

    @property
    def height(self) -> float:
        """Inches that all rows need."""
        return 0.3 + len(self.queries) * (cell_height(self.queries, self._width) + 0.07)

    def draw(self, figure: Figure) -> None:
        """Draw queries and neighbours."""
        sheet, width = Sheet(figure), self._width
        pitch = cell_height(self.queries, width) + 0.07
        sheet.write(0.02, 0.02, "query", color=MUTED, ha="left")
        for row, query in enumerate(self.queries):
            sheet.place(query, 0.02, 0.28 + row * pitch, width)
        x = 0.02 + width + 0.25
        for title, images, wrong in self.groups:
            sheet.write(x, 0.02, title, color=MUTED, ha="left")
            for row, column in np.ndindex(*wrong.shape):
                left, top = x + column * (width + 0.05), 0.28 + row * pitch
                sheet.place(images[row, column], left, top, width, alarm=bool(wrong[row, column]))
            x += images.shape[1] * (width + 0.05) + 0.2
