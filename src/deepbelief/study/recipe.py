"""Recipes: every setting of a study in a TOML file that a user can copy and edit."""

from pathlib import Path
from typing import Annotated, Any, Literal, final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from deepbelief.errors import SettingsError
from deepbelief.learning.backprop.classifier import FullBatchSettings, MinibatchSettings
from deepbelief.learning.backprop.readout import ConvergedSettings
from deepbelief.learning.rbm.joint import check_joint
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.settings import known_settings, read_settings, sentence, toml_tables
from deepbelief.study.recipes import RECIPES, recipe_text
from deepbelief.study.records import MetricName
from deepbelief.system.compilation import CompileName
from deepbelief.system.precision import PrecisionName

# Far above any value of an image, and far below the limit of float32.
Level = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Levels = Annotated[tuple[Level, ...], Field(min_length=1)]
Sizes = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]


class Section(BaseModel):
    """Settings that belong together: an unknown one is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@final
class DataSection(Section):
    """The data set, and how many of its training images are held out for validation."""

    name: str = "fashion-mnist"
    validation: int = Field(default=5000, ge=0)
    train_images: int | None = Field(default=None, ge=1)


@final
class DBNSection(Section):
    """The shape of the network, its visible units, and the std of its initial weights (Xavier's by default).

    Gaussian visible units see standardised pixels. Training is "greedy", layer by layer (`Pretraining`), or "joint",
    all layers at once (`JointTraining`).
    """

    hidden: Sizes = (300, 300, 700)
    visible: Literal["bernoulli", "gaussian"] = "bernoulli"
    weight_std: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    training: Literal["greedy", "joint"] = "greedy"


@final
class ReceptiveFieldSection(Section):
    """Which units of a layer are drawn, and how.

    `units` of them: the "first", or the "strongest", by `unit_strengths` over the training images. Weights weaker than
    the threshold are not drawn. The pictures are scaled "alike", or "each" by itself, so that weak units show as well.
    Of deeper layers there are up to three views: the "weights" through the layers below, the image that excites a unit
    most ("maximised"), and what a unit changes in the images that the network makes ("top-down").
    """

    threshold: Level = 0.1
    units: int = Field(default=100, ge=1)
    choice: Literal["first", "strongest"] = "first"
    scale: Literal["alike", "each"] = "alike"
    deep_views: Annotated[tuple[Literal["weights", "maximised", "top-down"], ...], Field(min_length=1)] = ("weights",)


@final
class DevelopmentSection(Section):
    """The epochs of each layer's training after which it is looked at, 0 for before it; none: no look back.

    Read-outs by least squares, with the penalty `l2`, learn from so many training `images`, and are tested on as many
    test images, without noise and at each level of Gaussian noise.
    """

    epochs: tuple[Annotated[int, Field(ge=0)], ...] = ()
    images: int = Field(default=5000, ge=1)
    levels: Levels = (0.0, 0.5, 1.0)
    l2: float = Field(default=0.01, gt=0, allow_inf_nan=False)


@final
class BaselineSection(Section):
    """The feed-forward network with ReLU units to compare with."""

    hidden: Sizes = (200, 200, 400)
    training: Annotated[FullBatchSettings | MinibatchSettings, Field(discriminator="method")]


@final
class HeadSection(Section):
    """The hidden ReLU units of a network, and its training."""

    hidden: Sizes = (256,)
    training: MinibatchSettings


@final
class AllLayersSection(Section):
    """A linear read-out of the features of all layers side by side, and with `mlp_head` also a network on them."""

    mlp_head: HeadSection | None = None


@final
class NoiseSection(Section):
    """Standard deviations of the Gaussian noise, and the largest change of the uniform noise on one image."""

    levels: Levels = tuple(round(0.1 * step, 1) for step in range(14))
    uniform_epsilon: Level = 0.5


@final
class PGDSection(Section):
    """The iterated attack: on how many test images, in how many steps, and its strengths."""

    images: int = Field(default=500, ge=1)
    steps: int = Field(default=20, ge=1)
    epsilons: Levels = (0.0, 0.05, 0.1)


@final
class AttackSection(Section):
    """Strengths of FGSM over the test set, and on one image; and the iterated attack, PGD.

    `example` is the number of the one test image, from 0; without it, a random one that every contestant recognises.
    """

    epsilons: Levels = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
    example_epsilon: Level = 0.2
    example: int | None = Field(default=None, ge=0)
    pgd: PGDSection = PGDSection()


@final
class DefenceSection(Section):
    """How many times an image goes up and down the DBN before it is classified."""

    steps: Sizes = (1, 3)


@final
class EmbeddingsSection(Section):
    """How many test images stand on the maps of the pixels and of each layer; 0: there are no maps."""

    images: int = Field(default=0, ge=0)


@final
class LabelsSection(Section):
    """The RBM that sees the labels beside the layer below the DBN's top: its size and its training."""

    hidden: int = Field(default=300, ge=1)
    training: RBMSettings = RBMSettings(epochs=3, learning_rate_to_zero=True, final_momentum=0.9, momentum_switch=1)


@final
class GenerationSection(Section):
    """Sampling from the DBN: the length of its Markov chains, and the settings of its log-likelihood's estimate.

    Of the `fantasies` and of the images `of_each_class`, all are judged and some are drawn. With `hidden_samples` those
    of each class come down through samples of the hidden layers, else through means; each is the one of so many
    `candidates` that the model itself is surest of, each made by a chain of `class_steps` (None: of `steps`) of its own
    (`labelled_fantasies`).
    """

    fantasies: int = Field(default=20, ge=1)
    of_each_class: int = Field(default=20, ge=2)
    steps: int = Field(default=1000, ge=2)
    class_steps: int | None = Field(default=None, ge=2)
    hidden_samples: bool = False
    candidates: int = Field(default=1, ge=1)
    inpainted: int = Field(default=8, ge=1)
    labels: LabelsSection = LabelsSection()
    temperatures: int = Field(default=2000, ge=1)
    chains: int = Field(default=100, ge=2)
    images: int = Field(default=200, ge=2)


@final
class Recipe(Section):
    """All settings of a study. `pretraining` holds one `RBMSettings` for each layer.

    Each of these adds a contestant: `robust_readout`, another linear read-out of the top layer, whose penalty is
    strong; `all_layers`; and `random_start`, which trains a network of the DBN's shape from random weights.
    """

    title: str
    precision: PrecisionName = "auto"
    compile: CompileName = "auto"
    data: DataSection = DataSection()
    dbn: DBNSection = DBNSection()
    pretraining: tuple[RBMSettings, ...]
    receptive_fields: ReceptiveFieldSection = ReceptiveFieldSection()
    readouts: Annotated[FullBatchSettings | ConvergedSettings, Field(discriminator="method")]
    development: DevelopmentSection = DevelopmentSection()
    baseline: BaselineSection
    finetuning: MinibatchSettings
    robust_readout: ConvergedSettings | None = None
    all_layers: AllLayersSection | None = None
    random_start: MinibatchSettings | None = None
    noise: NoiseSection = NoiseSection()
    attack: AttackSection = AttackSection()
    defence: DefenceSection = DefenceSection()
    embeddings: EmbeddingsSection = EmbeddingsSection()
    generation: GenerationSection = GenerationSection()
    published: dict[MetricName, Annotated[float, Field(allow_inf_nan=False)]] = {}

    @property
    def contestants(self) -> list[str]:
        """Names of the classifiers that are compared."""
        optional = {
            "robust_readout": self.robust_readout is not None,
            "all_layers": self.all_layers is not None,
            "mlp_head": self.all_layers is not None and self.all_layers.mlp_head is not None,
            "ffnn": True,
            "random_start": self.random_start is not None,
            "finetuned": True,
        }
        readouts = (f"readout_{layer}" for layer in range(1, len(self.dbn.hidden) + 1))
        return [*readouts, *(name for name, asked_for in optional.items() if asked_for)]

    def layers_seen_by(self, contestant: str) -> tuple[int, ...]:
        """The numbers of the hidden layers whose frozen features a contestant sees; none if it sees the images."""
        if contestant in ("all_layers", "mlp_head"):
            return tuple(range(1, len(self.dbn.hidden) + 1))
        if contestant == "robust_readout":
            return (len(self.dbn.hidden),)
        return (int(number),) if (number := contestant.removeprefix("readout_")) != contestant else ()

    @model_validator(mode="after")
    def _one_training_for_each_layer(self) -> "Recipe":
        layers, tables = len(self.dbn.hidden), len(self.pretraining)
        if layers != tables:
            raise ValueError(
                f"pretraining has {tables} tables for the {layers} layers of dbn.hidden: give one [[pretraining]] for "
                "each layer, or one [pretraining] for all"
            )
        return self

    @model_validator(mode="after")
    def _levels_that_differ(self) -> "Recipe":
        """Metrics are named by the levels, as they are written here."""
        lists = {
            "development.levels": self.development.levels,
            "noise.levels": self.noise.levels,
            "attack.epsilons": self.attack.epsilons,
            "attack.pgd.epsilons": self.attack.pgd.epsilons,
        }
        for name, levels in lists.items():
            written = [f"{level:g}" for level in levels]
            if twice := [level for level in written if written.count(level) > 1]:
                raise ValueError(f"{name} holds {twice[0]} twice: give each level once")
        return self

    @model_validator(mode="after")
    def _layers_that_learn_together(self) -> "Recipe":
        if self.dbn.training == "joint":
            try:
                check_joint(self.pretraining)
            except SettingsError as error:
                raise ValueError(f"pretraining: {str(error).removesuffix('.')}") from None
        return self

    @model_validator(mode="after")
    def _labels_only_where_they_are_seen(self) -> "Recipe":
        if any(settings.clamp_labels for settings in self.pretraining):
            raise ValueError("pretraining.clamp_labels: pre-training sees no labels, leave it out")
        return self

    @model_validator(mode="after")
    def _held_out_where_chosen(self) -> "Recipe":
        head = self.all_layers.mlp_head if self.all_layers is not None else None
        choices = {
            "readouts.l2": isinstance(self.readouts, ConvergedSettings) and len(self.readouts.l2) > 1,
            "robust_readout.l2": self.robust_readout is not None and len(self.robust_readout.l2) > 1,
            "baseline.training.patience": getattr(self.baseline.training, "patience", 0) > 0,
            "finetuning.patience": self.finetuning.patience > 0,
            "random_start.patience": self.random_start is not None and self.random_start.patience > 0,
            "all_layers.mlp_head.training.patience": head is not None and head.training.patience > 0,
            "pretraining.patience": any(settings.patience > 0 for settings in self.pretraining),
            "generation.labels.training.patience": self.generation.labels.training.patience > 0,
        }
        needing = [name for name, chooses in choices.items() if chooses]
        if needing and not self.data.validation:
            raise ValueError(f"{needing[0]} makes a choice on held-out images: set data.validation above 0")
        return self


def load_recipe(name_or_path: str) -> tuple[str, Recipe]:
    """Read a recipe that comes with the package, or a user's TOML file: its name and its settings.

    Raises:
        SettingsError: there is no such recipe, it is not TOML, or a setting is unknown or impossible.
    """
    name = name_or_path if name_or_path in RECIPES else Path(name_or_path).stem
    return name, parse_recipe(recipe_source(name_or_path), name_or_path)


def recipe_source(name_or_path: str) -> str:
    """The TOML text of a recipe that comes with the package, or of a user's file.

    Raises:
        SettingsError: there is no such recipe.
    """
    if name_or_path in RECIPES:
        return recipe_text(name_or_path)
    path = Path(name_or_path)
    missing = (
        f"there is no recipe {name_or_path!r}: give one of {', '.join(RECIPES)}, or the path of a .toml file "
        "(`deepbelief recipe default > my.toml` makes one to edit)."
    )
    return read_settings(path, "recipe", missing)


def parse_recipe(text: str, where: str) -> Recipe:
    """Read and check the TOML text of a recipe; `where` names it in messages."""
    return recipe_of_tables(toml_tables(text, where), where)


def recipe_of_tables(tables: dict[str, Any], where: str) -> Recipe:
    """The recipe of the tables of a TOML text; `where` names it in messages."""
    tables = dict(tables)
    hidden = tables.get("dbn", {}).get("hidden", DBNSection().hidden) if isinstance(tables.get("dbn", {}), dict) else ()
    if isinstance(tables.get("pretraining"), dict) and isinstance(hidden, list | tuple) and hidden:
        tables["pretraining"] = _one_table_per_layer(tables["pretraining"], len(hidden), where)
    try:
        return Recipe.model_validate(tables)
    except ValidationError as error:
        raise SettingsError(f"{where}: {sentence(error, 'the recipe', known_settings(Recipe))}") from None


def _one_table_per_layer(table: dict[str, Any], layers: int, where: str) -> list[dict[str, Any]]:
    """A setting that is a list gives each layer its own value."""

    def of_layer(settings: dict[str, Any], layer: int, name: str) -> dict[str, Any]:
        found = {}
        for key, value in settings.items():
            if isinstance(value, list) and len(value) != layers:
                raise SettingsError(
                    f"{where}: {name}.{key} lists {len(value)} values for {layers} layers: give one for each, or one "
                    "for all."
                )
            chosen = value[layer] if isinstance(value, list) else value
            found[key] = of_layer(chosen, layer, f"{name}.{key}") if isinstance(chosen, dict) else chosen
        return found

    return [of_layer(table, layer, "pretraining") for layer in range(layers)]
