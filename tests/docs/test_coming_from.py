"""The code of other libraries and ours, side by side, is run, theirs where it is installed."""

import importlib.util
import re
import subprocess
import sys

import pytest
from making.links import DOCS

BEGINNING, *SECTIONS = re.split(r"^## ", (DOCS / "coming-from.md").read_text("utf-8"), flags=re.MULTILINE)
OTHERS = {"sklearn": "scikit-learn", "learnergy": "learnergy", "rbms": "rbms"}


def blocks(text: str) -> list[str]:
    """The Python of a part of the page."""
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def section(other: str) -> list[str]:
    """The two blocks of another library: its own, and ours."""
    (found,) = (one for one in SECTIONS if one.startswith(OTHERS[other]))
    return blocks(found)


def test_all_code_of_the_page_is_run() -> None:
    assert sum(len(section(other)) for other in OTHERS) + 1 == len(blocks(BEGINNING)) + len(blocks("".join(SECTIONS)))
    assert [len(section(other)) for other in OTHERS] == [2, 2, 2]


def test_both_sides_run() -> None:
    """All in one session, as a reader would; the code of a library that is not installed here is left out."""
    there = {other for other in OTHERS if importlib.util.find_spec(other)}
    code = blocks(BEGINNING)
    for other in OTHERS:
        theirs, ours = section(other)
        code += [theirs, ours] if other in there else [ours]
    done = subprocess.run([sys.executable, "-c", "\n".join(code)], capture_output=True, text=True)  # others may warn
    assert done.returncode == 0, done.stderr
    their_accuracy, our_accuracy, *_ = map(float, done.stdout.splitlines()[:2])
    assert our_accuracy > their_accuracy > 0.7
    if there != {*OTHERS}:
        pytest.skip(f"ours ran, and {', '.join(there)}; the others are in the extra bench, which is not installed here")
