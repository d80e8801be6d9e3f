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
    "Bernoulli",
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
    "chain",
    "clamped_chain",
    "draw_samples",
    "encode_source",
    "encode_to_file",
    "fantasies",
    "fit_converged",
    "inpaint",
    "interpolate",
    "load_dataset",
    "load_dbn",
    "load_images",
    "load_recipe",
    "predict",
    "save_dbn",
    "unfold",
]
