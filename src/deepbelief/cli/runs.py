"""The table of many runs at once, and what is not shown of them."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, final

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from deepbelief.cluster.tasks import Status


@final
class RunsTable:
    """Shows all runs in one live table; where the output goes to a file, a line for each change. Use it in a `with`."""

    def __init__(self, console: Console) -> None:
        self._console, self._told = console, dict[int, tuple[str, int]]()
        self._live = Live(
            console=console, transient=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )

    def __enter__(self) -> "RunsTable":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, runs: "Sequence[Status]") -> None:
        """What is known of each run now."""
        for number, run in enumerate(runs):
            if (now := (run.state, run.lost)) != self._told.get(number, ("waiting", 0)):
                if run.state in ("finished", "failed") or (not self._console.is_terminal):
                    self._console.print(_line(run), soft_wrap=True)
                self._told[number] = now
        if self._console.is_terminal:
            self._live.update(_table([run for run in runs if run.state in ("waiting", "running")]), refresh=True)


def _line(run: "Status") -> Text:
    """A change of a run, in a line."""
    where = f" on {run.step.host}" if run.step is not None and run.state == "running" else ""
    lost = f", after {run.lost} lost workers" if run.lost else ""
    said = "waiting, its worker was lost" if run.state == "waiting" else f"{run.state}{where}"
    seconds = f", {run.seconds:.0f} s" if run.state == "finished" else ""
    return Text(f"{run.name} seed {run.seed}: {said}{lost}{seconds}")


def _table(runs: "Sequence[Status]") -> Table:
    """The runs that are not over."""
    table = Table(box=None, pad_edge=False)
    for name in ("run", "seed", "machine", "stage", "time", ""):
        table.add_column(Text(name), no_wrap=True, justify="right" if name in ("seed", "time") else "left")
    for run in runs:
        step, seconds = run.step, "" if run.seconds is None else f"{run.seconds:.0f} s"
        if run.state == "waiting" or step is None:
            row = ["", "waiting, its worker was lost" if run.lost else "waiting", seconds, ""]
        else:
            row = [step.host, f"{step.number:2d}/{step.stages} {step.stage}", seconds, step.line]
        table.add_row(*(Text(value) for value in (run.name, str(run.seed), *row)))
    return table


@contextmanager
def without_notices_of_ray() -> Iterator[None]:
    """Within, the standard streams leave out what Ray writes there of lost workers: the table says so in a word."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_WithoutNotices, streams)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


class _WithoutNotices:
    """A stream that passes on all that is written but the notices of Ray's own processes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._left_out = stream, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or leave out a notice and the end of its line."""
        self._left_out = "(raylet)" in text or (self._left_out and text == "\n")
        return len(text) if self._left_out else self._stream.write(text)
