"""Progress and results on the terminal: a live line, or plain lines where the output goes to a file."""

import sys
import time
from typing import Final, final

from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from deepbelief.report.tables import Table as Rows

_SECONDS_BETWEEN_PLAIN_LINES: Final = 30.0


@final
class TerminalProgress:
    """A `StudyProgress` that shows stage, step, time left and a line of metrics; use it in a `with` block."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.fields[stage]}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("{task.fields[line]}", style="dim", markup=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bars.add_task("", stage="", line="", visible=False)
        self._title, self._last_line = "", 0.0

    def __enter__(self) -> "TerminalProgress":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def stage(self, name: str, number: int, total: int, seed: int) -> None:
        """A stage starts."""
        self._title = f"seed {seed} · {number:2d}/{total} {name}"
        self._bars.reset(self._task, total=None, stage=self._title, line="", visible=True)
        self._last_line = time.monotonic()

    def step(self, done: int, total: int, line: str) -> None:
        """Part of the stage is done."""
        self._bars.update(self._task, completed=done, total=total, line=line)
        if not self._console.is_terminal and time.monotonic() - self._last_line > _SECONDS_BETWEEN_PLAIN_LINES:
            self._console.print(Text(f"{self._title}: {done}/{total} {line}"))
            self._last_line = time.monotonic()

    def finished(self, name: str, seconds: float, line: str) -> None:
        """The stage is done."""
        self._bars.update(self._task, visible=False)
        title = self._title if self._title.endswith(f" {name}") else f"{name:>20}"
        self._console.print(Text.assemble(f"{title}  {seconds:.1f} s  ", (line, "dim")), soft_wrap=True)


def download_line(filename: str, done: int, total: int) -> None:
    """A `Progress` of downloads, on the error stream."""
    if sys.stderr.isatty():
        of = f" of {total / 1e6:.1f}" if total else ""
        print(f"\rDownloading {filename}: {done / 1e6:.1f}{of} MB", end="\n" if done == total else "", file=sys.stderr)


def steps_line(what: str, done: int, total: int) -> None:
    """A `Progress` of steps, on the error stream."""
    if sys.stderr.isatty():
        print(f"\r{what}: {done} of {total} steps", end="\n" if done == total else "", file=sys.stderr, flush=True)


def print_results(console: Console, rows: Rows) -> None:
    """Print a table of the report: in parts, below each other, where the terminal is too narrow for all columns."""
    start = 1
    while start < len(rows.header):
        ends = range(len(rows.header), start, -1)
        end = next((end for end in ends if _fits(console, _part(rows, start, end))), start + 1)
        console.print(_part(rows, start, end))
        start = end


def _part(rows: Rows, start: int, end: int) -> Table:
    """The first column, which names the rows, and those from `start` to before `end`."""
    columns = [0, *range(start, end)]
    # As `Text`, since rich reads brackets in a plain string as markup.
    table = Table(title=Text(rows.title, "table.title"))
    longest = max((len(row[0]) for row in rows.rows), default=0)
    table.add_column(Text(rows.header[0]), no_wrap=True, min_width=longest)
    for column in range(start, end):
        table.add_column(Text(rows.header[column]), justify="right")
    for number, row in enumerate(rows.rows):
        table.add_row(*(Text(row[at], "bold" if (number, at) in rows.strong else "") for at in columns))
    return table


def _fits(console: Console, table: Table) -> bool:
    boundless = console.options.update_width(10**6)  # what is measured is never wider than the options
    return Measurement.get(console, boundless, table).minimum <= console.width
