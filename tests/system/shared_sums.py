"""A program that adds up tensors over processes, and meets what can go wrong.

python -m tests.system.shared_sums sums FOLDER      # of many sizes, in memory of files in FOLDER, and without
python -m tests.system.shared_sums killed FOLDER    # a process ends in the middle
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import psutil
import torch
from torch import Tensor

from deepbelief.randomness import Random
from deepbelief.system import shared_memory
from deepbelief.system.processes import Processes, joined
from deepbelief.system.shared_memory import SharedMemory

SIZES = [(3, 5), (1,), (), (300, 70), (2, 0), (64,), (20_000,)]


def sums(processes: Processes, folder: Path) -> None:
    """In shared memory; and right as well where a folder lacks, or memory, or where one process is on another host."""
    check_sums(processes, possible=True)
    mixed = [torch.ones(2), torch.ones(3, dtype=torch.float64)]
    processes.add_up(mixed)
    assert [one.sum().item() for one in mixed] == [2 * processes.count, 3 * processes.count]

    missing, is_one = patch.object(shared_memory, "_FOLDER", folder / "missing"), processes.rank == 1
    with missing:
        check_sums(processes, possible=False)
    with patch.object(os, "posix_fallocate", side_effect=OSError(28, "No space left on device")):
        check_sums(processes, possible=False)
    if is_one:
        missing.start()
    check_sums(processes, possible=False)
    if is_one:
        missing.stop()
        patch.object(psutil.Process, "create_time", return_value=1.0).start()
    check_sums(processes, possible=False)


def check_sums(processes: Processes, possible: bool) -> None:
    """Sums are right whichever way they go, and they go the way that is expected."""
    memory = SharedMemory(processes.count, processes.rank)
    for number in range(40):
        dtype = (torch.float32, torch.float64)[number % 2]
        every = [parts(number, rank, dtype) for rank in range(processes.count)]
        found, expected = every[processes.rank], [sum(of_all) for of_all in zip(*every, strict=True)]
        expected = [one.clone() for one in expected]
        if number % 3 == processes.rank:
            time.sleep(0.002)  # another one comes late each time
        if number % 4:
            Processes(processes.count, processes.rank, memory).add_up(found)
        else:
            assert memory.add_up(found) is possible
        if number % 4 or possible:
            torch.testing.assert_close(found, expected, rtol=0, atol=0 if possible else 1e-6)


def parts(number: int, rank: int, dtype: torch.dtype) -> list[Tensor]:
    """What a process adds to a sum: of other sizes each time."""
    chosen = SIZES[number % len(SIZES) :]
    return [Random(number, f"{rank} {place}").uniform(shape).to(dtype) for place, shape in enumerate(chosen)]


def killed(processes: Processes, folder: Path) -> None:
    for number in range(100):
        if (processes.rank, number) == (1, 5):
            os.kill(os.getpid(), signal.SIGKILL)
        processes.add_up([torch.ones(100)])


WORK: dict[str, Callable[[Processes, Path], None]] = {"sums": sums, "killed": killed}

if __name__ == "__main__":
    torch.set_num_threads(1)
    given = Path(sys.argv[2])
    with patch.object(shared_memory, "_FOLDER", given), joined() as together:
        WORK[sys.argv[1]](together, given)
