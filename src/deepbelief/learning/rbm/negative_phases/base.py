"""What every negative phase has: where the model's own statistics come from."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor

from deepbelief.learning.rbm.statistics import Statistics
from deepbelief.randomness import Random


class NegativePhase(ABC):
    """Where the model's own statistics come from; one that keeps nothing from batch to batch has only `statistics`."""

    gibbs_steps: int
    """May change between batches."""

    @abstractmethod
    def statistics(self, visible: Tensor, random: Random) -> Statistics:
        """Statistics of a batch, shape (batch, visible); valid until the next call."""

    def mixing(self) -> dict[str, float]:
        """How well the Markov chains mixed since the last call; called after each epoch."""
        return {}

    def state(self) -> dict[str, Tensor]:
        """The chains, to go on from here between epochs."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Go on from what `state` gave."""
