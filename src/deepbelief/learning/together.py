"""What processes that learn together do besides adding up: reading their rows of a batch, and staying alike."""

import zlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from deepbelief.data import Rows
from deepbelief.randomness import Random
from deepbelief.system.processes import Processes, Share


def read_share(
    processes: Processes, read: Callable[[Any], Tensor], rows: Rows, random: Random
) -> tuple[Tensor, Share | None]:
    """What `read` gives for those rows of a batch that are here, and which these are; in one process of all, and None.

    Args:
        processes: that share the batch.
        read: reads items, (rows,) -> (rows, width), or a loss of them, and may draw from `random`.
        rows: of the whole batch, the same in each process.
        random: the same in each process.
    """
    if processes.count == 1:
        return read(rows), None
    share = processes.share(rows.stop - rows.start if isinstance(rows, slice) else len(rows))
    with random.part_of(share.whole, share.rows):
        return read(share.of(rows)), share


def begin_alike(processes: Processes, model: nn.Module, random: Random, items: int) -> None:
    """Let all processes begin an epoch with the parameters of the first one; no cost in one process alone.

    Processors of different kinds round differently; what they add to parameters may then come apart over many steps.

    Args:
        processes: that share the epoch.
        model: changed in place.
        random: whose state has to be the same in each.
        items: how many are learnt from, the same in each.

    Raises:
        DeepBeliefError: the processes have other random numbers, or other data.
    """
    if processes.count == 1:
        return
    states = [zlib.crc32(state.numpy().tobytes()) for _, state in sorted(random.state().items())]
    processes.check_alike(items, *states)
    with torch.no_grad():
        processes.as_first([*model.parameters()])
