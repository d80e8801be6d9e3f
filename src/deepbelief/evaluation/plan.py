"""The plan of an evaluation: every setting of it, in a TOML file that a user can copy and edit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, final

from pydantic import Field, ValidationError, model_validator

from deepbelief.errors import SettingsError
from deepbelief.evaluation.plans import PLANS, plan_text
from deepbelief.learning.backprop.classifier import MinibatchSettings
from deepbelief.robustness import PERTURBATIONS
from deepbelief.settings import known_settings, read_settings, sentence, toml_tables
from deepbelief.study.recipe import Level, Section
from deepbelief.study.records import Name

Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]


@final
class NoiseSection(Section):
    """The network learns from images with Gaussian noise of all levels up to `most`, a share of the pixels' range."""

    kind: Literal["noise"] = "noise"
    most: Positive = 1.0


@final
class AttackSection(Section):
    """The network learns from images that PGD attacks through it, in so many steps, by up to `epsilon` a pixel."""

    kind: Literal["attack"] = "attack"
    epsilon: Positive = 0.1
    steps: int = Field(default=2, ge=1)


@final
class NetworkSection(Section):
    """Another contestant, trained on the study's training images.

    It starts from random weights, with `hidden` ReLU units (those of the study's feed-forward network if not given;
    an empty list is logistic regression), or from the DBN, whose shape it then has.
    """

    name: Name
    start: Literal["random", "dbn"] = "random"
    hidden: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    training: MinibatchSettings
    augmentation: NoiseSection | AttackSection | None = Field(default=None, discriminator="kind")


@final
class TopDownSection(Section):
    """Contestants that see the DBN's reconstruction of an image in place of the image.

    It goes up to `layer`, the top one if none is given, and back `passes` times, by means, or with `draws` by samples,
    over which answers are averaged. Without `contestants` it is the read-out of that layer. In place of `layer` several
    `layers` may be given, over which answers are averaged, too; 0 among them is the image as it is.
    """

    contestants: tuple[Name, ...] = ()
    layer: int | None = Field(default=None, ge=1)
    layers: tuple[Annotated[int, Field(ge=0)], ...] = ()
    passes: int = Field(default=1, ge=1)
    draws: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _layers_once(self) -> "TopDownSection":
        if self.layers and self.layer is not None:
            raise ValueError("top_down has both layer and layers: give one of them")
        if self.layers and (not any(self.layers) or len({*self.layers}) < len(self.layers)):
            raise ValueError(f"top_down.layers = {list(self.layers)}: give each layer once, and at least one above 0")
        return self


@final
class AttacksSection(Section):
    """Attacks on a fixed choice of test images, stratified by class, the same for all seeds and contestants.

    They may move each pixel by up to an epsilon, or the whole image by up to a length (L2), both as shares of the
    pixels' range. PGD takes so many `steps`, and APGD `auto_steps`, also towards so many `targets`, the likeliest wrong
    classes; once more `long_steps`, which tells whether the others have converged. The square attack has `queries` and
    RayS `answers`; 0: without that attack. Images that are attacked through the contestant `stranger` are shown to all
    others.
    """

    images: int = Field(default=200, ge=1)
    epsilons: tuple[Positive, ...] = (0.02, 0.05, 0.1)
    lengths: tuple[Positive, ...] = ()
    steps: int = Field(default=20, ge=1)
    auto_steps: int = Field(default=50, ge=0)
    targets: int = Field(default=0, ge=0)
    long_steps: int = Field(default=0, ge=0)
    queries: int = Field(default=0, ge=0)
    answers: int = Field(default=0, ge=0)
    stranger: Name | None = "ffnn"


@final
class ByClassSection(Section):
    """Psychometric curves of each class by itself, of these contestants under these perturbations of the plan."""

    contestants: tuple[Name, ...] = Field(min_length=1)
    perturbations: tuple[str, ...] = Field(min_length=1)


@final
class Plan(Section):
    """What is evaluated. Without `contestants` all are, those of the study and those of the plan.

    It is done on so many test `images`, chosen once with each class by its share, or on all. Perturbations that are
    `levelled`, too, are shown a second time after `AutoLevels`, the same help for all. Compared are all contestants
    with each of the `rivals`, those that look top-down with those that do not, and other `pairs`. Contestants that a
    recipe may leave out may be named here all the same.
    """

    contestants: tuple[Name, ...] = ()
    images: int | None = Field(default=None, ge=1)
    perturbations: dict[str, tuple[Level, ...]] = Field(default_factory=dict)
    levelled: tuple[str, ...] = ()
    by_class: ByClassSection | None = None
    networks: tuple[NetworkSection, ...] = ()
    top_down: tuple[TopDownSection, ...] = ()
    attacks: AttacksSection | None = None
    rivals: tuple[Name, ...] = ("ffnn",)
    pairs: tuple[tuple[Name, Name], ...] = ()

    @model_validator(mode="after")
    def _known_perturbations(self) -> "Plan":
        by_class = self.by_class.perturbations if self.by_class else ()
        for setting, names in (("levelled", self.levelled), ("by_class.perturbations", by_class)):
            if missing := [name for name in names if name not in self.perturbations]:
                raise ValueError(
                    f"{setting} names {missing[0]}, which is not among the perturbations of the plan: add it there"
                )
        for name, levels in self.perturbations.items():
            if name not in PERTURBATIONS:
                raise ValueError(f"perturbations.{name} is none: take some of {', '.join(PERTURBATIONS)}")
            most = PERTURBATIONS[name].most
            wrong = [level for level in levels if not 0 < level <= most]
            if wrong or len({*levels}) < len(levels):
                raise ValueError(
                    f"perturbations.{name} has the levels {list(levels)}: give each once, above 0"
                    + (f" and at most {most:g}" if most < 1e6 else "")
                )
        return self

    @model_validator(mode="after")
    def _names_once(self) -> "Plan":
        names = [network.name for network in self.networks]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two networks are called {twice[0]}: give each a name of its own")
        return self

    def levels(self, perturbation: str) -> tuple[float, ...]:
        """At which a perturbation is measured, ascending: those of the plan, or else its own."""
        return tuple(sorted(self.perturbations[perturbation])) or PERTURBATIONS[perturbation].levels


def plan_of(recipe: str) -> str:
    """The name of the plan for a study of this recipe: that of the same name, or else `default`."""
    return recipe if recipe in PLANS else "default"


def chosen(
    plan: Plan,
    perturbations: Sequence[str] | None = None,
    contestants: Sequence[str] | None = None,
    attacks: bool = True,
) -> Plan:
    """The plan with these perturbations, `name` or `name=level,level`, and these contestants in place of its own.

    Raises:
        SettingsError: there is no such perturbation, or a level is none.
    """
    settings = plan.model_dump()
    if perturbations:
        settings["perturbations"] = dict(map(_perturbation, perturbations))
        settings["levelled"] = tuple(name for name in plan.levelled if name in settings["perturbations"])
        if plan.by_class is not None:
            kept = tuple(name for name in plan.by_class.perturbations if name in settings["perturbations"])
            settings["by_class"] = {**settings["by_class"], "perturbations": kept} if kept else None
    if contestants:
        settings["contestants"] = tuple(contestants)
    if not attacks:
        settings["attacks"] = None
    try:
        return Plan.model_validate(settings)
    except ValidationError as error:
        raise SettingsError(sentence(error, "the plan", known_settings(Plan))) from None


def _perturbation(given: str) -> tuple[str, tuple[float, ...]]:
    name, _, levels = given.partition("=")
    try:
        return name, tuple(float(level) for level in levels.split(",")) if levels else ()
    except ValueError:
        raise SettingsError(
            f"the levels {levels!r} of {name} are no numbers: write them like {name}=0.3,0.7."
        ) from None


def load_plan(name_or_path: str) -> Plan:
    """Read a plan that comes with the package, or a user's TOML file.

    Raises:
        SettingsError: there is no such plan, it is not TOML, or a setting is unknown or impossible.
    """
    if name_or_path in PLANS:
        return parse_plan(plan_text(name_or_path), name_or_path)
    path = Path(name_or_path)
    missing = f"there is no plan {name_or_path!r}: give one of {', '.join(PLANS)}, or the path of a .toml file."
    return parse_plan(read_settings(path, "plan", missing), str(path))


def parse_plan(text: str, where: str) -> Plan:
    """Read and check the TOML text of a plan; `where` names it in messages."""
    tables = toml_tables(text, where)
    try:
        return Plan.model_validate(tables)
    except ValidationError as error:
        raise SettingsError(f"{where}: {sentence(error, 'the plan', known_settings(Plan))}") from None
