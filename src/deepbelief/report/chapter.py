"""The parts of the story: chapters of text, pictures with the code that draws them, and tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from deepbelief.report.tables import Table


@dataclass(frozen=True)
class Drawing:
    """What a picture shows: its height in inches, and the function that draws it on a figure of that height."""

    height: float
    draw: Callable[[Figure], None]


@dataclass(frozen=True)
class Picture:
    """One picture: its file name without ending, its words, and what it shows."""

    name: str
    alt: str
    caption: str
    drawing: Drawing


@dataclass(frozen=True)
class Chapter:
    """The account of one stage: paragraphs, an optional formula, pictures, tables."""

    text: Sequence[str]
    pictures: Sequence[Picture]
    tables: Sequence[Table]
    formula: str = ""
