"""The story of a study: one chapter for every stage, in the order of the page."""

from collections.abc import Callable
from typing import Final

from deepbelief.report.chapter import Chapter
from deepbelief.report.run import Run, Stage
from deepbelief.report.story import (
    attacks,
    classifiers,
    data,
    defence,
    development,
    generation,
    model,
    representations,
    units,
)

Teller = Callable[[Run, Stage], Chapter]

STORY: Final[tuple[tuple[str, str, Teller], ...]] = (
    ("data", "The data", data.data),
    ("samples", "A look at the images", data.samples),
    ("pretraining", "Learning without labels", model.pretraining),
    ("receptive_fields", "What the first layer looks for", units.receptive_fields),
    ("deep_receptive_fields", "What deeper layers look for", units.deep_receptive_fields),
    ("features", "Images as features", model.features),
    ("readouts", "Reading the classes out", classifiers.readouts),
    ("mlp_head", "A network on top of the features", classifiers.mlp_head),
    ("development", "How the layers developed", development.development),
    ("baseline", "The network to compare with", classifiers.baseline),
    ("finetuning", "Fine-tuning the whole network", classifiers.finetuning),
    ("random_start", "What pre-training is worth", classifiers.random_start),
    ("psychometric", "Seeing through noise", attacks.psychometric),
    ("clusters", "Which classes are alike", representations.clusters),
    ("confusion", "Who is mistaken for whom", representations.confusion),
    ("noise_attack", "Random noise on one image", attacks.noise_attack),
    ("gradient_attack", "The same budget, spent with intent", attacks.gradient_attack),
    ("robustness", "Robustness under attack", attacks.robustness),
    ("topdown_defence", "A second look as a defence", defence.topdown_defence),
    ("encoding", "Searching by features", representations.encoding),
    ("generation", "What the network makes up", generation.generation),
)
