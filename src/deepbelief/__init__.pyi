from . import data, insight, learning, likelihood, models, report, robustness, sampling, study
from .checkpoint import load_dbn, save_dbn
from .data import Labelled, load_dataset
from .errors import DeepBeliefError
from .insight.receptive_fields import receptive_fields
from .learning.backprop.classifier import MinibatchSettings, MinibatchTraining
from .learning.backprop.finetuning import unfold
from .learning.backprop.readout import ConvergedSettings, ConvergedTraining
from .learning.labels.hybrid import HybridSettings, HybridTraining
from .learning.labels.updown import UpDownSettings, UpDownTraining
from .learning.rbm.layer import RBMTraining
from .learning.rbm.pretraining import Pretraining
from .learning.rbm.settings import RBMSettings
from .likelihood import evaluate
from .models.dbn import DBN
from .models.feedforward import FeedForward, accuracy
from .models.labelled import LabelledDBN, LabelledRBM
from .models.rbm import RBM
from .models.units import Bernoulli, Categorical, Gaussian, ReLU
from .models.views import encode_source, standardise
from .randomness import Random
from .robustness.attack import fgsm
from .robustness.defence import Defended
from .sampling import fantasies, inpaint, labelled_fantasies
from .study.loading import load_run
from .study.recipe import load_recipe
from .study.run import Study

__version__: str
__all__ = [
    "DBN",
    "RBM",
    "Bernoulli",
    "Categorical",
    "ConvergedSettings",
    "ConvergedTraining",
    "DeepBeliefError",
    "Defended",
    "FeedForward",
    "Gaussian",
    "HybridSettings",
    "HybridTraining",
    "Labelled",
    "LabelledDBN",
    "LabelledRBM",
    "MinibatchSettings",
    "MinibatchTraining",
    "Pretraining",
    "RBMSettings",
    "RBMTraining",
    "Random",
    "ReLU",
    "Study",
    "UpDownSettings",
    "UpDownTraining",
    "accuracy",
    "data",
    "encode_source",
    "evaluate",
    "fantasies",
    "fgsm",
    "inpaint",
    "insight",
    "labelled_fantasies",
    "learning",
    "likelihood",
    "load_dataset",
    "load_dbn",
    "load_recipe",
    "load_run",
    "models",
    "receptive_fields",
    "report",
    "robustness",
    "sampling",
    "save_dbn",
    "standardise",
    "study",
    "unfold",
]
