"""What a running study tells whoever watches it."""

from typing import Protocol


class StudyProgress(Protocol):
    """A watcher of a study; the command line draws bars, tests listen."""

    def stage(self, name: str, number: int, total: int, seed: int) -> None:
        """A stage starts: the `number`-th of `total`, counted from 1."""

    def step(self, done: int, total: int, line: str) -> None:
        """Within the stage, `done` of `total` steps are finished; `line` says how it goes."""

    def finished(self, name: str, seconds: float, line: str) -> None:
        """The stage is finished, or was found finished (`line` says so)."""


class Silent:
    """Watches and says nothing."""

    def stage(self, name: str, number: int, total: int, seed: int) -> None:
        """Nothing."""

    def step(self, done: int, total: int, line: str) -> None:
        """Nothing."""

    def finished(self, name: str, seconds: float, line: str) -> None:
        """Nothing."""
