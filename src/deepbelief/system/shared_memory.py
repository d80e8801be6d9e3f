"""Sums over the processes of one host, through memory that all of them see."""

import os
import platform
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, final

import psutil
import torch
from torch import Tensor
from torch import distributed as torch_distributed

_distributed: Any = torch_distributed  # whose functions have no types
_FOLDER: Final = Path("/dev/shm")  # Linux keeps its files in memory
# Others have to see what one process writes in the order in which it wrote it; processors of other kinds may swap that.
_ORDERED: Final = platform.machine() in ("x86_64", "AMD64")
_LINE: Final = 64  # bytes of the processor's caches that travel together
_PATIENCE: Final = 0.05  # seconds in which to look without a pause: it takes long to wake a core that has gone to sleep
_PAUSE: Final = 0.0005  # seconds between two looks after that
_LOOK: Final = 0.2  # seconds between two looks whether the others are alive


@final
class SharedMemory:
    """Memory in which each process of a host has a place for its part of a sum.

    All processes write; when all have written, each adds up its own piece of the values; when all have added, they read
    the sums. Nobody sleeps while it waits for the others, so that short steps stay short. There are two areas that take
    turns: whoever begins the next sum writes to the other one, and disturbs nobody who still reads.

    It is for Linux on x86-64. Where a process is on another host, or there is not enough of such memory, `add_up` says
    so in every process.
    """

    def __init__(self, count: int, rank: int) -> None:
        self._count, self._rank = count, rank
        self._possible = count > 1 and _ORDERED and hasattr(os, "posix_fallocate")
        self._others: list[psutil.Process] = []
        self._steps = torch.zeros(count, 1, dtype=torch.int64)  # that each process has done
        self._areas = torch.empty(2, count, 0, dtype=torch.uint8)
        self._done = self._turn = 0

    def add_up(self, tensors: Sequence[Tensor]) -> bool:
        """Make each tensor, in place, the sum of those of all processes, the same bit by bit in all of them.

        Args:
            tensors: on a CPU and of one type; in each process of the same shapes.

        Returns:
            Whether that was possible here, which is the same in all processes. If not, the tensors are as they were.

        Raises:
            RuntimeError: one of the other processes has ended.
        """
        kinds = {(one.device.type, one.dtype) for one in tensors}
        if not self._possible or len(kinds) != 1 or kinds.pop()[0] != "cpu":
            return False
        sizes, dtype = [one.numel() for one in tensors], tensors[0].dtype
        length = sum(sizes)
        if length * dtype.itemsize > self._areas.shape[2] and not self._enlarge(length * dtype.itemsize):
            return False
        self._turn = 1 - self._turn
        values = self._areas[self._turn, :, : length * dtype.itemsize].view(dtype)
        torch.cat([one.reshape(-1) for one in tensors], out=values[self._rank])
        self._wait_for_all()
        start, stop = (length * place // self._count for place in (self._rank, self._rank + 1))
        total, *others = values[:, start:stop]
        for other in others:
            total += other
        self._wait_for_all()
        for one, summed in zip(tensors, torch.split(values[0], sizes), strict=True):
            one.copy_(summed.view_as(one))
        return True

    def _wait_for_all(self) -> None:
        """Return when all processes have come to this place."""
        self._done += 1
        self._steps[self._rank, 0] = self._done
        began = looked = time.perf_counter()
        while int(self._steps[:, 0].min()) < self._done:
            os.sched_yield()  # where there are more processes than cores, the others need this one
            now = time.perf_counter()
            if now - began > _PATIENCE:
                time.sleep(_PAUSE)
            if now - looked > _LOOK:
                looked = now
                if not all(_lives(other) for other in self._others):
                    raise RuntimeError("one of the processes has ended")

    def _enlarge(self, size: int) -> bool:
        """Let all processes have areas with places of `size` bytes; False if one of them cannot."""
        size = -(-size // _LINE) * _LINE
        every, own = torch.empty(self._count, 2, dtype=torch.float64), psutil.Process()
        _distributed.all_gather(list(every), torch.tensor([own.pid, own.create_time()], dtype=torch.float64))
        self._others = [one for one in map(_found, every.tolist()) if one is not None]
        name = torch.tensor(list(uuid.uuid4().bytes), dtype=torch.uint8)
        _distributed.broadcast(name, src=0)
        path = _FOLDER / f"deepbelief-{bytes(name.tolist()).hex()}"
        whole = self._count * _LINE + 2 * self._count * size
        try:
            made = torch.tensor([int(self._rank > 0 or _make(path, whole))])
            _distributed.all_reduce(made, _distributed.ReduceOp.MIN)
            memory = _map(path, whole) if made and len(self._others) == self._count else None
            everyone = torch.tensor([int(memory is not None)])
            _distributed.all_reduce(everyone, _distributed.ReduceOp.MIN)
        finally:
            if self._rank == 0:
                path.unlink(missing_ok=True)  # the memory stays until nobody uses it any more
        self._possible = bool(everyone)
        if memory is not None:
            steps, areas = torch.split(memory, [self._count * _LINE, 2 * self._count * size])
            self._steps = steps.view(torch.int64).view(self._count, -1)
            self._areas = areas.view(2, self._count, size)
        return self._possible


def _found(told: list[float]) -> psutil.Process | None:
    """The process with a number and a time of birth; None if it is not on this host, or cannot be seen from here."""
    try:
        process = psutil.Process(int(told[0]))
        return process if abs(process.create_time() - told[1]) < 1 else None
    except psutil.Error:
        return None


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _make(path: Path, size: int) -> bool:
    """Make a file for which there is memory; whether that was possible."""
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            os.posix_fallocate(file, 0, size)
        finally:
            os.close(file)
    except OSError:  # there is no such folder, no right to write there, or too little memory, as in many containers
        return False
    return True


def _map(path: Path, size: int) -> Tensor | None:
    """The bytes of a file; None if this process does not see it."""
    try:
        return torch.from_file(str(path), shared=True, size=size, dtype=torch.uint8) if path.exists() else None
    except (OSError, RuntimeError):
        return None
