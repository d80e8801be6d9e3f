"""A recipe in which settings have other values."""

import copy
from typing import Any

from deepbelief.errors import SettingsError
from deepbelief.study.recipe import Recipe, recipe_of_tables


def with_values(tables: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The tables of a recipe in which settings, by their names with dots, have other values."""
    changed = copy.deepcopy(tables)
    for name, value in values.items():
        *sections, last = name.split(".")
        table = changed
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise SettingsError(f"{name} is no setting of the recipe, in which {section} has a single value.")
        table[last] = value
    return changed


def recipe_with(tables: dict[str, Any], values: dict[str, Any], where: str) -> Recipe:
    """The recipe of these tables in which settings have other values."""
    return recipe_of_tables(with_values(tables, values), where)
