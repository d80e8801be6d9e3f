"""What `import deepbelief` offers."""

import contextlib
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import deepbelief
from deepbelief.errors import DataError, DeepBeliefError

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


# One process for all rooms: before each the package is forgotten, and torch is not, so that each room is loaded first.
EACH_ROOM_FIRST = """
import sys

for room in sys.argv[1:]:
    for module in [name for name in sys.modules if name.partition(".")[0] == "deepbelief"]:
        del sys.modules[module]
    import deepbelief
    assert room not in vars(deepbelief), room
    found = getattr(deepbelief, room)
    assert found.__all__ and all([getattr(found, one) for one in found.__all__]), room
"""


def test_subpackages_are_there_after_the_import_and_offer_their_names() -> None:
    command = [sys.executable, "-W", "error", "-c", EACH_ROOM_FIRST, *SUBPACKAGES]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def parameters() -> Iterator[tuple[str, inspect.Parameter]]:
    """All parameters of the public functions, and of the classes and their methods, each with where it is."""
    for room in SUBPACKAGES:
        module = importlib.import_module(f"deepbelief.{room}")
        for name in module.__all__:
            found = getattr(module, name)
            functions = {name: found}
            if inspect.isclass(found):
                own = {key: one for key, one in vars(found).items() if inspect.isfunction(one) and key[0] != "_"}
                functions |= {f"{name}.{key}": one for key, one in own.items()}
            for where, function in functions.items():
                with contextlib.suppress(ValueError, TypeError):  # it has no signature
                    yield from ((f"{room}.{where}", one) for one in inspect.signature(function).parameters.values())


def test_every_path_may_be_text() -> None:
    paths = {f"{where}({one.name})": one for where, one in parameters() if "pathlib.Path" in str(one.annotation)}
    assert len(paths) > 15
    assert not [name for name, one in paths.items() if "str" not in str(one.annotation)]


def test_folders_as_text(tmp_path: Path) -> None:
    """What is annotated is true: what the functions do with a folder works with its name."""
    with pytest.raises(DataError, match="lacks"):
        deepbelief.load_dataset("mnist", str(tmp_path))
    with pytest.raises(DataError, match="lacks"):
        deepbelief.data.load_corrupted("mnist-c", str(tmp_path))
    with pytest.raises(DataError, match="lacks"):
        deepbelief.data.load_user_table("mnist", str(tmp_path))
    np.save(tmp_path / "images.npy", np.random.default_rng(0).random((4, 2, 2)))
    assert len(deepbelief.load_dataset(tmp_path / "images.npy").train) + len(
        deepbelief.load_dataset(str(tmp_path / "images.npy")).test
    )
    for read in (deepbelief.load_run, deepbelief.report.build_report):
        with pytest.raises(DeepBeliefError):
            read(str(tmp_path))
