"""The settings of a run, written like the recipe file they came from."""

import json
from collections.abc import Mapping
from typing import Any

from deepbelief.report.text import memory


def as_toml(settings: Mapping[str, Any], prefix: str = "") -> str:
    """Nested settings as TOML text; a setting that is not set stays visible as a comment."""
    plain = {key: value for key, value in settings.items() if not isinstance(value, Mapping)}
    lines = [f"{key} = {_value(value)}" if value is not None else f"# {key} is not set" for key, value in plain.items()]
    parts = ["\n".join(lines)] if lines else []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            inner = as_toml(value, f"{prefix}{key}.")
            only_tables = value and all(isinstance(item, Mapping) for item in value.values())
            parts.append(inner if only_tables else f"[{prefix}{key}]\n{inner}".rstrip())
    return "\n\n".join(parts)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {_value(item)}' for key, item in value.items())} }}"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def _shown(name: str, value: Any) -> str:
    if name.endswith("_bytes") and isinstance(value, int | float):
        return memory(value)
    return value if isinstance(value, str) else _value(value)


def flat(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values of a mapping, for a table of two columns."""
    return [
        (name.removesuffix("_bytes").replace("_", " "), _shown(name, value))
        for name, value in facts.items()
        if value is not None
    ]
