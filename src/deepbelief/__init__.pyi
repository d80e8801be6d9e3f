from . import (
    data as data,
)
from . import (
    insight as insight,
)
from . import (
    learning as learning,
)
from . import (
    likelihood as likelihood,
)
from . import (
    models as models,
)
from . import (
    report as report,
)
from . import (
    robustness as robustness,
)
from . import (
    sampling as sampling,
)
from . import (
    study as study,
)
from .checkpoint import load_dbn as load_dbn
from .checkpoint import save_dbn as save_dbn
from .data import Labelled as Labelled
from .data import load_dataset as load_dataset
from .errors import DeepBeliefError as DeepBeliefError
from .insight.receptive_fields import receptive_fields as receptive_fields
from .learning.backprop.classifier import MinibatchSettings as MinibatchSettings
from .learning.backprop.classifier import MinibatchTraining as MinibatchTraining
from .learning.backprop.finetuning import unfold as unfold
from .learning.backprop.readout import ConvergedSettings as ConvergedSettings
from .learning.backprop.readout import ConvergedTraining as ConvergedTraining
from .learning.labels.hybrid import HybridSettings as HybridSettings
from .learning.labels.hybrid import HybridTraining as HybridTraining
from .learning.labels.updown import UpDownSettings as UpDownSettings
from .learning.labels.updown import UpDownTraining as UpDownTraining
from .learning.rbm.layer import RBMTraining as RBMTraining
from .learning.rbm.pretraining import Pretraining as Pretraining
from .learning.rbm.settings import RBMSettings as RBMSettings
from .likelihood import evaluate as evaluate
from .models.dbn import DBN as DBN
from .models.feedforward import FeedForward as FeedForward
from .models.feedforward import accuracy as accuracy
from .models.labelled import LabelledDBN as LabelledDBN
from .models.labelled import LabelledRBM as LabelledRBM
from .models.rbm import RBM as RBM
from .models.units import Bernoulli as Bernoulli
from .models.units import Categorical as Categorical
from .models.units import Gaussian as Gaussian
from .models.units import ReLU as ReLU
from .models.views import encode_source as encode_source
from .models.views import standardise as standardise
from .randomness import Random as Random
from .robustness.attack import fgsm as fgsm
from .robustness.defence import Defended as Defended
from .sampling import fantasies as fantasies
from .sampling import inpaint as inpaint
from .sampling import labelled_fantasies as labelled_fantasies
from .study.loading import load_run as load_run
from .study.recipe import load_recipe as load_recipe
from .study.run import Study as Study

__version__: str
