"""What `import deepbelief` offers."""

import inspect
import subprocess
import sys

import pytest

import deepbelief

SUBPACKAGES = [
    "data",
    "insight",
    "learning",
    "likelihood",
    "models",
    "pretrained",
    "report",
    "robustness",
    "sampling",
    "sharing",
    "sklearn",
    "study",
    "watching",
]


def test_the_top_level_holds_what_a_page_of_examples_needs() -> None:
    names = set(deepbelief.__all__) - {*SUBPACKAGES}
    assert 20 <= len(names) <= 42
    assert {"DBN", "Pretraining", "fgsm", "Defended", "receptive_fields", "load_run"} <= names
    assert all(inspect.getdoc(getattr(deepbelief, name)) for name in names)


@pytest.mark.parametrize("name", SUBPACKAGES)
def test_subpackages_are_there_after_the_import_and_offer_their_names(name: str) -> None:
    code = f"import deepbelief\nroom = deepbelief.{name}\nassert [getattr(room, one) for one in room.__all__]"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
