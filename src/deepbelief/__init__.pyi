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
from .errors import DataError, DeepBeliefError, SettingsError
from .feedforward import FeedForward, accuracy, predict
from .labelled import LabelledDBN, LabelledRBM
from .learning.autoencoding import AutoencoderSettings, AutoencoderTraining
from .learning.finetuning import unfold
from .learning.hybrid import HybridSettings, HybridTraining
from .learning.pretraining import Pretraining
from .learning.settings import CDSettings
from .learning.updown import UpDown, UpDownSettings
from .randomness import Random
from .rbm import RBM
from .readout import ConvergedSettings, ReadoutClassifier, fit_converged
from .study.recipe import Recipe, load_recipe
from .study.run import Study
from .supervised import FullBatchSettings, FullBatchTraining, MinibatchSettings, MinibatchTraining
from .units import Bernoulli, Categorical, Gaussian, Joint, ReLU

__version__: str
__all__ = [
    "DBN",
    "RBM",
    "Autoencoder",
    "AutoencoderSettings",
    "AutoencoderTraining",
    "Bernoulli",
    "CDSettings",
    "Categorical",
    "ConvergedSettings",
    "DataError",
    "Dataset",
    "DeepBeliefError",
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
    "SettingsError",
    "Study",
    "UpDown",
    "UpDownSettings",
    "accuracy",
    "encode_source",
    "encode_to_file",
    "fit_converged",
    "load_autoencoder",
    "load_dataset",
    "load_dbn",
    "load_images",
    "load_labelled_dbn",
    "load_labelled_rbm",
    "load_recipe",
    "predict",
    "save_autoencoder",
    "save_dbn",
    "save_labelled_dbn",
    "save_labelled_rbm",
    "unfold",
    "unroll",
]
