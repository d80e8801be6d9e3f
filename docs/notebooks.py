"""Write the notebooks, which are kept as text, as .ipynb files with their outputs.

    python docs/notebooks.py --pace lesson

Each runs in a folder of its own below that of the files, so that what it saves is out of the way. `make notebooks`
runs this.
"""

import argparse
import os
from pathlib import Path
from typing import Final

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT: Final = Path(__file__).parents[1]
NOTEBOOKS: Final = ROOT / "notebooks"


def write(name: str, folder: Path, pace: str) -> Path:
    """Run a notebook at a pace (see its first cell) and write it with its outputs; returns the file's path."""
    notebook = jupytext.read(NOTEBOOKS / f"{name}.py")
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    # Of the kernel itself only errors are shown: it warns that what it sends to this same machine is not encrypted.
    quiet = ["--IPKernelApp.log_level=40"]
    resources = {"metadata": {"path": str(place)}}
    client = NotebookClient(notebook, timeout=None, extra_arguments=quiet, resources=resources)
    # Without Jupyter's own bars of progress, of which a warning would tell with a path of this machine.
    client.execute(env={**os.environ, "DEEPBELIEF_PACE": pace, "PYTHONWARNINGS": "ignore:IProgress not found"})
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"


def names() -> list[str]:
    """The names of all notebooks."""
    return sorted(path.stem for path in NOTEBOOKS.glob("*.py"))


def is_current(file: Path, text: Path) -> bool:
    """Whether a notebook's file is newer than its text and than all of the library."""
    known = [text, *(ROOT / "src").rglob("*.py")]
    return file.exists() and file.stat().st_mtime > max(one.stat().st_mtime for one in known)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"which ones; by default {', '.join(names())}")
    parser.add_argument("--pace", default="lesson")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "notebooks")
    given = parser.parse_args()
    for name in given.names or names():
        print(write(name, given.out, given.pace))


if __name__ == "__main__":
    main()
