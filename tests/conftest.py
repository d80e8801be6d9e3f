"""What all tests share: settings of hypothesis, a study small enough to run in a test, and the precisions to use."""

from collections.abc import Iterator
from typing import Final

import hypothesis
import pytest
import torch

from deepbelief.system import precision

# The same examples in every run, and no time limit for one: a busy machine is no fault of the code.
hypothesis.settings.register_profile("deepbelief", deadline=None, derandomize=True)
hypothesis.settings.load_profile("deepbelief")

TINY = """
title = "A tiny study"
precision = "fp32"
[data]
name = "digits"
validation = 200
[dbn]
hidden = [20, 12]
weight_std = 0.3
[pretraining]
epochs = [3, 2]
batch_size = 10
learning_rate = 0.2
[readouts]
method = "full-batch"
steps = 150
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
[development]
epochs = [0, 1]
images = 150
levels = [0.4]
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


PRODUCTS: Final = {"fp32": torch.float32, "bf16": torch.bfloat16}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--precision bf16` runs all studies and trainings of the tests in that precision alone."""
    parser.addoption("--precision", choices=tuple(PRODUCTS), help="the one precision to test in, instead of both")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `each_precision` runs in both, or in the one that the command line gives."""
    if "each_precision" in metafunc.fixturenames:
        forced = metafunc.config.getoption("--precision")
        metafunc.parametrize("each_precision", [forced] if forced else list(PRODUCTS), scope="session")


@pytest.fixture(scope="session", autouse=True)
def no_stopwatch() -> Iterator[None]:
    """No test may depend on which products are faster on this machine: `auto` fails wherever a test does not set it."""

    def refuse(dtype: torch.dtype, device: torch.device) -> float:
        raise AssertionError("this test depends on a stopwatch: fix the precision of its recipe")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "seconds_per_product", refuse)
        yield


@pytest.fixture(scope="session")
def one_precision(request: pytest.FixtureRequest) -> str:
    """The precision of studies that run once only: that of the command line, or fp32."""
    return request.config.getoption("--precision") or "fp32"


@pytest.fixture(scope="session")
def products(each_precision: str) -> torch.dtype:
    """The type of matrix products, each of them in turn."""
    return PRODUCTS[each_precision]


@pytest.fixture(scope="session")
def tiny(one_precision: str) -> str:
    """The text of the tiny recipe."""
    return TINY.replace("fp32", one_precision)
