"""The stages of a study, in the order in which they run and are reported."""

from collections.abc import Callable
from typing import Final

from deepbelief.study import data, development, generation, insights, robustness, training
from deepbelief.study.context import Context, Findings

Stage = Callable[[Context], Findings]

STAGES: Final[dict[str, Stage]] = {
    "data": data.data,
    "samples": data.samples,
    "pretraining": training.pretraining,
    "receptive_fields": insights.receptive_fields_of_pixels,
    "deep_receptive_fields": insights.deep_receptive_fields,
    "features": insights.features,
    "readouts": training.readouts,
    "development": development.development,
    "baseline": training.baseline,
    "finetuning": training.finetuning,
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
