"""Runs one after the other in this process, asked for in the same way as those of Ray."""

import time
from collections.abc import Iterator
from types import TracebackType
from typing import final

from deepbelief.cluster.tasks import Status, Task
from deepbelief.data import Dataset
from deepbelief.errors import DeepBeliefError
from deepbelief.study.progress import StudyProgress


@final
class InTurn:
    """What `Pool` is, without Ray: `progress` is told of the run that is at work."""

    at_once = 1

    def __init__(self, progress: StudyProgress | None = None) -> None:
        self._progress, self._waiting = progress, list[Task]()

    def __enter__(self) -> "InTurn":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left to end."""

    def share(self, images: Dataset) -> Dataset:
        """The images themselves."""
        return images

    def submit(self, task: Task) -> None:
        """Let a run wait until those before it are over."""
        self._waiting.append(task)

    def results(self) -> Iterator[tuple[Task, Status, DeepBeliefError | None]]:
        """Each run that comes to its end, or its error."""
        while self._waiting:
            task, begun = self._waiting.pop(0), time.monotonic()
            failed = None
            try:
                task.run.run(task.images, self._progress)
            except DeepBeliefError as error:
                failed = error
            state, seconds = "failed" if failed else "finished", time.monotonic() - begun
            yield task, Status(task.name, task.run.seed, state, seconds=seconds), failed
