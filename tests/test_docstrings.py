"""The examples in the docstrings run, and give what they say."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re

import pytest

import deepbelief

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(deepbelief.__path__, "deepbelief.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module)
    assert not failed


def test_there_are_examples() -> None:
    assert sum(len(doctest.DocTestFinder().find(importlib.import_module(name))) for name in MODULES) > 40


def unnamed(docstring: str) -> list[str]:
    """The entries of a docstring's lists of arguments and the like that do not begin with names and a colon."""
    found, inside = [], False
    for line in docstring.splitlines():
        indent = len(line) - len(line.lstrip())
        if line and not indent:
            inside = line in ("Args:", "Attributes:", "Raises:", "Warns:")
        elif inside and indent == 4 and not re.match(r"[\w.*]+(, [\w.*]+)*: ", line.strip()):
            found.append(line.strip())
    return found


def test_a_list_of_arguments_that_the_site_cannot_read_is_noticed() -> None:
    good = "What it does.\n\nArgs:\n    one, two: both,\n        on two lines.\n    three: the last.\n\nMore."
    assert not unnamed(good)
    assert unnamed(good.replace("one, two: both", "one, two, more,\n        four: all")) == ["one, two, more,"]


@pytest.mark.parametrize("name", MODULES)
def test_arguments_are_listed_by_names(name: str) -> None:
    tree = ast.parse(inspect.getsource(importlib.import_module(name)))
    documented = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    nodes = [tree, *(node for node in ast.walk(tree) if isinstance(node, documented))]
    assert not [line for node in nodes for line in unnamed(ast.get_docstring(node) or "")]
