"""The options of every command, as a page: read from the commands themselves."""

import inspect
import re
import types
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args, get_origin

from deepbelief.cli.app import COMMANDS

KINDS = {str: "text", int: "whole number", float: "number", bool: "yes or no"}


def text() -> str:
    """A section for each command: what it does, its arguments and options, an example."""
    return "\n\n".join(map(section, COMMANDS))


def section(command: Any) -> str:
    """One command."""
    told, *examples = (inspect.getdoc(command) or "").split("Example: ")
    typed = "\n".join(" ".join(example.split()) for example in examples)
    told = re.sub(r"(?<![\w`-])(--[a-z][\w-]*)", r"`\1`", told)
    return (
        f"## deepbelief {command.__name__}\n\n{told.strip()}\n\n```sh\n{typed}\n```\n\n"
        "| argument or option | value | default | what it is |\n|---|---|---|---|\n" + "\n".join(rows(command))
    )


def rows(command: Any) -> Iterator[str]:
    """A line of the table for each argument and option."""
    for name, parameter, told in options(command):
        kind = get_args(parameter.annotation)[0]
        cells = (name, value(kind, told), default(parameter, told), told.help or "")
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |"


def options(command: Any) -> Iterator[tuple[str, inspect.Parameter, Any]]:
    """Each argument and option: as it is typed, as a parameter of the function, and what typer is told of it."""
    for parameter in inspect.signature(command).parameters.values():
        told = get_args(parameter.annotation)[1] if get_origin(parameter.annotation) else None
        if told is None:
            raise TypeError(f"{command.__name__}: {parameter.name} needs an Annotated type with its help.")
        typed = getattr(told, "param_decls", None) or (f"--{parameter.name.replace('_', '-')}",)
        if type(told).__name__ == "ArgumentInfo":
            typed = (told.metavar or parameter.name.upper(),)
        yield ", ".join(f"`{one}`" for one in typed), parameter, told


def value(kind: Any, told: Any) -> str:
    """The type of a value, with its limits."""
    several = get_origin(kind) is list or any(get_origin(one) is list for one in get_args(kind))
    while get_args(kind):
        kind = next(one for one in get_args(kind) if one is not types.NoneType)
    if isinstance(kind, type) and issubclass(kind, Enum):
        name = ", ".join(f"`{member.value}`" for member in kind)
    else:
        name = KINDS.get(kind, "file or folder")
    both = (("at least", told.min), ("at most", told.max))
    limits = [f"{words} {limit:g}" for words, limit in both if limit is not None]
    return name + (f", {' and '.join(limits)}" if limits else "") + ("; several times for several" if several else "")


def default(parameter: inspect.Parameter, told: Any) -> str:
    """What stands where nothing is given."""
    if isinstance(told.show_default, str):
        return told.show_default
    if parameter.default is inspect.Parameter.empty:
        return "must be given"
    given = parameter.default
    if given is None or given in ([], ()):
        return ""
    return {True: "yes", False: "no"}[given] if isinstance(given, bool) else f"`{getattr(given, 'value', given)}`"
