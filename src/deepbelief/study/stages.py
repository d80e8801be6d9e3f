"""The stages of a study, in the order in which they run and are reported."""

from collections.abc import Callable
from typing import Final

from deepbelief.data import Dataset
from deepbelief.study import data, development, generation, insights, robustness, training
from deepbelief.study.context import Context, Findings
from deepbelief.study.recipe import Recipe

Stage = Callable[[Context], Findings]

STAGES: Final[dict[str, Stage]] = {
    "data": data.data,
    "samples": data.samples,
    "pretraining": training.pretraining,
    "receptive_fields": insights.receptive_fields_of_pixels,
    "deep_receptive_fields": insights.deep_receptive_fields,
    "features": insights.features,
    "readouts": training.readouts,
    "mlp_head": training.mlp_head,
    "development": development.development,
    "baseline": training.baseline,
    "finetuning": training.finetuning,
    "random_start": training.random_start,
    "psychometric": robustness.psychometric,
    "clusters": insights.clusters,
    "confusion": insights.confusion_matrices,
    "noise_attack": robustness.noise_attack,
    "gradient_attack": robustness.gradient_attack,
    "robustness": robustness.robustness,
    "topdown_defence": robustness.topdown_defence,
    "encoding": insights.encoding,
    "generation": generation.generation,
}

# The stages that a recipe may leave out, and what tells that it does not.
OPTIONAL: Final[dict[str, Callable[[Recipe], bool]]] = {
    "mlp_head": lambda recipe: "mlp_head" in recipe.contestants,
    "development": lambda recipe: bool(recipe.development.epochs),
    "random_start": lambda recipe: "random_start" in recipe.contestants,
}

# The stages that are left out where the images have no labels. All others do without: they tell of images what they
# would else tell of classes, or nothing of these.
NEED_LABELS: Final = frozenset(
    {
        *("readouts", "mlp_head", "baseline", "finetuning", "random_start"),
        *("psychometric", "clusters", "confusion", "noise_attack", "gradient_attack", "robustness", "topdown_defence"),
    }
)


# The stages that train by batches: processes that work together (`system/processes.py`) share these. All other stages
# are done by the first of them, while the others wait.
TOGETHER: Final = frozenset({"pretraining", "mlp_head", "baseline", "finetuning", "random_start", "generation"})


def stages_of(recipe: Recipe, dataset: Dataset) -> dict[str, Stage]:
    """The stages of a recipe on these data, in order."""
    missing = left_out(recipe, dataset)
    return {name: STAGES[name] for name in _asked_for(recipe) if name not in missing}


def left_out(recipe: Recipe, dataset: Dataset) -> list[str]:
    """The stages that a recipe asks for and the data have no labels for, in order."""
    return [] if dataset.labelled else [name for name in _asked_for(recipe) if name in NEED_LABELS]


def _asked_for(recipe: Recipe) -> list[str]:
    return [name for name in STAGES if name not in OPTIONAL or OPTIONAL[name](recipe)]
