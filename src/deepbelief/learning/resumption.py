"""Checkpoints of running trainings, and resuming from them after an interruption."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from torch import Tensor

from deepbelief.checkpoint import TrainingState, UnusableFileError, load_state, save_state
from deepbelief.errors import DeepBeliefError, one_line
from deepbelief.learning.course import AnyRecord
from deepbelief.system.processes import here

_SECONDS_BETWEEN_CHECKPOINTS: Final = 5.0

Record = TypeVar("Record", bound=AnyRecord, covariant=True)


class Resumable(Protocol[Record]):
    """A training that can be saved and resumed."""

    @property
    def records(self) -> Sequence[Record]:
        """One for each step so far."""

    def epochs(self) -> Iterator[Record]:
        """Train; one record after each step, and after `restore` only the steps that are left."""

    def state(self) -> TrainingState:
        """Everything needed to continue from here."""

    def restore(self, state: TrainingState) -> None:
        """Continue from a state."""


def saving(
    path: Path, training: Resumable[Any], records: Iterable[Record], seconds: Callable[[], float]
) -> Iterator[Record]:
    """Pass the records of a training on, and write a checkpoint every few seconds and at the end.

    Of processes that learn together, the first one says when, and writes.

    Args:
        path: the checkpoint's file.
        training: gives the records, by its `epochs()`.
        records: these, or these by way of something that looks at each of them before a checkpoint says it is over.
        seconds: tells how long the work has taken so far, with that before an interruption.
    """
    saved = time.perf_counter()
    for record in records:
        if here().first_says(time.perf_counter() - saved > _SECONDS_BETWEEN_CHECKPOINTS):
            save_checkpoint(path, training, seconds())
            saved = time.perf_counter()
        yield record
    save_checkpoint(path, training, seconds())


def save_checkpoint(path: Path, training: Resumable[Any], seconds: float) -> None:
    """Write the state of a training, and the seconds that its work has taken so far."""
    state = training.state()
    if here().is_first:
        save_state(path, replace(state, progress={"training": state.progress, "seconds": seconds}))


def resume(path: Path, training: Resumable[Any]) -> float:
    """Continue from a file of `save_checkpoint`; returns the seconds.

    Of processes that learn together each reads the file, and none goes on before all of them have.

    Raises:
        DeepBeliefError: the file is damaged, or of another training or kind of device.
    """
    try:
        state = load_state(path)
        seconds, progress = float(state.progress["seconds"]), state.progress["training"]
        training.restore(replace(state, progress=progress))
        again = training.state()
    except UnusableFileError as error:
        raise _damaged(error.fault) from error
    except DeepBeliefError:
        raise
    except Exception as error:  # a state that was not written here can break anything
        raise _damaged(f"{path} is damaged ({one_line(repr(error))})") from error
    # `restore` may have broadcast a tensor of another shape, and ignored a name that is missing.
    if _outline(again.tensors) != _outline(state.tensors) or json.dumps(again.progress) != json.dumps(progress):
        raise _damaged(f"{path} is damaged (it is not the state of this training)")
    if not all(tensor.isfinite().all() for tensor in state.tensors.values()):
        raise _damaged(f"{path} is damaged (it holds NaN or infinite values)")
    here().check_alike(len(training.records))
    return seconds


def _outline(tensors: Mapping[str, Tensor]) -> dict[str, tuple[Any, ...]]:
    return {name: (tensor.dtype, *tensor.shape) for name, tensor in tensors.items()}


def _damaged(fault: str) -> DeepBeliefError:
    return DeepBeliefError(
        f"{fault}: delete that file and give the same command again, which begins that training anew and keeps "
        "whatever was finished."
    )
