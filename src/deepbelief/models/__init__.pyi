from .annealed_path import AnnealedPath, base_rate_bias
from .autoencoder import Autoencoder, unroll
from .dbn import DBN
from .feedforward import FeedForward, accuracy, predict
from .labelled import LabelledDBN, LabelledRBM
from .rbm import RBM, bernoulli_rbm
from .standardisation import Standardisation
from .units import Bernoulli, Categorical, Gaussian, Joint, ReLU, Units
from .views import encode_source, standardise

__all__ = [
    "DBN",
    "RBM",
    "AnnealedPath",
    "Autoencoder",
    "Bernoulli",
    "Categorical",
    "FeedForward",
    "Gaussian",
    "Joint",
    "LabelledDBN",
    "LabelledRBM",
    "ReLU",
    "Standardisation",
    "Units",
    "accuracy",
    "base_rate_bias",
    "bernoulli_rbm",
    "encode_source",
    "predict",
    "standardise",
    "unroll",
]
