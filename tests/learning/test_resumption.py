"""A training's checkpoint: it comes back whole, or one sentence says which file to delete."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepbelief.checkpoint import TrainingState, load_state, save_state
from deepbelief.data import TensorSource
from deepbelief.errors import DeepBeliefError
from deepbelief.learning import Tempering
from deepbelief.learning.backprop.classifier import (
    FullBatchSettings,
    FullBatchTraining,
    MinibatchSettings,
    MinibatchTraining,
)
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.learning.resumption import Resumable, resume, save_checkpoint
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward
from deepbelief.randomness import Random

Job = tuple[Resumable[Any], Iterator[Any]]


def data() -> tuple[TensorSource, torch.Tensor]:
    return TensorSource(Random(1).uniform((20, 6))), torch.arange(20) % 2


def pretraining(**settings: Any) -> Job:
    random = Random(0)
    held_out = TensorSource(Random(2).uniform((8, 6)))
    one = RBMSettings(epochs=3, batch_size=5, **settings)
    job = Pretraining(DBN.from_sizes([6, 4, 3], random), data()[0], [one] * 2, random=random, held_out=held_out)
    return job, job.epochs()


def minibatches() -> Job:
    network = FeedForward([6, 4, 2], torch.relu, Random(0))
    job = MinibatchTraining(
        network, data(), MinibatchSettings(epochs=4, batch_size=5, patience=3), random=Random(3), held_out=data()
    )
    return job, job.epochs()


def full_batch() -> Job:
    job = FullBatchTraining(FeedForward([6, 4, 2], torch.relu, Random(0)), data(), FullBatchSettings(steps=4))
    return job, job.epochs()


JOBS: dict[str, Callable[[], Job]] = {
    "cd": pretraining,
    "patience": lambda: pretraining(patience=2),
    "persistent": lambda: pretraining(persistent_chains=4, centring=True),
    "tempering": lambda: pretraining(persistent_chains=4, tempering=Tempering(temperatures=3)),
    "trajectory": lambda: pretraining(persistent_chains=4, tempering=Tempering(trajectory=True)),
    "minibatches": minibatches,
    "full batch": full_batch,
}


def save_after(steps: int, make: Callable[[], Job], path: Path) -> None:
    job, records = make()
    for _ in range(steps):
        next(records)
    save_checkpoint(path, job, 1.5)


@pytest.mark.parametrize("name", JOBS)
def test_it_goes_on_from_any_step(tmp_path: Path, name: str) -> None:
    whole, records = JOBS[name]()
    steps = len(list(records))
    for done in range(1, steps + 1):
        path = tmp_path / f"after-{done}"
        save_after(done, JOBS[name], path)
        job, records = JOBS[name]()
        assert resume(path, job) == 1.5
        list(records)
        for key, tensor in whole.state().tensors.items():
            assert torch.equal(tensor, job.state().tensors[key]), key


def refused(path: Path, make: Callable[[], Job]) -> None:
    with pytest.raises(DeepBeliefError) as raised:
        resume(path, make()[0])
    assert "\n" not in str(raised.value)
    if "on another kind of device" in str(raised.value):  # what a state of random numbers of another length is
        return
    assert str(raised.value).startswith(str(path))
    assert str(raised.value).endswith(
        "delete that file and give the same command again, which begins that training anew and keeps whatever was "
        "finished."
    )


@pytest.mark.parametrize("name", JOBS)
def test_a_damaged_one_is_one_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / "checkpoint"
    save_after(2, JOBS[name], path)
    content, state = path.read_bytes(), load_state(path)
    for damaged in (b"", content[:-7], content[: len(content) // 2], b"torn" * 100):
        path.write_bytes(damaged)
        refused(path, JOBS[name])
    for key, tensor in state.tensors.items():
        changed: list[dict[str, torch.Tensor]] = [
            {one: value for one, value in state.tensors.items() if one != key},
            {**state.tensors, key: tensor.flatten()[:1].clone()} if tensor.numel() > 1 else {},
            {**state.tensors, key: tensor.bool()},
            {**state.tensors, key: torch.full_like(tensor, torch.nan)} if tensor.is_floating_point() else {},
        ]
        for tensors in changed:
            save_state(path, TrainingState(tensors, state.progress))
            refused(path, JOBS[name])


@pytest.mark.parametrize("name", ["cd", "minibatches", "full batch"])
def test_progress_of_another_kind_is_one_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / "checkpoint"
    save_after(2, JOBS[name], path)
    state = load_state(path)
    keys = ["seconds", "training", *(("training", key) for key in state.progress["training"])]

    @given(st.sampled_from(keys), st.sampled_from([None, "x", [], {}, [[]], [["x"]], [[1, "x", None]], -1.5, True]))
    def check(key: Any, value: Any) -> None:
        progress = copy.deepcopy(state.progress)
        at = progress["training"] if isinstance(key, tuple) else progress
        at[key[1] if isinstance(key, tuple) else key] = value
        save_state(path, TrainingState(state.tensors, progress))
        job, records = JOBS[name]()
        try:
            resume(path, job)
        except DeepBeliefError as error:
            assert "\n" not in str(error)
        else:
            list(records)  # what is taken up goes on to its end

    check()
