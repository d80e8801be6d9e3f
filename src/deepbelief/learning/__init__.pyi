from .backprop.autoencoding import (
    AutoencoderSettings as AutoencoderSettings,
)
from .backprop.autoencoding import (
    AutoencoderTraining as AutoencoderTraining,
)
from .backprop.classifier import (
    FullBatchSettings as FullBatchSettings,
)
from .backprop.classifier import (
    FullBatchTraining as FullBatchTraining,
)
from .backprop.classifier import (
    MinibatchSettings as MinibatchSettings,
)
from .backprop.classifier import (
    MinibatchTraining as MinibatchTraining,
)
from .backprop.finetuning import unfold as unfold
from .backprop.readout import (
    ConvergedSettings as ConvergedSettings,
)
from .backprop.readout import (
    ConvergedTraining as ConvergedTraining,
)
from .backprop.readout import (
    ReadoutClassifier as ReadoutClassifier,
)
from .course import Record as Record
from .course import Training as Training
from .labels.calibration import fit_label_biases as fit_label_biases
from .labels.hybrid import HybridSettings as HybridSettings
from .labels.hybrid import HybridTraining as HybridTraining
from .labels.updown import UpDownSettings as UpDownSettings
from .labels.updown import UpDownTraining as UpDownTraining
from .rbm.joint import JointTraining as JointTraining
from .rbm.layer import DivergedError as DivergedError
from .rbm.layer import EpochRecord as EpochRecord
from .rbm.layer import RBMTraining as RBMTraining
from .rbm.pretraining import Pretraining as Pretraining
from .rbm.settings import RBMSettings as RBMSettings
from .rbm.settings import Tempering as Tempering
from .rbm.tie import tie_to_below as tie_to_below
