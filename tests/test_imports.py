"""Who may import whom: the directions between the rooms of the house, and what importing may not do."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "deepbelief"
SOURCES = Path(__file__).parents[1] / "src" / PACKAGE
MODULES = sorted(SOURCES.rglob("*.py"))

MODELS = {"models", "models/units"}
STUDIED = MODELS | {
    "arrays",
    "checkpoint",
    "data",
    "insight",
    "learning",
    "learning/backprop",
    "learning/labels",
    "learning/rbm",
    "likelihood",
    "randomness",
    "robustness",
    "sampling",
    "settings",
    "system",
    "watching",
}

# Room -> what it may import of ours, besides itself and `errors`. A room is a file or folder right inside the package,
# or a folder further inside that is named here, which then is no part of the folder around it. `study/records` stands
# for that module alone, and PACKAGE for names taken from the package itself, such as a version.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "progress": set(),
    "system": set(),
    "randomness": set(),
    "settings": set(),
    "arrays": set(),
    "data": {"arrays", "progress", "randomness", "system"},
    "models/units": {"arrays", "randomness"},
    "models": {"arrays", "data", "models/units", "randomness", "system/products"},
    "checkpoint": MODELS | {"randomness", "system"},
    "likelihood": MODELS | {"arrays", "data", "progress", "randomness", "system/products"},
    "sampling": MODELS | {"arrays", "randomness", "system/products"},
    "insight": {"data", "models", "randomness"},
    "robustness": {"arrays", "randomness"},
    "learning": {"checkpoint", "data", "randomness", "settings", "system"},
    "learning/rbm": MODELS
    | {"arrays", "checkpoint", "data", "learning", "likelihood", "randomness", "settings", "system"},
    "learning/backprop": MODELS | {"arrays", "checkpoint", "data", "learning", "randomness", "settings", "system"},
    "learning/labels": MODELS
    | {"arrays", "checkpoint", "data", "learning", "learning/rbm", "randomness", "settings", "system/products"},
    "watching": MODELS | {"arrays", "insight", "learning", "system"},
    "sklearn": MODELS
    | {"arrays", "data", "learning/backprop", "learning/labels", "learning/rbm", "randomness", "system"},
    "tables": MODELS
    | {
        "arrays",
        "checkpoint",
        "data",
        "learning",
        "learning/backprop",
        "learning/rbm",
        "progress",
        "randomness",
        "sampling",
        "settings",
        "system",
    },
    "study": STUDIED,
    "cluster": {"data", "study", "system"},
    "search": {"cluster", "data", "learning/rbm", "settings", "study", "system"},
    "evaluation": STUDIED | {"study"},
    "report": {"evaluation/records", "study/records", "system"},
    "sharing": MODELS | {"checkpoint", "study", "system", PACKAGE},
    "pretrained": MODELS | {"checkpoint", "data"},
    "explorer": MODELS
    | {"checkpoint", "data", "pretrained", "progress", "randomness", "report/text", "robustness", "study", "system"},
    "cli": STUDIED
    | {"cluster", "evaluation", "explorer", "pretrained", "progress", "report", "search", "sharing", "study", "tables"}
    | {PACKAGE},
    "__init__": STUDIED | {"evaluation", "pretrained", "sharing", "study"},
    "__main__": {"cli"},
}


def room_of(path: str) -> str:
    """The room of a module or name, both written as a path inside the package: the longest one that is named here."""
    parts = path.split("/")
    starts = ["/".join(parts[:depth]) for depth in range(len(parts), 0, -1)]
    return next((start for start in starts if start in MAY_IMPORT), parts[0])


def imports(source: str, package: str) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of all that `source`, a module of `package`, imports; of our own, to the very name."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                parents = package.split(".")
                origin = [*parents[: len(parents) + 1 - level], module] if level else [module]
                start = ".".join(part for part in origin if part)
                yield from ((node.lineno, f"{start}.{alias.name}") for alias in names)
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def violations(source: str, path: Path) -> list[str]:
    """One sentence for every import that goes against MAY_IMPORT; `path` is relative to the package's folder."""
    room = room_of(path.with_suffix("").as_posix())
    if room not in MAY_IMPORT:
        return [f"{path}: `{room}` is not in MAY_IMPORT of {Path(__file__).name}; add it and what it may import"]
    allowed = MAY_IMPORT[room] | {room, "errors"}
    found = []
    for line, name in imports(source, ".".join([PACKAGE, *path.parts[:-1]])):
        top, _, inside = name.partition(".")
        if top != PACKAGE:
            continue
        named = inside.replace(".", "/")
        origin = room_of(named) if room_of(named) in MAY_IMPORT else PACKAGE  # or a name that the package defines
        if origin not in allowed and not any(
            f"{named}/".startswith(f"{one}/") for one in allowed if one not in MAY_IMPORT
        ):
            rule = ", ".join(sorted(allowed - {room}))
            found.append(f"{path}:{line} imports {name}, but `{room}` may import only: {rule}")
    return found


@pytest.mark.parametrize("module", MODULES, ids=[str(module.relative_to(SOURCES)) for module in MODULES])
def test_module_imports_only_what_its_room_may(module: Path) -> None:
    found = violations(module.read_text(encoding="utf-8"), module.relative_to(SOURCES))
    assert not found, "\n" + "\n".join(found)


def test_sources_are_found() -> None:
    assert SOURCES / "__init__.py" in MODULES


def test_directions_have_no_cycle() -> None:
    rooms = {room: {room_of(permitted) for permitted in allowed} for room, allowed in MAY_IMPORT.items()}
    graphlib.TopologicalSorter(rooms).prepare()  # raises CycleError and names the rooms


def test_only_main_imports_cli() -> None:
    assert [room for room, allowed in MAY_IMPORT.items() if "cli" in allowed] == ["__main__"]


def test_models_never_import_learning() -> None:
    assert not any(other.startswith("learning") for room in MODELS for other in MAY_IMPORT[room])


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("models/units/base.py", "import torch\nimport numpy.linalg"),
        ("models/units/base.py", "from deepbelief.errors import SettingsError"),
        ("models/units/base.py", "import deepbeliefs.cli"),
        ("models/dbn.py", "from .rbm import RBM\nfrom .units import Units"),
        ("models/dbn.py", "from . import rbm, units"),
        (
            "learning/rbm/training.py",
            "from ...models.rbm import RBM\nfrom . import settings\nfrom .settings import Settings",
        ),
        ("learning/rbm/__init__.py", "from .layer import train"),
        ("report/page.py", "from deepbelief.study.records import StageRecord"),
        ("report/page.py", "from deepbelief.study import records"),
        ("report/page.py", "import deepbelief.study.records as records"),
        ("cli/app.py", "from deepbelief import __version__\ndef report():\n    from deepbelief.report import page"),
        ("__main__.py", "from deepbelief.cli import main"),
        ("__init__.py", "from deepbelief.models.dbn import DBN"),
    ],
)
def test_checker_allows(path: str, source: str) -> None:
    assert violations(source, Path(path)) == []


@pytest.mark.parametrize(
    ("path", "source", "line", "name"),
    [
        ("data/idx.py", "import torch\nimport deepbelief.models.rbm", 2, "deepbelief.models.rbm"),
        ("data/idx.py", "import torch, deepbelief.models.rbm as machine", 1, "deepbelief.models.rbm"),
        ("data/idx.py", "from deepbelief import models", 1, "deepbelief.models"),
        ("models/units/base.py", "from ..dbn import DBN", 1, "deepbelief.models.dbn.DBN"),
        ("models/rbm.py", "from .. import learning", 1, "deepbelief.learning"),
        (
            "models/rbm.py",
            "def late():\n    from deepbelief.learning.rbm import train",
            2,
            "deepbelief.learning.rbm.train",
        ),
        (
            "models/units/relu.py",
            "if TYPE_CHECKING:\n    from deepbelief.data import Source",
            2,
            "deepbelief.data.Source",
        ),
        ("data/idx.py", "from ..models.rbm import RBM", 1, "deepbelief.models.rbm.RBM"),
        ("data/__init__.py", "from .. import models", 1, "deepbelief.models"),
        ("data/deep/idx.py", "from ...cli import main", 1, "deepbelief.cli.main"),
        ("learning/rbm/training.py", "from ..backprop import adam", 1, "deepbelief.learning.backprop.adam"),
        ("robustness/balls.py", "from deepbelief.models.dbn import DBN", 1, "deepbelief.models.dbn.DBN"),
        ("report/page.py", "from deepbelief.study import stages", 1, "deepbelief.study.stages"),
        ("report/page.py", "import deepbelief.study", 1, "deepbelief.study"),
        ("report/page.py", "from deepbelief.study.records_old import X", 1, "deepbelief.study.records_old.X"),
        ("study/run.py", "from deepbelief.report import page", 1, "deepbelief.report.page"),
        ("study/run.py", "import deepbelief", 1, "deepbelief"),
        ("study/run.py", "from deepbelief import DBN", 1, "deepbelief.DBN"),
        ("study/run.py", "from .. import __version__", 1, "deepbelief.__version__"),
        ("study/run.py", "from deepbelief import *", 1, "deepbelief.*"),
        ("study/run.py", "import importlib\nimportlib.import_module('deepbelief.cli')", 2, "deepbelief.cli"),
        ("__init__.py", "from .cli import main", 1, "deepbelief.cli.main"),
    ],
)
def test_checker_catches(path: str, source: str, line: int, name: str) -> None:
    (found,) = violations(source, Path(path))
    assert found.startswith(f"{path}:{line} imports {name}, but `")


def test_checker_asks_for_rooms_it_does_not_know() -> None:
    (found,) = violations("", Path("theatre/server.py"))
    assert "`theatre` is not in MAY_IMPORT of test_imports.py; add it" in found


def run_python(code: str) -> None:
    """Run `code` in an interpreter of its own, so that nothing is imported yet; fail with what it printed."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_command_line_starts_without_torch() -> None:
    run_python("""
import sys
import deepbelief.cli
heavy = {"torch", "matplotlib", "sklearn"} & set(sys.modules)
assert not heavy, f"importing deepbelief.cli also imported {sorted(heavy)}"
""")


def test_public_names_do_not_need_matplotlib() -> None:
    run_python("""
import sys
import deepbelief
for name in deepbelief.__all__:
    getattr(deepbelief, name)
assert "matplotlib" not in sys.modules
""")


def test_importing_changes_no_global_state() -> None:
    run_python("""
import importlib, logging, pickle, pkgutil, random, signal
import matplotlib, numpy, torch
import rich.progress, sklearn.datasets, sklearn.metrics, sklearn.model_selection  # these draw random numbers themselves

def state():
    return {
        "torch's default dtype": torch.get_default_dtype(),
        "torch's default device": torch.get_default_device(),
        "torch's random state": torch.get_rng_state().tolist(),
        "torch's threads": torch.get_num_threads(),
        "torch's determinism": torch.are_deterministic_algorithms_enabled(),
        "torch's gradients": torch.is_grad_enabled(),
        "torch's matrix precision": torch.get_float32_matmul_precision(),
        "NumPy's random state": pickle.dumps(numpy.random.get_state()),
        "NumPy's error handling": numpy.geterr(),
        "Python's random state": random.getstate(),
        "matplotlib's settings": dict(matplotlib.rcParams.items()),
        "the root logger": (logging.root.level, list(logging.root.handlers)),
        "the interrupt handler": signal.getsignal(signal.SIGINT),
    }

before = state()
import deepbelief
for module in pkgutil.walk_packages(deepbelief.__path__, "deepbelief."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
after = state()
changed = [name for name in before if before[name] != after[name]]
assert not changed, f"importing deepbelief changed {changed}"
""")
