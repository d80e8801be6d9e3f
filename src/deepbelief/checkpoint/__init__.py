"""Models and the state of a training in files."""

from deepbelief.checkpoint.models import load_autoencoder as load_autoencoder
from deepbelief.checkpoint.models import load_dbn as load_dbn
from deepbelief.checkpoint.models import load_labelled_dbn as load_labelled_dbn
from deepbelief.checkpoint.models import load_labelled_rbm as load_labelled_rbm
from deepbelief.checkpoint.models import load_model as load_model
from deepbelief.checkpoint.models import load_network as load_network
from deepbelief.checkpoint.models import save_autoencoder as save_autoencoder
from deepbelief.checkpoint.models import save_dbn as save_dbn
from deepbelief.checkpoint.models import save_labelled_dbn as save_labelled_dbn
from deepbelief.checkpoint.models import save_labelled_rbm as save_labelled_rbm
from deepbelief.checkpoint.models import save_model as save_model
from deepbelief.checkpoint.module import read_description as read_description
from deepbelief.checkpoint.state import TrainingState as TrainingState
from deepbelief.checkpoint.state import UnusableFileError as UnusableFileError
from deepbelief.checkpoint.state import load_state as load_state
from deepbelief.checkpoint.state import save_state as save_state
from deepbelief.checkpoint.state import tensors_under as tensors_under
