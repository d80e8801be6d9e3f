"""What every negative phase has: where the model's own statistics come from."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor

from deepbelief.learning.rbm.negative_phases.mixing import Trace
from deepbelief.learning.rbm.statistics import Narrow, Statistics, Workspace
from deepbelief.randomness import Random
from deepbelief.system.processes import Share
from deepbelief.system.products import product


class NegativePhase(ABC):
    """Where the model's own statistics come from; one that keeps nothing from batch to batch has only `statistics`."""

    gibbs_steps: int
    """May change between batches."""

    rate_share: float = 1.0
    """The share of the learning rate that an update may have. It falls where updates have been undone as too large."""

    narrow: Narrow | None = None
    """The copy of the weights that the products are done with, if there is one that an update may write."""

    @abstractmethod
    def statistics(self, visible: Tensor, random: Random, share: Share | None = None) -> Statistics:
        """Statistics of a batch, shape (batch, visible); valid until the next call.

        Of a batch that processes share, `visible` has the rows that are here, and `share` says which these are.
        """

    def mixing(self) -> dict[str, float]:
        """How well the Markov chains mixed since the last call; called after each epoch."""
        return {}

    def visible_chains(self) -> Tensor | None:
        """Where the Markov chains are, (chains, visible): E[v | h] of those that keep h. None where there are none."""
        return None

    def log_z(self, random: Random) -> tuple[float, float] | None:
        """log Z of the RBM as it is now and its standard error, in nats; None where the chains do not tell it."""
        return None

    def state(self) -> dict[str, Tensor]:
        """The chains, to go on from here between epochs."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Go on from what `state` gave."""


def statistics_of_states(
    workspace: Workspace, visible: Tensor, states: Tensor, trace: Trace, random: Random
) -> Statistics:
    """Statistics of a batch beside these states of the model, (chains, visible)."""
    phases = workspace.load(visible, len(states), random)
    phases.model.copy_(states)
    product(phases.model, workspace.rbm.weights, out=phases.negative)
    activity = states.new_empty(len(states))
    statistics = workspace.statistics(
        phases, model_is_mean=False, positive_is_field=True, negative_is_field=True, activity=activity
    )
    trace.add(activity)
    return statistics
