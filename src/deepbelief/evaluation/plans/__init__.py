"""The plans that come with the package, as text; each is for the recipe of its name."""

from importlib import resources
from typing import Final

PLANS: Final = ("default", "smoke", "thorough")


def plan_text(name: str) -> str:
    """The TOML text of a plan that comes with the package."""
    return (resources.files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
