from .annealing import AnnealedPath, base_rate_bias
from .checkpoint import load_dbn, save_dbn
from .data import Dataset, Features, Images, load_dataset, load_images
from .dbn import DBN
from .encoding import encode_source, encode_to_file
from .errors import DataError, DeepBeliefError, SettingsError
from .feedforward import FeedForward, accuracy, predict
from .learning.finetuning import unfold
from .learning.pretraining import Pretraining
from .learning.settings import CDSettings
from .likelihood import (
    AISResult,
    AISSettings,
    Bracket,
    ais,
    as_states,
    dbn_bound,
    evaluate,
    exact_log_z,
    layer_path,
    log_likelihood,
    raise_bound,
    trajectory_log_z,
)
from .randomness import Random
from .rbm import RBM
from .readout import ConvergedSettings, ReadoutClassifier, fit_converged
from .study.recipe import Recipe, load_recipe
from .study.run import Study
from .supervised import FullBatchSettings, FullBatchTraining, MinibatchSettings, MinibatchTraining
from .units import Bernoulli

__version__: str
__all__ = [
    "DBN",
    "RBM",
    "AISResult",
    "AISSettings",
    "AnnealedPath",
    "Bernoulli",
    "Bracket",
    "CDSettings",
    "ConvergedSettings",
    "DataError",
    "Dataset",
    "DeepBeliefError",
    "Features",
    "FeedForward",
    "FullBatchSettings",
    "FullBatchTraining",
    "Images",
    "MinibatchSettings",
    "MinibatchTraining",
    "Pretraining",
    "Random",
    "ReadoutClassifier",
    "Recipe",
    "SettingsError",
    "Study",
    "accuracy",
    "ais",
    "as_states",
    "base_rate_bias",
    "dbn_bound",
    "encode_source",
    "encode_to_file",
    "evaluate",
    "exact_log_z",
    "fit_converged",
    "layer_path",
    "load_dataset",
    "load_dbn",
    "load_images",
    "load_recipe",
    "log_likelihood",
    "predict",
    "raise_bound",
    "save_dbn",
    "trajectory_log_z",
    "unfold",
]
