"""The plan of a search: which settings vary between what, by which figure they are judged, and how many are tried."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, final

from pydantic import Field, ValidationError, model_validator

from deepbelief.errors import SettingsError
from deepbelief.search.values import recipe_with
from deepbelief.settings import known_settings, read_settings, sentence, toml_tables
from deepbelief.study.recipe import Section
from deepbelief.study.records import LAST_SEED

Number = Annotated[int | float, Field(allow_inf_nan=False)]
_ENDS: Final = ({"low", "high"}, {"choices"})  # the names that tell what a setting varies between


@final
class Range(Section):
    """From `low` to `high`, both included; whole numbers where both are. With `log`, every ratio is as likely."""

    low: Number
    high: Number
    log: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> "Range":
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError("low has to be below high, and above 0 where log = true")
        return self

    @property
    def examples(self) -> list[Any]:
        """Values that the setting has to be able to take."""
        return [self.low, self.high]


@final
class Choices(Section):
    """One of these values."""

    choices: Annotated[tuple[Any, ...], Field(min_length=2)]

    @property
    def examples(self) -> list[Any]:
        """Values that the setting has to be able to take."""
        return list(self.choices)


@final
class SearchPlan(Section):
    """What is searched for.

    Each of so many `trials` is the `recipe` with other values of the `settings`, whose names are those in the recipe,
    such as "pretraining.learning_rate". It learns from the training images without `held_out` of them, once for each of
    so many `seeds`, and the mean of its `measure` on these is to be as high as possible. Values come from Optuna's
    `sampler`: at "random", or by what trials have shown so far ("tpe"); `seed` is the start of its random numbers.
    """

    recipe: str = "default"
    measure: str = "accuracy/finetuned"
    held_out: int = Field(default=5000, ge=1)
    trials: int = Field(default=30, ge=1)
    seeds: int = Field(default=1, ge=1)
    sampler: Literal["tpe", "random"] = "tpe"
    seed: int = Field(default=0, ge=0, le=LAST_SEED)
    settings: Annotated[dict[str, Range | Choices], Field(min_length=1)]

    @model_validator(mode="after")
    def _same_data_for_all(self) -> "SearchPlan":
        if of_data := [name for name in self.settings if name.partition(".")[0] in ("data", "title", "published")]:
            raise ValueError(f"{of_data[0]} cannot vary: all trials are compared on the same data")
        return self

    def check(self, tables: dict[str, Any]) -> None:
        """Refuse settings that the recipe has not, or that cannot take the values.

        Args:
            tables: of the recipe.

        Raises:
            SettingsError: which one, and why.
        """
        for name, varied in self.settings.items():
            for value in varied.examples:
                recipe_with(tables, {name: value}, f"{name} = {value!r}")


def load_plan(path: Path) -> SearchPlan:
    """Read the plan of a search from a TOML file.

    Raises:
        SettingsError: there is no such file, or a setting is unknown or impossible.
    """
    text = read_settings(path, "plan", f"there is no file {path}: give the plan of a search, see docs/clusters.md.")
    tables = toml_tables(text, str(path))
    if isinstance(tables.get("settings"), dict):
        tables["settings"] = dict(_flat(tables["settings"]))
    try:
        return SearchPlan.model_validate(tables)
    except ValidationError as error:
        raise SettingsError(f"{path}: {sentence(error, 'the plan', known_settings(SearchPlan))}") from None


def _flat(tables: dict[str, Any], name: str = "") -> Iterator[tuple[str, Any]]:
    """Tables within tables as names with dots, down to what says how a setting varies."""
    for key, value in tables.items():
        inner = f"{name}.{key}" if name else key
        if isinstance(value, dict) and not any(ends <= value.keys() for ends in _ENDS):
            yield from _flat(value, inner)
        else:
            yield inner, value
