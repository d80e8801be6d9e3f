"""Every setting of recipes, plans and trainings, as a page: read from the classes that check them."""

import inspect
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from deepbelief.evaluation import Plan
from deepbelief.learning import AutoencoderSettings, HybridSettings, RegressionSettings, UpDownSettings
from deepbelief.search.plan import SearchPlan
from deepbelief.study import Recipe

TOLD = tomllib.loads((Path(__file__).parents[1] / "reference" / "settings.toml").read_text(encoding="utf-8"))
PARTS = {
    "A recipe": Recipe,
    "A plan of `deepbelief robustness`": Plan,
    "A plan of `deepbelief search`": SearchPlan,
    "Trainings of the library alone": (AutoencoderSettings, RegressionSettings, HybridSettings, UpDownSettings),
}
LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below", "min_length": "entries, at least"}
TYPES = {int: "whole number", float: "number", str: "text", bool: "yes or no"}


def text() -> str:
    """A table for each class of settings, the tables inside it after it."""
    written, seen = [], set()
    for title, roots in PARTS.items():
        written.append(f"## {title}")
        for cls in (one for root in (roots if isinstance(roots, tuple) else (roots,)) for one in tree(root)):
            if cls not in seen:
                seen.add(cls)
                written.append(table(cls))
    return "\n\n".join(written)


def tree(cls: Any) -> list[Any]:
    """A class of settings and all those inside it, each once."""
    found = [cls]
    for field in cls.__pydantic_fields__.values():
        for inner in inside(field.annotation):
            found += [one for one in tree(inner) if one not in found]
    return found


def inside(annotation: Any) -> Iterator[Any]:
    """The classes of settings in a type."""
    if inspect.isclass(annotation) and hasattr(annotation, "__pydantic_fields__"):
        yield annotation
    for one in get_args(annotation):
        yield from inside(one)


def name_of(cls: Any) -> str:
    """The name of a class; those of a plan that a recipe has, too, begin with Plan."""
    twice = cls.__module__.endswith("evaluation.plan") and cls.__name__ in ("NoiseSection", "AttackSection")
    return f"Plan{cls.__name__}" if twice else str(cls.__name__)


def told(cls: Any, setting: str) -> list[str] | None:
    """The unit and the sentence of a setting; None where it is a table of settings itself, which tells its own."""
    if any(inside(cls.__pydantic_fields__[setting].annotation)):
        return None
    own: list[str] | None = TOLD.get(name_of(cls), {}).get(setting) or TOLD["common"].get(setting)
    if own is None:
        raise KeyError(f"docs/reference/settings.toml has no line for {setting} in [{name_of(cls)}].")
    return own


def table(cls: Any) -> str:
    """The settings of one class."""
    lines = ["| setting | value | default | unit | what it is |", "|---|---|---|---|---|"]
    for name, field in cls.__pydantic_fields__.items():
        unit, sentence = told(cls, name) or ("", tables_of(field.annotation))
        cells = (f"`{name}`", value(field), default(field), unit, sentence)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return f"### {name_of(cls)}\n\n" + "\n".join(lines)


def tables_of(annotation: Any) -> str:
    """Where the settings of a table are."""
    return (
        "The settings of "
        + " or ".join(f"[{name}](#{name.lower()})" for name in map(name_of, inside(annotation)))
        + "."
    )


def value(field: Any) -> str:
    """The type of a value, with its limits."""
    if any(inside(field.annotation)):
        return "tables" if get_origin(field.annotation) is tuple else "table"
    limits = [f"{LIMITS[name]} {limit:g}" for name, limit in limits_of(field.metadata)]
    return ", ".join([kind(field.annotation), *limits])


def limits_of(metadata: Any) -> Iterator[tuple[str, float]]:
    """The limits among what pydantic keeps of a field."""
    for one in metadata:
        for name in LIMITS:
            if (limit := getattr(one, name, None)) is not None:
                yield name, limit


def kind(annotation: Any) -> str:
    """A type in words."""
    parts = [one for one in get_args(annotation) if one not in (type(None), Ellipsis)]
    if get_origin(annotation) is Literal:
        return " or ".join(f'`"{one}"`' for one in parts)
    if get_origin(annotation) is tuple:
        return f"list of: {kind(parts[0])}"
    if get_origin(annotation) is dict:
        return f"table of: {kind(parts[1])}"
    if annotation in TYPES:
        return TYPES[annotation]
    limits = [
        f"{LIMITS[name]} {limit:g}" for info in parts[1:] for name, limit in limits_of(getattr(info, "metadata", ()))
    ]
    return ", ".join([kind(parts[0]), *limits]) if parts else str(annotation)


def default(field: Any) -> str:
    """The value where none is given."""
    if field.is_required():
        return "must be given"
    given = field.get_default(call_default_factory=True)
    if any(inside(field.annotation)):
        return "" if given in (None, ()) else "the defaults of its table"
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, tuple):
        return f"`[{', '.join(map(str, given))}]`"
    return "none" if given in (None, {}) else f"`{given}`"
