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
from .data import Dataset, Images, Labelled, TensorSource, load_dataset, load_images
from .errors import DataError, DataWarning, DeepBeliefError, SettingsError
from .learning.backprop.autoencoding import AutoencoderSettings, AutoencoderTraining
from .learning.backprop.classifier import FullBatchSettings, FullBatchTraining, MinibatchSettings, MinibatchTraining
from .learning.backprop.finetuning import unfold
from .learning.backprop.readout import ConvergedSettings, ReadoutClassifier, fit_converged
from .learning.labels.hybrid import HybridSettings, HybridTraining
from .learning.labels.updown import UpDown, UpDownSettings
from .learning.rbm.layer import DivergedError
from .learning.rbm.pretraining import Pretraining
from .learning.rbm.settings import RBMSettings
from .learning.rbm.tie import tie_to_below
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
from .models.annealed_path import AnnealedPath, base_rate_bias
from .models.autoencoder import Autoencoder, unroll
from .models.dbn import DBN
from .models.encoding import encode_source
from .models.feedforward import FeedForward, accuracy, predict
from .models.labelled import LabelledDBN, LabelledRBM
from .models.rbm import RBM
from .models.standardisation import Standardisation
from .models.standardised import standardise
from .models.units import Bernoulli, Categorical, Gaussian, Joint, ReLU
from .randomness import Random
from .sampling import Clamp, chain, clamped_chain, fantasies, inpaint, interpolate, labelled_fantasies
from .study.recipe import Recipe, load_recipe
from .study.run import Study

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
    "Categorical",
    "Clamp",
    "ConvergedSettings",
    "DataError",
    "DataWarning",
    "Dataset",
    "DeepBeliefError",
    "DivergedError",
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
    "RBMSettings",
    "Random",
    "ReLU",
    "ReadoutClassifier",
    "Recipe",
    "SettingsError",
    "Standardisation",
    "Study",
    "TensorSource",
    "UpDown",
    "UpDownSettings",
    "accuracy",
    "ais",
    "as_states",
    "base_rate_bias",
    "chain",
    "clamped_chain",
    "dbn_bound",
    "encode_source",
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
