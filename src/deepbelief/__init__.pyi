from .annealing import AnnealedPath, base_rate_bias
from .checkpoint import load_dbn, save_dbn
from .data import Dataset, Features, Images, load_dataset, load_images
from .dbn import DBN
from .encoding import encode_source, encode_to_file
from .errors import DataError, DeepBeliefError, SettingsError
from .feedforward import FeedForward, accuracy, predict
from .gallery import SampleSettings, draw_samples
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
from .sampling import Clamp, chain, clamped_chain, fantasies, inpaint, interpolate
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
    "Clamp",
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
    "SampleSettings",
    "SettingsError",
    "Study",
    "accuracy",
    "ais",
    "as_states",
    "base_rate_bias",
    "chain",
    "clamped_chain",
    "dbn_bound",
    "draw_samples",
    "encode_source",
    "encode_to_file",
    "evaluate",
    "exact_log_z",
    "fantasies",
    "fit_converged",
    "inpaint",
    "interpolate",
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
