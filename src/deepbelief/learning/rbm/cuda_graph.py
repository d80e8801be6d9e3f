"""A training step that CUDA repeats as one graph, without the gaps between its many small launches."""

from collections.abc import Callable
from typing import final

import torch

from deepbelief.data import Rows
from deepbelief.randomness import Random

Capture = Callable[[Callable[[], None], Random], Callable[[], None]]


def cuda_graph(work: Callable[[], None], random: Random) -> Callable[[], None]:
    """Record what `work` launches, without running it; calling the result runs it."""
    with torch.cuda.device(random.device):
        graph = torch.cuda.CUDAGraph()
        random.join(graph)
        stream = torch.cuda.Stream(random.device)  # type: ignore[no-untyped-call]
        with torch.cuda.graph(graph, stream=stream):
            work()
    return graph.replay


@final
class Replayed:
    """A step on a batch's rows, recorded once and then replayed.

    The step reads nothing back to the host and takes no memory of changing size. Its first call runs as it is, because
    libraries set themselves up in it; the second is recorded. A batch of another size runs as it is.
    """

    def __init__(
        self, step: Callable[[Rows], None], batch_size: int, random: Random, capture: Capture = cuda_graph
    ) -> None:
        self._step, self._random, self._capture = step, random, capture
        self._rows = torch.zeros(batch_size, dtype=torch.int64, device=random.device)  # where the graph looks
        self._calls = 0
        self._replay: Callable[[], None] | None = None

    def __call__(self, rows: Rows) -> None:
        """Do the step on the items at `rows`; positions on the device can be replayed, a slice cannot."""
        if isinstance(rows, slice) or len(rows) != len(self._rows):
            self._step(rows)
            return
        self._rows.copy_(rows)
        self._calls += 1
        if self._calls == 1:
            self._step(self._rows)
            return
        if self._replay is None:
            self._replay = self._capture(lambda: self._step(self._rows), self._random)
        self._replay()
