"""`deepbelief recipe`: the text of a recipe."""

from typing import Annotated

import typer

from deepbelief.errors import SettingsError


def recipe(name: Annotated[str, typer.Argument(help="default, thorough, reference or smoke.")] = "default") -> None:
    """Print a recipe, to copy and edit.

    Example: deepbelief recipe default > my.toml
    """
    from deepbelief.study.recipes import RECIPES, recipe_text

    if name not in RECIPES:
        raise SettingsError(f"there is no recipe {name!r}: give one of {', '.join(RECIPES)}.")
    typer.echo(recipe_text(name), nl=False)
