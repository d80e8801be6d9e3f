"""The parts of the story: chapters of text, pictures with the code that draws them, and tables."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from deepbelief.report.tables import Table


@dataclass(frozen=True)
class Picture:
    """One picture: its file name without ending, its words, its height in inches and how to draw it."""

    name: str
    alt: str
    caption: str
    height: float
    draw: Callable[[Figure], None]


@dataclass(frozen=True)
class Chapter:
    """The account of one stage: paragraphs, an optional formula, pictures, tables."""

    text: tuple[str, ...]
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    formula: str = ""
