"""Persistent contrastive divergence: Markov chains that go on from batch to batch (PCD-k)."""

from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor

from deepbelief.learning.fused import Fused
from deepbelief.learning.rbm.negative_phases.base import NegativePhase
from deepbelief.learning.rbm.negative_phases.contrastive_divergence import sample
from deepbelief.learning.rbm.negative_phases.mixing import Trace
from deepbelief.learning.rbm.phases import Phases, keep
from deepbelief.learning.rbm.statistics import Regularisation, Statistics, Workspace
from deepbelief.models.rbm import RBM
from deepbelief.models.units import Units
from deepbelief.randomness import Random
from deepbelief.system.compilation import Compiler
from deepbelief.system.processes import ALONE, Share
from deepbelief.system.products import product


@final
class PersistentContrastiveDivergence(NegativePhase):
    """PCD-k (Tieleman 2008): Markov chains go on from batch to batch, v' ~ p(v | h) and h ~ p(h | v'), k times.

    Args:
        rbm: the model; not changed.
        batch_size: the largest batch.
        chains: hidden states, shape (chains, hidden), that the chains go on from; changed in place.
        gibbs_steps: k.
        products: as for `ContrastiveDivergence`.
        regularisation: as for `ContrastiveDivergence`.
        items: what the chains began at, (chains, visible). A chain of counts of words keeps the number of words of its
            item, so that documents of all lengths are among the chains; if None they are as long as the units say.
        clamped: values of the last k visible units, such as a label's, that each chain keeps: (chains, k). The chains
            then follow p(the others | these), and the statistics are the gradient of its logarithm, in which the
            biases of the k units have no part.
        share: where processes share the chains, which of all of them are here; `chains`, `items` and `clamped` are
            these. `mixing`, `visible_chains` and `state` then bring those of all processes together, and each process
            has to call them.
    """

    def __init__(
        self,
        rbm: RBM,
        batch_size: int,
        chains: Tensor,
        gibbs_steps: int = 1,
        products: torch.dtype | None = None,
        regularisation: Regularisation | None = None,
        items: Tensor | None = None,
        clamped: Tensor | None = None,
        share: Share | None = None,
        compiler: Compiler | None = None,
    ) -> None:
        self._share = share or ALONE.share(len(chains))
        self.gibbs_steps, self.chains = gibbs_steps, chains
        self._workspace = Workspace(rbm, batch_size, len(chains), products, regularisation, compiler=compiler)
        self.narrow = self._workspace.narrow
        seen, compiler = self._workspace.rbm, self._workspace.compiler
        self._hidden = seen.weights.new_empty(chains.shape)
        self._field = seen.weights.new_empty(len(chains), rbm.visible.size)
        self._activity = seen.weights.new_empty(len(chains))
        self._up = Fused(sample, seen.hidden, compiler=compiler)
        self._down = Fused(sample_visible, seen.visible, compiler=compiler)
        self._items = items
        self._clamped = None if clamped is None else clamped.to(seen.weights)
        self._free = rbm.visible.size if clamped is None else rbm.visible.size - clamped.shape[1]
        self._trace = Trace(len(chains), seen.weights)

    @torch.no_grad()
    def statistics(self, visible: Tensor, random: Random, share: Share | None = None) -> Statistics:
        phases = self._workspace.load(visible, len(self.chains), random, share, self._share)
        with random.part_of(self._share.whole, self._share.rows):
            self._advance(phases, random)
        self.chains.copy_(self._hidden)
        activity = self._activity
        found = self._workspace.statistics(phases, model_is_mean=False, positive_is_field=True, activity=activity)
        self._trace.add(activity)
        if self._clamped is not None:
            found.visible[self._free :] = 0
        return found

    def _advance(self, phases: Phases, random: Random) -> None:
        """Gibbs steps of the chains: their v into `phases.model`, E[h | v] into `phases.negative`."""
        weights, hidden = self._workspace.rbm.weights, self._hidden
        hidden.copy_(self.chains)
        for _ in range(self.gibbs_steps):
            keep(hidden, phases.kept_negative)
            field = product(hidden, weights.T, out=self._field)
            self._down(self._items, field, phases.model, random=random)
            if self._clamped is not None:
                phases.model[:, self._free :] = self._clamped
            field = product(phases.model, weights, out=phases.negative)
            self._up(field, None, hidden, random=random)

    @torch.no_grad()
    def visible_chains(self) -> Tensor:
        means = self._workspace.rbm.visible_mean(self.chains)
        if self._clamped is not None:
            means[:, self._free :] = self._clamped
        return self._share.processes.rows_of_all(means, self._share.whole)

    def mixing(self) -> dict[str, float]:
        """The chains' autocorrelation time in updates since the last call, NaN and infinite as `Trace` says."""
        return {"autocorrelation_time": self._trace.autocorrelation_time(self._share)}

    def state(self) -> dict[str, Tensor]:
        return {"chains": self._share.processes.rows_of_all(self.chains, self._share.whole)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        if len(state["chains"]) != self._share.whole:
            raise ValueError(f"there are {self._share.whole} chains, not {len(state['chains'])}")
        self.chains.copy_(state["chains"][self._share.rows])


def sample_visible(visible: Units, items: Tensor | None, field: Tensor, out: Tensor, random: Random) -> None:
    """v into `out`, for each of the items if there are any."""
    if items is None:
        visible.sample_(field, random, out=out)
    else:
        visible.sample_for_(items, field, random, out=out)
