"""The stages of a study, in the order in which they run and are reported."""

from collections.abc import Callable
from typing import Final

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


def stages_of(recipe: Recipe) -> dict[str, Stage]:
    """The stages of a recipe, in order."""
    return {name: stage for name, stage in STAGES.items() if name not in OPTIONAL or OPTIONAL[name](recipe)}
