"""A finished study of two seeds, small enough for a test, and an evaluation of it."""

from pathlib import Path

import pytest

from deepbelief.data import load_dataset
from deepbelief.evaluation import Evaluated, Evaluation
from deepbelief.evaluation.plan import parse_plan
from deepbelief.study.recipe import parse_recipe
from deepbelief.study.run import Study

PLAN = """
levelled = ["gaussian"]
pairs = [["finetuned", "finetuned_attacked"], ["random_start", "ffnn"]]
[by_class]
contestants = ["ffnn", "random_start"]
perturbations = ["gaussian", "rotation"]
[perturbations]
gaussian = [0.7, 0.2, 1.5]
rotation = [20.0]
[[networks]]
name = "pixels"
hidden = []
training = { epochs = 1, batch_size = 200, learning_rate = 0.01, patience = 1 }
[[networks]]
name = "ffnn_noisy"
training = { epochs = 1, batch_size = 200, learning_rate = 0.01, patience = 0 }
augmentation = { kind = "noise", most = 0.5 }
[[networks]]
name = "finetuned_attacked"
start = "dbn"
training = { epochs = 1, batch_size = 200, learning_rate = 0.01, patience = 0 }
augmentation = { kind = "attack", epsilon = 0.2, steps = 2 }
[[top_down]]
[[top_down]]
contestants = ["readout_1", "robust_readout"]
layer = 1
passes = 2
draws = 2
[[top_down]]
contestants = ["ffnn"]
layers = [2, 0]
[attacks]
images = 30
epsilons = [0.2, 0.05]
lengths = [0.5]
steps = 3
auto_steps = 4
targets = 3
long_steps = 6
queries = 20
answers = 20
"""


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny: str) -> Path:
    """The folder of the study."""
    folder = tmp_path_factory.mktemp("study")
    Study("tiny", parse_recipe(tiny, "tiny.toml"), load_dataset("digits"), folder, seeds=[0, 3]).run()
    return folder


@pytest.fixture(scope="session")
def evaluated(finished: Path) -> Evaluated:
    """Its evaluation, in the same folder."""
    return Evaluation(finished, parse_plan(PLAN, "plan.toml"), load_dataset("digits")).run()
