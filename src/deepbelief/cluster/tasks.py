"""What a worker is sent to run, and what is known of each run while it runs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, final

from deepbelief.data import Dataset
from deepbelief.errors import DeepBeliefError
from deepbelief.study.execution import SeedRun


@final
@dataclass(frozen=True, eq=False)
class Task:
    """A run that a worker does."""

    name: str
    """Of the recipe, or of the trial."""
    run: SeedRun
    images: Any
    """The reference by which Ray gives each worker the images."""
    proof: Path
    """A file that is there before anything runs, by which a worker sees whether it has the same folder."""


@final
@dataclass(frozen=True)
class Step:
    """Where a run is."""

    stage: str
    number: int
    """Of the stage among all, from 1."""
    stages: int
    line: str = ""
    """Its latest figures."""
    host: str = ""


@final
@dataclass
class Status:
    """What is known of a run: `state` is "waiting", "running", "finished" or "failed"."""

    name: str
    seed: int
    state: str = "waiting"
    step: Step | None = None
    lost: int = 0
    """How often its worker was killed, or its machine went away."""
    seconds: float | None = None
    """Since its worker told of it first; in the end, how long the last worker had it."""
    machine: dict[str, Any] = field(default_factory=dict)
    """Where it came to its end (`describe_machine`)."""


class Workers(Protocol):
    """Where runs are done: a `Pool` of Ray, or `InTurn`."""

    @property
    def at_once(self) -> int:
        """How many runs can be at work at the same time."""

    def share(self, images: Dataset) -> Any:
        """A reference to images, for `Task`."""

    def submit(self, task: Task) -> None:
        """Let a run wait for a free worker."""

    def results(self) -> Iterator[tuple[Task, Status, DeepBeliefError | None]]:
        """Each run that comes to its end, or its error; also those that are submitted meanwhile."""
