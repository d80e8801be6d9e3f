"""The code of other libraries and ours, side by side, is run where the other is installed."""

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


@pytest.mark.parametrize("other", OTHERS)
def test_both_sides_run(other: str) -> None:
    if importlib.util.find_spec(other) is None:
        pytest.skip(f"{other} is not installed (it is in the extra bench)")
    theirs, ours = section(other)
    imports = "from deepbelief import RBM, Bernoulli, RBMSettings, RBMTraining\n" if other == "rbms" else ""
    code = "\n".join([*blocks(BEGINNING), theirs, imports + ours])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)  # others may warn
    assert done.returncode == 0, done.stderr
    assert done.stdout
    if other == "sklearn":
        their_accuracy, our_accuracy = map(float, done.stdout.split())
        assert our_accuracy > their_accuracy > 0.7
