"""The figures of every epoch in two files, for people and for programs."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

from deepbelief.learning.course import AnyRecord
from deepbelief.system.atomic import append, write_atomically
from deepbelief.watching.figures import figures_of, place_of

Row = dict[str, float]


@final
class MetricsLog:
    """The log of one training, for `follow`: `metrics.jsonl` and `metrics.csv` in a folder of its own.

    Each epoch, and with several layers each epoch of a layer, is a line in both: its layer, its number, and all figures
    of its record. In the table a column stays empty where an epoch has no such figure. Whatever ends the training, all
    lines are whole: they are written one by one as the epochs end. A training that goes on after an interruption
    continues its log; one that begins anew replaces the log when its first epoch is over.

    Args:
        folder: where; made if it is not there.

    Raises:
        OSError: while it is followed, the folder cannot be written; the error names the file.
    """

    def __init__(self, folder: Path | str) -> None:
        self._jsonl, self._csv = Path(folder) / "metrics.jsonl", Path(folder) / "metrics.csv"
        self.begin([])

    def begin(self, records: Sequence[AnyRecord]) -> None:
        """The training begins, or goes on after these records."""
        self._rows: list[Row] = [_row(record) for record in records]
        self._columns: list[str] = []  # none: the files are not yet of this training

    def write(self, record: AnyRecord) -> None:
        """An epoch is over."""
        new, columns = _row(record), self._columns
        self._rows.append(new)
        if columns:
            append(self._jsonl, _json_lines([new]))
        else:
            write_atomically(self._jsonl, _json_lines(self._rows))
        if columns and {*new} <= {*columns}:
            append(self._csv, _table_lines([new], columns))
        else:
            self._columns = list(dict.fromkeys(name for row in self._rows for name in row))
            names = dict(zip(self._columns, self._columns, strict=True))
            write_atomically(self._csv, _table_lines([names, *self._rows], self._columns))


def _row(record: AnyRecord) -> Row:
    return {**place_of(record), **figures_of(record)}


def _json_lines(rows: Sequence[Row]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def _table_lines(rows: Sequence[Mapping[str, float | str]], columns: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.DictWriter(text, columns, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
