from .backprop.autoencoding import AutoencoderSettings, AutoencoderTraining
from .backprop.classifier import FullBatchSettings, FullBatchTraining, MinibatchSettings, MinibatchTraining
from .backprop.finetuning import unfold
from .backprop.readout import ConvergedSettings, ConvergedTraining, ReadoutClassifier
from .course import Record, Training
from .labels.calibration import fit_label_biases
from .labels.hybrid import HybridSettings, HybridTraining
from .labels.updown import UpDownSettings, UpDownTraining
from .rbm.joint import JointTraining
from .rbm.layer import DivergedError, EpochRecord, RBMTraining
from .rbm.pretraining import Pretraining
from .rbm.settings import RBMSettings, Tempering
from .rbm.tie import tie_to_below

__all__ = [
    "AutoencoderSettings",
    "AutoencoderTraining",
    "ConvergedSettings",
    "ConvergedTraining",
    "DivergedError",
    "EpochRecord",
    "FullBatchSettings",
    "FullBatchTraining",
    "HybridSettings",
    "HybridTraining",
    "JointTraining",
    "MinibatchSettings",
    "MinibatchTraining",
    "Pretraining",
    "RBMSettings",
    "RBMTraining",
    "ReadoutClassifier",
    "Record",
    "Tempering",
    "Training",
    "UpDownSettings",
    "UpDownTraining",
    "fit_label_biases",
    "tie_to_below",
    "unfold",
]
