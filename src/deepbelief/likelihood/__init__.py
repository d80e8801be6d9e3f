"""Log-likelihoods: log Z exactly where one side can be enumerated, and estimates from above and below."""

from deepbelief.likelihood.ais import AISResult, AISSettings, ais, trajectory_log_z
from deepbelief.likelihood.bennett import LogRatio, bennett
from deepbelief.likelihood.bracket import Bracket, as_states, dbn_bound, log_likelihood, upper_side
from deepbelief.likelihood.estimate import ChainSettings, Estimate, dbn_estimate
from deepbelief.likelihood.evaluation import Evaluation, LayerZ, evaluate, layer_path
from deepbelief.likelihood.exact import exact_log_probability, exact_log_z
from deepbelief.likelihood.importance import ImportanceSettings, dbn_importance
from deepbelief.likelihood.reverse import raise_bound

__all__ = [
    "AISResult",
    "AISSettings",
    "Bracket",
    "ChainSettings",
    "Estimate",
    "Evaluation",
    "ImportanceSettings",
    "LayerZ",
    "LogRatio",
    "ais",
    "as_states",
    "bennett",
    "dbn_bound",
    "dbn_estimate",
    "dbn_importance",
    "evaluate",
    "exact_log_probability",
    "exact_log_z",
    "layer_path",
    "log_likelihood",
    "raise_bound",
    "trajectory_log_z",
    "upper_side",
]
