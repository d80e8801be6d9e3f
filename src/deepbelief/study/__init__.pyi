from .loading import Run, load_run
from .recipe import Recipe, load_recipe
from .run import Study

__all__ = [
    "Recipe",
    "Run",
    "Study",
    "load_recipe",
    "load_run",
]
