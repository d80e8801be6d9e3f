"""What all tests share: settings of hypothesis, and a study small enough to run in a test."""

import hypothesis
import pytest

# The same examples in every run, and no time limit for one: a busy machine is no fault of the code.
hypothesis.settings.register_profile("deepbelief", deadline=None, derandomize=True)
hypothesis.settings.load_profile("deepbelief")

TINY = """
title = "A tiny study"
[data]
name = "digits"
validation = 200
[dbn]
hidden = [20, 12]
weight_std = 0.1
[pretraining]
epochs = [3, 2]
batch_size = 50
[readouts]
method = "full-batch"
steps = 30
learning_rate = 3.0
[baseline]
hidden = [16]
[baseline.training]
method = "minibatch"
epochs = 3
batch_size = 50
learning_rate = 0.01
patience = 2
[finetuning]
epochs = 3
batch_size = 50
learning_rate = 0.01
dropout = 0.1
patience = 2
[noise]
levels = [0.0, 0.3]
[attack]
epsilons = [0.0, 0.1]
example_epsilon = 0.2
[defence]
steps = [1, 2]
[generation]
fantasies = 6
steps = 10
inpainted = 4
temperatures = 10
images = 20
[generation.labels]
hidden = 10
[generation.labels.training]
epochs = 2
batch_size = 50
persistent_chains = 20
"""


@pytest.fixture(scope="session")
def tiny() -> str:
    """The text of the tiny recipe."""
    return TINY
