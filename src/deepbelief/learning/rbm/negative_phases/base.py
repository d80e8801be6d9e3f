"""What every negative phase has: where the model's own statistics come from."""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from deepbelief.learning.rbm.statistics import Statistics
from deepbelief.randomness import Random


class NegativePhase(Protocol):
    """Where the model's own statistics come from; `gibbs_steps` may change between batches."""

    gibbs_steps: int

    def statistics(self, visible: Tensor, random: Random) -> Statistics:
        """Statistics of a batch, shape (batch, visible); valid until the next call."""
        ...

    def mixing(self) -> dict[str, float]:
        """How well the Markov chains mixed since the last call; called after each epoch."""
        ...

    def state(self) -> dict[str, Tensor]:
        """The chains, to go on from here."""
        ...

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        ...
