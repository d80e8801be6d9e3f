"""What happens inside a worker: a run with its own number of threads, which tells how far it is."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, final

import torch
from threadpoolctl import threadpool_limits

from deepbelief.cluster.tasks import Step
from deepbelief.data import Dataset
from deepbelief.errors import DeepBeliefError
from deepbelief.study.execution import SeedRun
from deepbelief.system.atomic import sweep
from deepbelief.system.lock import locked
from deepbelief.system.machine import describe_machine
from deepbelief.system.memory import keep_freed_memory

_SECONDS_BETWEEN_STEPS: Final = 0.5
_PATIENCE: Final = 60.0  # seconds until a worker whose machine was taken for dead has left a folder


def run_in_worker(
    run: SeedRun, images: Dataset, proof: tuple[Path, bytes], threads: int, tell: Callable[[Step], None]
) -> tuple[dict[str, Any], float]:
    """Run one seed in the folder that all machines share; returns the machine's description, and the seconds.

    Args:
        run: what to run.
        images: what to run it on.
        proof: a file that was there before, and what is in it.
        threads: that the run may use.
        tell: is told of each stage, and now and then of a step in it.

    Raises:
        DeepBeliefError: the folder is not shared, another worker does not leave it, or the run failed.
    """
    host, begun = socket.gethostname(), time.monotonic()
    path, content = proof
    if not path.exists() or path.read_bytes() != content:
        raise DeepBeliefError(
            f"{host} does not see {path}: give a folder with --out that all machines of the cluster share, by its full "
            "path."
        )
    keep_freed_memory()
    with (
        with_threads(threads),
        locked(run.folder, "worker", "end that process, and give the same command again", _PATIENCE),
    ):
        sweep(run.folder)  # of what a worker that was killed here has left half-written
        run.run(images, Teller(tell, host))
        return describe_machine(run.device), time.monotonic() - begun


@contextmanager
def with_threads(threads: int) -> Iterator[None]:
    """Within, PyTorch and the libraries under NumPy use so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)


@final
class Teller:
    """A `StudyProgress` that tells of stages at once and of steps now and then."""

    def __init__(self, tell: Callable[[Step], None], host: str) -> None:
        self._tell, self._host = tell, host
        self._stage, self._told = ("", 0, 0), 0.0

    def stage(self, name: str, number: int, total: int, seed: int) -> None:
        """A stage starts."""
        self._stage, self._told = (name, number, total), time.monotonic()
        self._tell(Step(*self._stage, host=self._host))

    def step(self, done: int, total: int, line: str) -> None:
        """Part of the stage is done."""
        if time.monotonic() - self._told > _SECONDS_BETWEEN_STEPS:
            self._told = time.monotonic()
            self._tell(Step(*self._stage, f"{done}/{total} {line}", self._host))

    def finished(self, name: str, seconds: float, line: str) -> None:
        """The next stage says so."""
