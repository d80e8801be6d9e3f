"""Draw the pictures of the tutorial and of the pages about tasks by the pages' own code.

    .venv/bin/python docs/pictures.py

The tutorial's steps run one after the other, as a reader would type them, and each task by itself. Pictures go to
docs/images/learn/ and docs/images/do/. Run it after a change to the code of a page.
"""

import os
import re
import runpy
import tempfile
from collections.abc import Iterable
from pathlib import Path

import matplotlib

DOCS = Path(__file__).parent
STEPS = sorted((DOCS / "learn").glob("[1-9]-*.md"))
TASKS = ("own-images", "unlabelled-data")


def code(pages: Iterable[Path] = STEPS) -> str:
    """The code of pages, in their order."""
    texts = (page.read_text(encoding="utf-8") for page in pages)
    return "\n".join("\n".join(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)) for text in texts)


def draw(code: str, into: Path) -> None:
    """Run the code in an empty folder, and keep the pictures that it leaves there."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("page.py").write_text(code, encoding="utf-8")
        runpy.run_path("page.py")
        for picture in Path(folder).glob("*.png"):
            picture.replace(into / picture.name)
        os.chdir(DOCS)


def main() -> None:
    """Draw all of them."""
    matplotlib.use("agg")
    draw(code(), DOCS / "images" / "learn")
    for task in TASKS:
        draw(code([DOCS / "do" / f"{task}.md"]), DOCS / "images" / "do")


if __name__ == "__main__":
    main()
