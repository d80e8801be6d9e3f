"""The processes that work on one training together, and the rows of a batch that each of them has."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, final

import torch
from torch import Tensor
from torch import distributed as torch_distributed

from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.system.meeting import meet
from deepbelief.system.shared_memory import SharedMemory

# PyTorch's functions for this have no types.
_distributed: Any = torch_distributed
_SMALL: Final = 2**14  # values of a tensor that is sent together with others
# Some work is done by the first process alone, and the others wait for it. That one of them is gone is not noticed by
# this time but by a closed connection, or by `torchrun`.
_LONGEST_WAIT: Final = timedelta(days=7)


@final
@dataclass(frozen=True)
class Processes:
    """How many processes work together, and which of them this is; with one, every method does nothing.

    All of them have to call a method that sends something, in the same order.
    """

    count: int = 1
    rank: int = 0
    memory: SharedMemory | None = field(default=None, compare=False, repr=False)
    """Through which those of one host add up; None: by messages."""

    @property
    def is_first(self) -> bool:
        """Whether this is the one that prints and writes."""
        return self.rank == 0

    def share(self, whole: int) -> "Share":
        """What this process has of so many rows: a piece of them in order; two pieces differ by one row at most."""
        start, stop = (whole * place // self.count for place in (self.rank, self.rank + 1))
        return Share(whole, slice(start, stop), self)

    def most(self, whole: int) -> int:
        """The most rows that any process has of so many, or of fewer."""
        return -(-whole // self.count)

    @torch.no_grad()
    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Make each tensor, in place, the sum of those of all processes; the small ones travel in one message."""
        if self.count == 1:
            return
        with _sending():
            if self.memory is None or not self.memory.add_up(tensors):
                self._add_up(tensors)

    @staticmethod
    def _add_up(tensors: Sequence[Tensor]) -> None:
        small = [one for one in tensors if one.numel() <= _SMALL]
        waiting = [_distributed.all_reduce(one, async_op=True) for one in tensors if one.numel() > _SMALL]
        if small:
            message = torch.cat([one.reshape(-1) for one in small])
            _distributed.all_reduce(message)
            for one, total in zip(small, torch.split(message, [one.numel() for one in small]), strict=True):
                one.copy_(total.view_as(one))
        for one in waiting:
            one.wait()

    def rows_of_all(self, rows: Tensor, whole: int, dim: int = 0) -> Tensor:
        """The rows of all processes, `whole` of them along a dimension, in order, from those of each."""
        if self.count == 1:
            return rows
        shape = list(rows.shape)
        shape[dim] = whole
        every = rows.new_zeros(shape)
        own = self.share(whole).rows
        every.narrow(dim, own.start, own.stop - own.start).copy_(rows)
        with _sending():
            _distributed.all_reduce(every)  # of zeros elsewhere, which is exact
        return every

    def as_first(self, tensors: Sequence[Tensor]) -> None:
        """Make each tensor, in place, that of the first process."""
        if self.count > 1:
            with _sending():
                for one in tensors:
                    _distributed.broadcast(one.detach(), src=0)

    def first_says(self, answer: bool) -> bool:
        """The answer of the first process, for a question to which each may have another, such as one of time."""
        if self.count == 1:
            return answer
        said = torch.tensor([int(answer)])
        with _sending():
            _distributed.broadcast(said, src=0)
        return bool(said)

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """Within, the first process is at work before the others, so that these find what it has written."""
        if not self.is_first:
            self.first_says(True)
        yield
        if self.is_first:
            self.first_says(True)

    def check_alike(self, *numbers: int) -> None:
        """Raise an error if whole numbers, such as the state of random numbers, are not the same in all processes.

        Raises:
            DeepBeliefError: they differ.
        """
        if self.count == 1:
            return
        own = torch.tensor(numbers, dtype=torch.int64)
        every = [torch.empty_like(own) for _ in range(self.count)]
        with _sending():
            _distributed.all_gather(every, own)
        if not all(torch.equal(one, own) for one in every):
            raise DeepBeliefError(
                "the processes do not have the same data or random numbers: give each of them all of the data, in the "
                "same order, and the same seed."
            )


@contextmanager
def _sending() -> Iterator[None]:
    """Say in one sentence that the other side of a connection is gone, which PyTorch says in its own ways."""
    try:
        yield
    except RuntimeError as error:
        raise DeepBeliefError(
            "another of the processes that learn together has ended, or cannot be reached: see what it says; the same "
            "command goes on from the last checkpoint."
        ) from error


ALONE: Final = Processes()


@final
@dataclass(frozen=True)
class Share:
    """What this process has of rows that all processes have together: of a batch, or of Markov chains."""

    whole: int
    """How many rows there are."""
    rows: slice
    """Those that are here."""
    processes: Processes = ALONE

    @property
    def here(self) -> int:
        """How many are here."""
        return int(self.rows.stop - self.rows.start)

    def mean(self, values: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """The mean over the rows of all processes, (width,), of those that are here, (rows, width).

        Its gradient reaches those that are here.
        """
        if self.processes.count == 1:
            return values.mean(dim=0, dtype=dtype)
        own = values.sum(dim=0, dtype=dtype) / self.whole
        total = own.detach().clone()
        self.processes.add_up([total])
        return own + (total - own.detach())

    def of(self, rows: slice | Tensor) -> slice | Tensor:
        """Those of the whole's rows that are here: positions of items, (whole,), or a slice of as many."""
        if self.here == self.whole:
            return rows
        if isinstance(rows, slice):
            return slice(rows.start + self.rows.start, rows.start + self.rows.stop)
        return rows[self.rows]


_here = ALONE


def here() -> Processes:
    """The processes that work together inside `joined()`; everywhere else this one alone."""
    return _here


def started_together() -> bool:
    """Whether `torchrun`, or what sets the same variables, has started this process as one of several."""
    return {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys() and int(
        os.environ["WORLD_SIZE"]
    ) > 1


@contextmanager
def joined() -> Iterator[Processes]:
    """Within, trainings work together with those of the other processes that `torchrun` has started; alone without.

    Tensors on a CPU travel by gloo, those on a GPU by NCCL. A process group that is there already is taken as it is.

    >>> with joined() as processes:
    ...     processes.count
    1
    """
    global _here
    made = started_together() and not _distributed.is_initialized()
    if made:
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        with _sending():
            store, rank, count = meet()
            _distributed.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=_LONGEST_WAIT)
    before = _here
    if _distributed.is_available() and _distributed.is_initialized():
        count, rank = _distributed.get_world_size(), _distributed.get_rank()
        _here = Processes(count, rank, SharedMemory(count, rank))
    try:
        yield _here
        if made:
            # A thread of gloo may still have the last tensor, and must not give it back while Python ends. Its own
            # barrier has none (https://github.com/pytorch/pytorch/pull/179291).
            with _sending():
                _distributed.barrier()
    finally:
        _here = before
        if made:
            _distributed.destroy_process_group()


@contextmanager
def alone() -> Iterator[None]:
    """Within, this process works on its own: for work inside `joined()` that one of the processes does for all."""
    global _here
    before, _here = _here, ALONE
    try:
        yield
    finally:
        _here = before


def own_device() -> torch.device:
    """The GPU of this process among those of its host, each of which has one process.

    Raises:
        SettingsError: there are fewer of them than processes.
    """
    place = int(os.environ.get("LOCAL_RANK", 0))
    if place >= torch.cuda.device_count():
        raise SettingsError(
            f"there is no GPU for process {place} of this host, which has {torch.cuda.device_count()}: start as many "
            "processes as there are GPUs, or give --device cpu."
        )
    return torch.device("cuda", place)
