"""Make the documentation site, docs/_build/html, from this repository alone: `make docs`.

    .venv/bin/python docs/make.py

The pages are copied to docs/_build/pages first (`making/stage.py`), where what the library says of itself is written
into them: its names, the options of its commands and its settings. Any warning of Sphinx fails.
"""

import shutil
import sys
from pathlib import Path

from making.stage import stage
from sphinx.cmd.build import build_main

DOCS = Path(__file__).parent
BUILD = DOCS / "_build"


def main() -> int:
    """Stage the pages and let Sphinx write them as HTML."""
    pages, html = BUILD / "pages", BUILD / "html"
    for folder in (pages, html):
        shutil.rmtree(folder, ignore_errors=True)
    stage(pages)
    flags = ["--fail-on-warning", "--keep-going", "--quiet", "--fresh-env"]
    failed = build_main([*flags, "-c", str(DOCS), "-d", str(BUILD / "doctrees"), str(pages), str(html)])
    if not failed:
        print(f"{html / 'index.html'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
