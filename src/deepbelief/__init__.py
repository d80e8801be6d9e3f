"""Deep Belief Networks: train them, look inside them, stress-test what they learnt.

The public names are loaded when they are first used, so that the command line answers `--help` at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepbelief.checkpoint import load_dbn, save_dbn
    from deepbelief.data import Dataset, Features, Images, load_dataset, load_images
    from deepbelief.dbn import DBN
    from deepbelief.encoding import encode_source
    from deepbelief.errors import DataError, DeepBeliefError, SettingsError
    from deepbelief.learning.finetuning import unfold
    from deepbelief.learning.pretraining import Pretraining
    from deepbelief.learning.settings import CDSettings
    from deepbelief.randomness import Random
    from deepbelief.rbm import RBM
    from deepbelief.readout import ConvergedSettings, ReadoutClassifier, fit_converged
    from deepbelief.study.recipe import Recipe, load_recipe
    from deepbelief.study.run import Study
    from deepbelief.supervised import (
        FeedForward,
        FullBatchSettings,
        FullBatchTraining,
        MinibatchSettings,
        MinibatchTraining,
        accuracy,
        predict,
    )
    from deepbelief.units import Bernoulli

_HOMES = {
    "checkpoint": ["load_dbn", "save_dbn"],
    "data": ["Dataset", "Features", "Images", "load_dataset", "load_images"],
    "dbn": ["DBN"],
    "encoding": ["encode_source"],
    "errors": ["DataError", "DeepBeliefError", "SettingsError"],
    "learning.finetuning": ["unfold"],
    "learning.pretraining": ["Pretraining"],
    "learning.settings": ["CDSettings"],
    "randomness": ["Random"],
    "rbm": ["RBM"],
    "readout": ["ConvergedSettings", "ReadoutClassifier", "fit_converged"],
    "study.recipe": ["Recipe", "load_recipe"],
    "study.run": ["Study"],
    "supervised": [
        "FeedForward",
        "FullBatchSettings",
        "FullBatchTraining",
        "MinibatchSettings",
        "MinibatchTraining",
        "accuracy",
        "predict",
    ],
    "units": ["Bernoulli"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = [  # noqa: RUF022 (in the order of use)
    "load_dataset",
    "load_images",
    "Dataset",
    "Images",
    "Features",
    "Random",
    "Bernoulli",
    "RBM",
    "DBN",
    "CDSettings",
    "Pretraining",
    "encode_source",
    "unfold",
    "FeedForward",
    "ReadoutClassifier",
    "ConvergedSettings",
    "fit_converged",
    "FullBatchSettings",
    "FullBatchTraining",
    "MinibatchSettings",
    "MinibatchTraining",
    "accuracy",
    "predict",
    "save_dbn",
    "load_dbn",
    "Recipe",
    "load_recipe",
    "Study",
    "DeepBeliefError",
    "SettingsError",
    "DataError",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'deepbelief' has no attribute {name!r}")
    return getattr(import_module(f"deepbelief.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
