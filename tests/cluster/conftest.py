"""A small cluster of Ray, which is started once, and small runs for it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from deepbelief.cluster.tasks import Task
from deepbelief.data import Dataset, load_dataset
from deepbelief.study.execution import SeedRun
from deepbelief.study.recipe import parse_recipe
from deepbelief.system.precision import FP32
from tests.conftest import TINY


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """Two machines with one core each, as Ray sees it; in truth both are this one."""
    pytest.importorskip("ray", reason='Ray is not installed: pip install "deepbelief[ray]"')
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    found.add_node(num_cpus=1)
    yield found
    found.shutdown()


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return load_dataset("digits")


MakeTask = Callable[..., Task]


@pytest.fixture
def task_of(tmp_path: Path) -> MakeTask:
    """Makes a run of the pre-training alone."""

    def make(images: Any, seed: int = 0, **replaced: str) -> Task:
        text = TINY
        for name, value in replaced.items():
            text = text.replace(f"{name} = [3, 2]", f"{name} = {value}").replace(f"{name} = 0.2", f"{name} = {value}")
        proof = tmp_path / "proof"
        proof.write_text("the same folder")
        folder = tmp_path / f"seed-{seed}"
        only = frozenset({"pretraining"})
        run = SeedRun(parse_recipe(text, "tiny"), seed, torch.device("cpu"), FP32, folder, only=only)
        return Task("tiny", run, images, proof)

    return make
