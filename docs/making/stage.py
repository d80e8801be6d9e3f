"""Copy the pages to where Sphinx reads them: `docs/` at the top, other files of the repository at their own paths."""

import os
import re
import shutil
from pathlib import Path

from making import commands, names, settings
from making.links import LINK, NOTEBOOKS, ROOT, pages

# What is written in the place of a line such as <!-- site: commands -->.
WRITTEN = {"commands": commands.text, "settings": settings.text, "names": names.text}
MARKER = re.compile(r"^<!-- site: (\w+) ?([\w.]*) -->.*?<!-- end site -->$", flags=re.MULTILINE | re.DOTALL)
# A link with its text, such as [text](path#anchor).
WHOLE_LINK = re.compile(r"(?<!`)\[([^][]*)\]\((?!https?:|mailto:)([^)#\s]+)(#[^)\s]*)?\)")
LISTED = re.compile(r"^- \[([^]]*)\]\(([^)]+\.md)\)", flags=re.MULTILINE)


def place(path: Path) -> Path:
    """Where a file of the repository stands on the site; for the text of a notebook, where its page stands."""
    relative = path.resolve().relative_to(ROOT)
    if path.resolve() in NOTEBOOKS:
        return relative.with_suffix(".md")
    return relative.relative_to("docs") if relative.parts[0] == "docs" else relative


def stage(into: Path) -> None:
    """Write every page, and the files that they show or point to, below the folder `into`."""
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for target in sorted({page.parent / link[0] for link in LINK.findall(text) if link[0]}):
            if target.suffix != ".md" and target.is_file() and target.resolve() not in NOTEBOOKS:
                _copy(target, into)
        staged = into / place(page)
        staged.parent.mkdir(parents=True, exist_ok=True)
        staged.write_text(staged_text(page, text), encoding="utf-8")


def staged_text(page: Path, text: str) -> str:
    """A page with its links as they are on the site, what is generated, and in an index the tree of its pages."""
    text = with_links(page, text)
    text = MARKER.sub(lambda found: WRITTEN[found[1]](*filter(None, [found[2]])), text)
    return with_trees(text) if page.name == "index.md" else text


def with_links(page: Path, text: str) -> str:
    """The text of a page with its links from where it stands on the site; those to what is not there are their text."""
    known = {*pages()}

    def is_there(path: Path) -> bool:
        return path.is_file() and (path.suffix != ".md" or path in known)

    text = WHOLE_LINK.sub(lambda link: link[0] if is_there((page.parent / link[2]).resolve()) else link[1], text)

    def moved(link: re.Match[str]) -> str:
        if not link[1]:
            return link[0]
        there = os.path.relpath(place(page.parent / link[1]), place(page).parent)
        return f"]({Path(there).as_posix()}{link[2] or ''})"

    return LINK.sub(moved, text)


def with_trees(text: str) -> str:
    """An index whose lists are also the menu, with the same names: each heading is the caption of a part of it."""
    written = []
    for part in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        heading = re.match(r"## (.+)", part)
        listed = "\n".join(f"{name} <{page}>" for name, page in LISTED.findall(part))
        caption = f":caption: {heading[1]}\n" if heading else ""
        written.append(part + (f"\n```{{toctree}}\n:hidden:\n{caption}\n{listed}\n```\n\n" if listed else ""))
    return "".join(written)


def _copy(file: Path, into: Path) -> None:
    target = into / place(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
