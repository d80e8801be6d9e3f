"""A notebook that has been run, as a page: its text, its code, and below each piece of code what it gave."""

import base64
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

NOTE = """\
*The outputs on this page were made at the pace `{pace}`, with little data and few steps. They show what you will see,
and not how good it gets. To run it yourself, take [the file for Jupyter and Colab]({name}.ipynb) or
[its text]({name}.py).*"""


def stage_notebook(file: Path, pace: str, into: Path) -> None:
    """Write the page of a notebook's .ipynb file, and its pictures, into a folder."""
    into.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.read(file, as_version=4)
    (into / f"{file.stem}.md").write_text(text(notebook, file.stem, pace), encoding="utf-8")
    for number, picture in enumerate(pictures(notebook), start=1):
        (into / f"{file.stem}-{number}.png").write_bytes(picture)


def text(notebook: Any, name: str, pace: str) -> str:
    """The page in Markdown; the first cell is its title and what it is about."""
    written, drawn, heading = [], 0, ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = (re.findall(r"^#+ (.+)$", cell.source, flags=re.MULTILINE) or [heading])[-1]
            written.append(cell.source)
        else:
            written.append(fenced("python", cell.source))
        if cell.source.startswith("%pip"):  # what it prints is of installing, and not of the subject
            continue
        for picture, outputs in itertools.groupby(cell.get("outputs", []), is_picture):
            if not picture:
                written.append(fenced("text", "".join(map(printed, outputs)).strip()))
                continue
            for _ in outputs:
                drawn += 1
                written.append(f"![{heading}: what the code above draws]({name}-{drawn}.png)")
    first, *others = written
    return "\n\n".join([first, NOTE.format(name=name, pace=pace), *others]) + "\n"


def pictures(notebook: Any) -> Iterator[bytes]:
    """The pictures that a notebook drew, in their order, as PNG."""
    for cell in notebook.cells:
        for output in filter(is_picture, cell.get("outputs", [])):
            yield base64.b64decode(output.data["image/png"])


def is_picture(output: Any) -> bool:
    """Whether an output of a cell is a picture."""
    return "image/png" in output.get("data", {})


def printed(output: Any) -> str:
    """What an output says in words; raises ValueError where it is of a kind that pages do not show."""
    said = output.get("text") or output.get("data", {}).get("text/plain")
    if said is None:
        raise ValueError(f"docs/making/notebooks.py does not show outputs of the kind {output.output_type}.")
    return str(said)


def fenced(language: str, code: str) -> str:
    """A block of code."""
    return f"```{language}\n{code}\n```"
