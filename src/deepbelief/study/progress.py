"""The interface through which a running study reports its progress."""

from typing import Protocol


class StudyProgress(Protocol):
    """Receives the progress of a study; the command line shows it as a line and a bar."""

    def stage(self, name: str, number: int, total: int, seed: int) -> None:
        """A stage starts: the `number`-th of `total`, counted from 1."""

    def step(self, done: int, total: int, line: str) -> None:
        """`done` of the stage's `total` steps are finished; `line` holds its latest figures."""

    def finished(self, name: str, seconds: float, line: str) -> None:
        """The stage is finished, or had been finished before (`line` says so)."""


class Silent:
    """A `StudyProgress` that shows nothing."""

    def stage(self, name: str, number: int, total: int, seed: int) -> None:
        """Nothing."""

    def step(self, done: int, total: int, line: str) -> None:
        """Nothing."""

    def finished(self, name: str, seconds: float, line: str) -> None:
        """Nothing."""
