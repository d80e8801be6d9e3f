"""Nothing in the package runs what a file or a user's text says: no pickle, no eval, no shell.

What scikit-learn's users do with joblib or pickle to their estimators is their own, and uses no code of the package.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src" / "deepbelief"

# Modules that make objects or code of bytes, and those that run commands in a shell.
MODULES = {
    *("pickle", "_pickle", "cPickle", "pickle5", "cloudpickle", "dill", "joblib", "jsonpickle", "shelve", "marshal"),
    *("copyreg", "codeop", "pty", "runpy"),
}
BUILTINS = {"eval", "exec", "compile", "__builtins__"}
NAMES = {
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *(
        "asyncio.create_subprocess_shell",
        "torch.save",
        "torch.hub",
        "torch.package",
        "torch.jit.load",
        "torch.jit.save",
    ),
    *("pandas.read_pickle", "pandas.DataFrame.to_pickle", "pandas.eval", "numpy.fromregex", "ctypes.pythonapi"),
    *("importlib.util", "importlib.machinery", "types.CodeType", "types.FunctionType"),
}
# Functions that are safe only with this argument, by keyword.
ONLY_WITH = {
    "torch.load": ("weights_only", True),
    "torch.serialization.load": ("weights_only", True),
    "numpy.load": ("allow_pickle", False),
    "numpy.lib.format.read_array": ("allow_pickle", False),
}
# Arguments that no function may be given, but for this value.
NEVER_BUT = {"shell": False, "allow_pickle": False, "weights_only": True}
SAFE_YAML = {"yaml.safe_load", "yaml.safe_dump", "yaml.YAMLError"}


class Names:
    """What the names of a module stand for: the dotted names that they were imported from, or those of built-ins."""

    def __init__(self, tree: ast.AST) -> None:
        self._origin: dict[str, str] = {}
        for node in ast.walk(tree):
            match node:
                case ast.Import(names=names):
                    for alias in names:
                        self._origin[alias.asname or alias.name.split(".")[0]] = (
                            alias.name if alias.asname else alias.name.split(".")[0]
                        )
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    self._origin |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in names}
        for _ in range(3):  # a name of a name of a name
            for node in ast.walk(tree):
                for name, value in assigned(node):
                    if (origin := self.of(value)) and origin.split(".")[0] in self._origin.values():
                        self._origin[name] = origin

    def of(self, node: ast.AST) -> str:
        """The dotted name that an expression stands for; empty if it is no name."""
        match node:
            case ast.Name(id=name):
                return self._origin.get(name, name).removeprefix("builtins.")
            case ast.Attribute(value=value, attr=name):
                before = self.of(value)
                return f"{before}.{name}".removeprefix("builtins.") if before else ""
        return ""


def assigned(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The names to which a statement or expression gives a value, and the value."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))
        case (
            ast.NamedExpr(target=ast.Name(id=name), value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
        ):
            yield name, value


def imported(node: ast.AST) -> Iterator[str]:
    """The dotted names that a statement imports."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, names=names, level=0):
            yield from (f"{module}.{alias.name}" for alias in names)


def is_forbidden(name: str) -> bool:
    """Whether a dotted name is one that may not be used at all."""
    name = name.removeprefix("builtins.")
    start = name.split(".")[0]
    starts = {name.rsplit(".", cut)[0] for cut in range(name.count(".") + 1)}
    return (
        start in MODULES or bool(starts & (BUILTINS | NAMES)) or (start == "yaml" and name not in SAFE_YAML | {"yaml"})
    )


def is_value(node: ast.AST, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def violations(source: str) -> list[tuple[int, str]]:
    """Line and name of everything in a module's source that is not allowed."""
    tree = ast.parse(source)
    names, found, safe = Names(tree), [], set()
    for node in ast.walk(tree):
        for name in imported(node):
            if is_forbidden(name) or name.endswith(".*"):
                found.append((node.lineno, name))
        if isinstance(node, ast.Call):
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            found += [
                (node.lineno, str(name))
                for name, value in keywords.items()
                if name in NEVER_BUT and not is_value(value, NEVER_BUT[name])
            ]
            wanted, value = ONLY_WITH.get(names.of(node.func), ("", None))
            if wanted in keywords and is_value(keywords[wanted], value):
                safe.add(node.func)
        texts = [*getattr(node, "args", [])] if isinstance(node, ast.Call) else []
        texts += [node.slice] if isinstance(node, ast.Subscript) else []
        for text in texts:  # getattr(builtins, "eval"), import_module("pickle"), globals()["exec"]
            if isinstance(text, ast.Constant) and isinstance(text.value, str) and is_forbidden(text.value):
                found.append((node.lineno, text.value))
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            name = names.of(node)
            if is_forbidden(name) or (name in ONLY_WITH and node not in safe):
                found.append((node.lineno, name))
    return found


@pytest.mark.parametrize("path", sorted(SOURCES.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCES)))
def test_the_package_runs_nothing_that_it_is_given(path: Path) -> None:
    assert violations(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()",
        "import re\nre.compile('a')",
        "import torch\ntorch.compile(f)",
        "import torch\ntorch.load(path, weights_only=True)",
        "from torch import load\nload(path, map_location='cpu', weights_only=True)",
        "import numpy as np\nnp.load(path, allow_pickle=False)",
        "import subprocess\nsubprocess.run(['ls'])\nsubprocess.run(['ls'], shell=False)",
        "import yaml\nyaml.safe_load(text)",
        "print('never pickle')",
        "import json\njson.loads(text)",
        "from . import code",
        "def stop(code): sys.exit(code)",
    ],
)
def test_what_is_allowed(source: str) -> None:
    assert violations(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import pickle as p",
        "import _pickle",
        "from pickle import loads",
        "from pickle import loads as read",
        "from pickle import *",
        "from os import *",
        "def late():\n    import marshal",
        "import os, shelve",
        "import cloudpickle.cloudpickle",
        "from joblib import load",
        "__import__('pickle')",
        "import importlib\nimportlib.import_module('pickle')",
        "from importlib import import_module\nimport_module('pickle')",
        "import sys\nsys.modules['pickle']",
        "eval(text)",
        "map(eval, texts)",
        "run = exec",
        "compile(text, 'a', 'exec')",
        "def f(run=eval): ...",
        "import builtins\nbuiltins.eval(text)",
        "from builtins import eval as read",
        "import builtins as b\nb.exec(text)",
        "import builtins\ngetattr(builtins, 'eval')(text)",
        "import builtins\nvars(builtins)['exec'](text)",
        "__builtins__['eval'](text)",
        "__builtins__.eval(text)",
        "globals()['eval'](text)",
        "import torch\ntorch.load(path)",
        "import torch\ntorch.load(path, weights_only=False)",
        "import torch\ntorch.load(path, weights_only=safe)",
        "import torch\ntorch.load(path, **options)",
        "import torch as t\nt.load(path)",
        "from torch import load\nload(path)",
        "from torch import load as read\nread(path)",
        "import torch\nread = torch.load",
        "import torch\nt = torch\nt.load(path)",
        "import torch\nu = t = torch\nt.load(path)",
        "import torch\nt: object = torch\nt.load(path)",
        "import torch\nif (t := torch):\n    t.load(path)",
        "from torch.serialization import load\nload(path)",
        "import torch\ntorch.save(model, path)",
        "import torch.hub\ntorch.hub.load('a', 'b')",
        "import numpy as np\nnp.load(path)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "import numpy as np\nnp.load(path, None, True)",
        "from numpy.lib import format\nformat.read_array(stream)",
        "from numpy.lib import format as f\nf.read_array(stream, allow_pickle=True)",
        "import numpy as np\nnp.save(path, values, allow_pickle=True)",
        "import pandas as pd\npd.read_pickle(path)",
        "import subprocess\nsubprocess.run(command, shell=True)",
        "import subprocess\nsubprocess.Popen(command, shell=1)",
        "from subprocess import run\nrun(command, shell=shell)",
        "import subprocess\nsubprocess.getoutput(command)",
        "import os\nos.system(command)",
        "from os import popen as run\nrun(command)",
        "import yaml\nyaml.load(text)",
        "import yaml\nyaml.load(text, Loader=yaml.Loader)",
        "from yaml import unsafe_load\nunsafe_load(text)",
        "from yaml import load as read",
    ],
)
def test_what_is_found(source: str) -> None:
    assert violations(source)
