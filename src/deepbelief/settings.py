"""Settings: small frozen dataclasses whose values are checked when they are made, or read from a recipe."""

import difflib
import functools
import tomllib
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, dataclass_transform

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from deepbelief.errors import SettingsError

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(Field,))
def settings_dataclass(cls: type[T]) -> type[T]:
    """Make a class a frozen pydantic dataclass that refuses an unknown name or impossible value by a `SettingsError`.

    Inside a pydantic model, such as a recipe, the model reports errors, as for any other dataclass.

    >>> @settings_dataclass
    ... class Walk:
    ...     steps: int = Field(default=10, ge=1)
    >>> Walk(steps=0)
    Traceback (most recent call last):
    deepbelief.errors.SettingsError: Walk: steps = 0 is impossible: input should be greater than or equal to 1.
    """
    made: Any = dataclass(cls, frozen=True, config=ConfigDict(extra="forbid"))
    validated = made.__init__

    @functools.wraps(validated)
    def checked(self: T, *args: Any, **values: Any) -> None:
        try:
            validated(self, *args, **values)
        except ValidationError as error:
            known = {field.name for field in fields(made)}
            raise SettingsError(f"{cls.__name__}: {sentence(error, cls.__name__, known)}") from None

    made.__init__ = checked
    return made  # type: ignore[no-any-return]


def known_settings(model: type[BaseModel]) -> set[str]:
    """Every name that may stand in a file of these settings."""
    schema = model.model_json_schema()
    return {name for section in [schema, *schema["$defs"].values()] for name in section["properties"]}


def read_settings(path: Path, kind: str, missing: str) -> str:
    """The text of a user's file of settings.

    Args:
        path: of the file.
        kind: what it is, such as "recipe".
        missing: the sentence where there is no such file.

    Raises:
        SettingsError: there is no such file, or it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        raise SettingsError(missing) from None
    except (UnicodeDecodeError, PermissionError) as error:
        raise SettingsError(f"{path} cannot be read as text ({error}): give a {kind} in TOML.") from None


def toml_tables(text: str, where: str) -> dict[str, Any]:
    """The tables of a TOML text; `where` names it in the `SettingsError` if it is none."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{where} is not valid TOML: {error}.") from None


def sentence(error: ValidationError, whole: str, known: Collection[str]) -> str:
    """The first error that pydantic found, as one sentence that names the setting.

    Args:
        error: the error of pydantic.
        whole: name of what was checked, for an error of no single setting.
        known: all names of settings, to guess which was meant.
    """
    fault = error.errors(include_url=False)[0]
    unions = {"full-batch", "converged", "minibatch"}  # pydantic names the chosen kind; the file does not
    path = [str(part) for part in fault["loc"] if not isinstance(part, int) and part not in unions]
    name = ".".join(path) or whole
    if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        close = difflib.get_close_matches(path[-1], known, n=1)
        return f"{name} is not a setting" + (f": did you mean {close[0]}?" if close else ".")
    if fault["type"] in ("missing", "union_tag_not_found"):
        return f"{name} is missing: copy it from a recipe that comes with deepbelief (`deepbelief recipe default`)."
    if fault["type"] == "value_error":
        return f"{fault['ctx']['error']}."
    return f"{name} = {fault['input']!r} is impossible: {fault['msg'][0].lower()}{fault['msg'][1:]}."
