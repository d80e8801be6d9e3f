"""Draw the pictures of the tutorial, docs/images/learn/, by the tutorial's own code.

    .venv/bin/python docs/pictures.py

All steps run one after the other, as a reader would type them. Run it after a change to the code of a step.
"""

import os
import re
import runpy
import tempfile
from pathlib import Path

import matplotlib

DOCS = Path(__file__).parent
OUT = DOCS / "images" / "learn"


def code() -> str:
    """The code of all steps, in their order."""
    texts = (step.read_text(encoding="utf-8") for step in sorted((DOCS / "learn").glob("[1-9]-*.md")))
    return "\n".join("\n".join(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)) for text in texts)


def main() -> None:
    """Run the code in an empty folder, and keep the pictures that it leaves there."""
    matplotlib.use("agg")
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("tutorial.py").write_text(code(), encoding="utf-8")
        runpy.run_path("tutorial.py")
        for picture in Path(folder).glob("*.png"):
            picture.replace(OUT / picture.name)
        os.chdir(DOCS)


if __name__ == "__main__":
    main()
