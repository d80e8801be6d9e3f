"""Follows a training with logs of its epochs."""

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from deepbelief.learning.course import AnyRecord

R = TypeVar("R", bound=AnyRecord, covariant=True)


class Log(Protocol):
    """What is told of every epoch of a training."""

    def begin(self, records: Sequence[AnyRecord]) -> None:
        """A training begins, or goes on after these records."""

    def write(self, record: AnyRecord) -> None:
        """An epoch is over."""


class Followed(Protocol[R]):
    """A training of any kind."""

    @property
    def records(self) -> Sequence[R]:
        """One for each epoch so far."""

    def epochs(self) -> Iterator[R]:
        """Train; one record after each epoch, and after a `restore` only the epochs that are left."""


def follow(training: Followed[R], *logs: Log) -> Iterator[R]:
    """The epochs of a training, each of which is in the logs before it is given: train by iterating over them.

    Call it after `training.restore`, if there is something to restore: logs then go on where the training does, and
    epochs that they have from before an interruption are not there twice.

    >>> import tempfile
    >>> from deepbelief import DBN, Pretraining, RBMSettings
    >>> from deepbelief.watching import MetricsLog
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     training = Pretraining(DBN.from_sizes([2, 1], 0), [[0.0, 1.0]], RBMSettings(epochs=2))
    ...     [record.epoch for record in follow(training, MetricsLog(folder))]
    [1, 2]
    """
    told = len(training.records)
    for log in logs:
        log.begin(training.records)
    for record in training.epochs():
        for new in training.records[told:]:  # of all layers, where they learn together
            for log in logs:
                log.write(new)
        told = len(training.records)
        yield record
