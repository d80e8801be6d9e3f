from .annealing import AnnealedPath, base_rate_bias
from .autoencoder import Autoencoder, unroll
from .checkpoint import (
    load_autoencoder,
    load_dbn,
    load_labelled_dbn,
    load_labelled_rbm,
    save_autoencoder,
    save_dbn,
    save_labelled_dbn,
    save_labelled_rbm,
)
from .data import Dataset, Features, Images, Labelled, load_dataset, load_images
from .dbn import DBN
from .encoding import encode_source, encode_to_file
from .errors import DataError, DataWarning, DeepBeliefError, SettingsError
from .feedforward import FeedForward, accuracy, predict
from .gallery import SampleSettings, draw_samples
from .labelled import LabelledDBN, LabelledRBM
from .learning.autoencoding import AutoencoderSettings, AutoencoderTraining
from .learning.finetuning import unfold
from .learning.hybrid import HybridSettings, HybridTraining
from .learning.layer import DivergedError
from .learning.pretraining import Pretraining
from .learning.settings import CDSettings
from .learning.standardise import standardise
from .learning.tie import tie_to_below
from .learning.updown import UpDown, UpDownSettings
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
from .sampling import Clamp, chain, clamped_chain, fantasies, inpaint, interpolate, labelled_fantasies
from .standardisation import Standardisation
from .study.recipe import Recipe, load_recipe
from .study.run import Study
from .supervised import FullBatchSettings, FullBatchTraining, MinibatchSettings, MinibatchTraining
from .units import Bernoulli, Categorical, Gaussian, Joint, ReLU

__version__: str
__all__ = [
    "DBN",
    "RBM",
    "AISResult",
    "AISSettings",
    "AnnealedPath",
    "Autoencoder",
    "AutoencoderSettings",
    "AutoencoderTraining",
    "Bernoulli",
    "Bracket",
    "CDSettings",
    "Categorical",
    "Clamp",
    "ConvergedSettings",
    "DataError",
    "DataWarning",
    "Dataset",
    "DeepBeliefError",
    "DivergedError",
    "Features",
    "FeedForward",
    "FullBatchSettings",
    "FullBatchTraining",
    "Gaussian",
    "HybridSettings",
    "HybridTraining",
    "Images",
    "Joint",
    "Labelled",
    "LabelledDBN",
    "LabelledRBM",
    "MinibatchSettings",
    "MinibatchTraining",
    "Pretraining",
    "Random",
    "ReLU",
    "ReadoutClassifier",
    "Recipe",
    "SampleSettings",
    "SettingsError",
    "Standardisation",
    "Study",
    "UpDown",
    "UpDownSettings",
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
    "labelled_fantasies",
    "layer_path",
    "load_autoencoder",
    "load_dataset",
    "load_dbn",
    "load_images",
    "load_labelled_dbn",
    "load_labelled_rbm",
    "load_recipe",
    "log_likelihood",
    "predict",
    "raise_bound",
    "save_autoencoder",
    "save_dbn",
    "save_labelled_dbn",
    "save_labelled_rbm",
    "standardise",
    "tie_to_below",
    "trajectory_log_z",
    "unfold",
    "unroll",
]
