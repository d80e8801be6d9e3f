"""Every public name, command and setting is described and has an example, and every page is in the menu."""

import ast
import doctest
import importlib
import inspect
import os
import pkgutil
import re
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from making import commands, links, names, plain_text, settings, stage
from making.links import DOCS, NOTEBOOKS, pages

import deepbelief

PUBLIC = {(room, name): one for room in names.ROOMS for name, one in names.public(room).items()}


def code() -> Iterable[str]:
    """All code that is run as an example: in docstrings, on the pages, in `examples/`."""
    for module in pkgutil.walk_packages(deepbelief.__path__, "deepbelief."):
        if not module.name.endswith("__main__"):
            for found in doctest.DocTestFinder().find(importlib.import_module(module.name)):
                yield "".join(example.source for example in found.examples)
    for page in pages():
        yield from re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    for example in (DOCS.parent / "examples").glob("*.py"):
        yield example.read_text(encoding="utf-8")


def shown() -> set[str]:
    """The names that this code uses."""
    found: set[str] = set()
    for text in code():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
    return found


def shown_objects() -> set[int]:
    """What these names are, what they return, and what they are kinds of, by identity."""
    used = shown()
    waiting = [one for (_, name), one in PUBLIC.items() if name in used]
    found: dict[int, Any] = {}
    while waiting:
        one = waiting.pop()
        if id(one) not in found:
            found[id(one)] = one
            members = (
                inspect.getmembers(one) if inspect.isclass(one) and one.__module__.startswith("deepbelief") else []
            )
            for called in (one, *(value for name, value in members if name in used)):
                waiting += returned(called)
            waiting += one.__mro__ if inspect.isclass(one) else []
    return set(found)


def returned(called: Any) -> list[Any]:
    """The types that a function or property gives, and those of which a generic class is made, by their annotations."""
    if isinstance(called, property):
        called = called.fget
    hints: list[Any] = list(getattr(called, "__orig_bases__", ()))
    try:
        hints += [typing.get_type_hints(called).get("return")] if inspect.isroutine(called) else []
        hints += typing.get_type_hints(called).values() if inspect.isclass(called) else []
    except (NameError, TypeError):  # a type that is imported for type checkers alone
        pass
    return [part for hint in hints for part in parts(hint)]


def parts(hint: Any) -> list[Any]:
    """A type and those inside it."""
    inner = [part for one in typing.get_args(hint) for part in parts(one)]
    return [hint, *inner]


def test_every_public_name_has_a_docstring() -> None:
    silent = [
        key for key, one in PUBLIC.items() if (inspect.isclass(one) or inspect.isroutine(one)) and not one.__doc__
    ]
    assert silent == []


def test_every_public_name_has_an_example_that_is_run() -> None:
    seen = shown_objects()
    lacking = [
        f"{room}.{name}"
        for (room, name), one in PUBLIC.items()
        if (inspect.isclass(one) or inspect.isroutine(one)) and id(one) not in seen
    ]
    assert lacking == []


def test_every_command_has_an_example_and_every_option_tells_what_it_is() -> None:
    for command in commands.COMMANDS:
        assert "Example: deepbelief " in inspect.getdoc(command), command.__name__
        lacking = [typed for typed, _, told in commands.options(command) if not told.help]
        assert lacking == [], command.__name__
    text = commands.text()
    assert "| `--epochs` | whole number, at least 1 | `30` | Of each layer. |" in text
    assert "| `--samples` | file or folder |" not in text
    assert "`train`, `test`" in text


def test_every_setting_has_a_unit_and_a_sentence_and_no_line_is_left_over() -> None:
    used = set()
    for roots in settings.PARTS.values():
        for root in roots if isinstance(roots, tuple) else (roots,):
            for cls in settings.tree(root):
                for name in cls.__pydantic_fields__:
                    told = settings.told(cls, name)  # raises where there is no line
                    assert told is None or (told[0] and told[1].endswith(".")), (cls, name)
                    own = settings.TOLD.get(settings.name_of(cls), {})
                    used.add((settings.name_of(cls) if name in own else "common", name))
    written = {(table, name) for table, lines in settings.TOLD.items() for name in lines}
    assert written == {one for one in used if one in written}


def test_the_table_of_settings_tells_defaults_and_limits() -> None:
    text = settings.text()
    assert "| `final_momentum` | number, at least 0, below 1 | `0.95` | share |" in text
    assert '| `visible` | `"bernoulli"` or `"gaussian"` | `bernoulli` | kind |' in text


def test_a_setting_without_a_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.TOLD, "common", {})
    with pytest.raises(KeyError, match=r"no line for epochs in \[RBMSettings\]"):
        settings.told(next(cls for cls in settings.tree(settings.Recipe) if cls.__name__ == "RBMSettings"), "epochs")


def test_each_name_is_described_in_one_room() -> None:
    text = "\n".join(map(names.text, names.ROOMS))
    for (room, name), one in PUBLIC.items():
        if names.home(one) in (room, ""):
            assert text.count(f":: deepbelief.{room}.{name}\n") == 1, name


@pytest.mark.parametrize("module", [links, plain_text])
def test_the_examples_of_what_makes_the_site_run(module: types.ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert tried and not failed


def test_indented_formulas_of_docstrings_keep_their_lines() -> None:
    lines = [
        "Solves:",
        "",
        "    W = Y_1",
        "    b = 2 * W",
        "",
        "with `W`.",
        "",
        "Raises:",
        "    Error: no_",
        "",
        ">>> 2 * 3",
    ]
    text = plain_text.as_restructured_text(lines)
    assert text[2:6] == ["::", "", "    W = Y_1", "    b = 2 * W"]
    assert text[-3:] == ["    Error: no\\_", "", ">>> 2 * 3"]


def test_every_page_is_in_the_menu() -> None:
    listed = set()
    for index in DOCS.rglob("index.md"):
        if "_build" not in index.parts:
            there = stage.with_links(index, index.read_text("utf-8"))
            listed |= {
                Path(os.path.normpath(stage.place(index).parent / page)) for _, page in stage.LISTED.findall(there)
            }
    assert {stage.place(page) for page in [*pages(), *NOTEBOOKS]} - listed == {Path("index.md")}


def test_every_room_has_a_page_and_every_page_what_the_site_writes_into_it() -> None:
    for room in names.ROOMS:
        assert f"<!-- site: names {room} -->" in (DOCS / "reference" / f"{room}.md").read_text("utf-8")
    for page in pages():
        text = page.read_text("utf-8")
        assert len(stage.MARKER.findall(text)) == text.count("<!-- site:"), page
