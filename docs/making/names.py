"""The public names of a room of the package, each described once."""

import importlib
import inspect
from typing import Any

from making.plain_text import escaped

ROOMS = (
    *("models", "learning", "data", "likelihood", "sampling", "insight", "robustness", "evaluation", "study"),
    *("report", "sharing", "pretrained", "sklearn", "watching", "checkpoint", "errors", "randomness"),
)
# What the library says for itself and not for its users.
HIDDEN = {"one_line"}
# Members that pydantic and scikit-learn give to their classes.
OTHERS = "model_config, " + ", ".join(
    f"set_{method}_request" for method in ("fit", "partial_fit", "predict", "score", "transform")
)


def public(room: str) -> dict[str, Any]:
    """Name -> object of what a room offers (of the whole package, where the name is empty); modules are left out."""
    module = importlib.import_module(f"deepbelief.{room}".rstrip("."))
    listed = getattr(module, "__all__", None) or [
        name
        for name, one in vars(module).items()
        if not name.startswith("_") and str(getattr(one, "__module__", "")).startswith(module.__name__)
    ]
    found = {name: getattr(module, name) for name in listed}
    return {name: one for name, one in found.items() if not inspect.ismodule(one) and name not in HIDDEN}


def home(one: Any) -> str:
    """The room that describes an object: the one that it is made in."""
    module = str(getattr(one, "__module__", ""))
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "deepbelief" and parts[1] in ROOMS else ""


def text(room: str = "") -> str:
    """The names of a room, from their docstrings; what another room describes is a link to it."""
    own, others = [], []
    for name, one in sorted(public(room).items(), key=lambda item: item[0].lower()):
        (own if home(one) in (room, "") and room else others).append((name, one))
    written = "\n".join(directive(room, name, one) for name, one in own)
    if others:
        lines = "\n".join(
            f"* :py:obj:`~deepbelief.{home(one)}.{called(name, one)}`: {first(one)}" for name, one in others
        )
        heading = "Names that other rooms describe:\n\n" if own else ""
        written = f"{heading}{lines}\n\n{written}"
    return f"```{{eval-rst}}\n{written}\n```"


def called(name: str, one: Any) -> str:
    """The name of an object in the room that describes it."""
    names = [other for other, same in public(home(one)).items() if same is one] if home(one) else []
    return name if name in names or not names else names[0]


def first(one: Any) -> str:
    """The first sentence of a docstring."""
    told = " ".join((inspect.getdoc(one) or "").split("\n\n")[0].split())
    return escaped(told)


def directive(room: str, name: str, one: Any) -> str:
    """What tells Sphinx to describe an object from its docstring."""
    path = f"deepbelief.{room}.{name}"
    if inspect.isclass(one):
        return f".. autoclass:: {path}\n   :members:\n   :exclude-members: {OTHERS}\n   :show-inheritance:\n"
    if inspect.isroutine(one):
        return f".. autofunction:: {path}\n"
    kind = "A dictionary" if isinstance(one, dict) else f"`{type(one).__name__}`"
    return f".. py:data:: {path}\n\n   {kind}: {value(one)}\n"


def value(one: Any) -> str:
    """What a constant or a type's other name stands for, on one line."""
    told = ", ".join(f"`{key}`" for key in one) if isinstance(one, dict) else getattr(one, "name", "") or str(one)
    return f"``{told}``" if "`" not in told else told
