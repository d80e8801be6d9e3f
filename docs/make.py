"""Make the documentation site, docs/_build/html, from this repository alone: `make docs`.

    .venv/bin/python docs/make.py

The pages are copied to docs/_build/pages first (`making/stage.py`), where what the library says of itself is written
into them: its names, the options of its commands and its settings. The notebooks are run at their quickest pace, and
again only after a change to them or to the library. Any warning of Sphinx fails.
"""

import shutil
import sys
from pathlib import Path

from making.notebooks import stage_notebook
from making.stage import stage
from sphinx.cmd.build import build_main

import notebooks

DOCS = Path(__file__).parent
BUILD = DOCS / "_build"
PACE = "seconds"


def main() -> int:
    """Stage the pages and let Sphinx write them as HTML."""
    pages, html = BUILD / "pages", BUILD / "html"
    for folder in (pages, html):
        shutil.rmtree(folder, ignore_errors=True)
    stage(pages)
    for name in notebooks.names():
        with_notebook(name, pages / "notebooks")
    flags = ["--fail-on-warning", "--keep-going", "--quiet", "--fresh-env"]
    failed = build_main([*flags, "-c", str(DOCS), "-d", str(BUILD / "doctrees"), str(pages), str(html)])
    if not failed:
        print(f"{html / 'index.html'}")
    return failed


def with_notebook(name: str, into: Path) -> None:
    """Stage the page of a notebook, and beside it the notebook's text and file to download."""
    text, file = notebooks.NOTEBOOKS / f"{name}.py", BUILD / "notebooks" / f"{name}.ipynb"
    if not notebooks.is_current(file, text):
        print(f"Running the notebook {name}", flush=True)
        notebooks.write(name, file.parent, PACE)
    stage_notebook(file, PACE, into)
    for one in (text, file):
        shutil.copy(one, into)


if __name__ == "__main__":
    sys.exit(main())
