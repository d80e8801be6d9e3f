"""What the story is made of: chapters with text, pictures that know how to draw themselves, and tables."""

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
    """One stage of the study, told: paragraphs, an optional formula, pictures, tables."""

    text: tuple[str, ...]
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    formula: str = ""
