"""The pages of the documentation, their links and headings, as GitHub and the site understand them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
LINK = re.compile(r"(?<!`)\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1$", flags=re.DOTALL | re.MULTILINE)


class Link(NamedTuple):
    """A link in a page to a file of this repository; without an anchor the anchor is empty, and so is the same page."""

    path: str
    anchor: str


def pages() -> list[Path]:
    """Every page that people read: those of `docs/`, and those at the top of the repository."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
    return [*top, *sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)]


def prose(text: str) -> str:
    """A page without its code blocks."""
    return FENCE.sub("", text)


def links(text: str) -> Iterator[Link]:
    """The links of a page that lead into this repository."""
    for path, anchor in LINK.findall(prose(text)):
        yield Link(path, anchor.removeprefix("#"))


def anchor(heading: str) -> str:
    """The anchor that GitHub gives to a heading.

    >>> anchor("Likelihood, from both `sides`")
    'likelihood-from-both-sides'
    """
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings."""
    return {anchor(heading) for heading in re.findall(r"^#{1,6} (.+)$", prose(text), flags=re.MULTILINE)}
