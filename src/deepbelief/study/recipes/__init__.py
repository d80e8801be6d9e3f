"""The recipes that come with the package, as text; reading them needs no other module."""

from importlib import resources
from typing import Final

RECIPES: Final = ("default", "reference", "smoke", "thorough")


def recipe_text(name: str) -> str:
    """The TOML text of a recipe that comes with the package."""
    return (resources.files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
