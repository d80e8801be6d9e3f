"""Contrastive divergence: short Markov chains that start at the data (CD-k)."""

from typing import final

import torch
from torch import Tensor

from deepbelief.learning.rbm.negative_phases.base import NegativePhase
from deepbelief.learning.rbm.statistics import Phases, Regularisation, Statistics, Workspace, keep
from deepbelief.models.rbm import RBM
from deepbelief.randomness import Random
from deepbelief.system.processes import ALONE, Share


@final
class ContrastiveDivergence(NegativePhase):
    """CD-k (Hinton 2002): p = E[h | v]; h ~ p; v' ~ p(v | h); p' = E[h | v']; with h ~ p' k - 1 times on.

    That is a Gibbs chain: with k its end comes near to a sample of the model, and the statistics near to the gradient.
    Without `visible_samples` v' = E[v | h]: it has less noise, but is no Gibbs chain, and its bias grows with k.

    Args:
        rbm: the model; not changed.
        batch_size: the largest batch.
        gibbs_steps: k.
        products: the type of the matrix products, where it is another than the parameters'.
        regularisation: dropout and sparsity of the hidden units.
        visible_samples: whether v' is a sample or the mean.
        missing: whether values of the data may be missing (NaN): the unit then takes no part in either phase.
    """

    def __init__(
        self,
        rbm: RBM,
        batch_size: int,
        gibbs_steps: int = 1,
        products: torch.dtype | None = None,
        regularisation: Regularisation | None = None,
        visible_samples: bool = True,
        missing: bool = False,
    ) -> None:
        self.gibbs_steps = gibbs_steps
        self._workspace = Workspace(rbm, batch_size, batch_size, products, regularisation, missing)
        like = self._workspace.rbm.weights
        self._hidden = like.new_empty(batch_size, rbm.hidden.size)
        self._means = like.new_empty(batch_size, rbm.visible.size) if visible_samples else None
        self._difference = rbm.weights.new_empty(batch_size, rbm.visible.size)
        self._sum, self._squared_error = torch.empty_like(rbm.visible.bias), rbm.weights.new_empty(())

    @torch.no_grad()
    def statistics(self, visible: Tensor, random: Random, share: Share | None = None) -> Statistics:
        share = share or ALONE.share(len(visible))
        phases = self._workspace.load(visible, len(visible), random, share, share)
        with random.part_of(share.whole, share.rows):
            return self._sampled(phases, random)

    def _sampled(self, phases: Phases, random: Random) -> Statistics:
        rbm, n = self._workspace.rbm, len(phases.data)
        kept, hidden, difference = phases.kept_positive, self._hidden[:n], self._difference[:n]
        means = phases.model if self._means is None else self._means[:n]
        field = phases.positive
        for step in range(self.gibbs_steps):
            keep(rbm.hidden.sample_(field, random, out=hidden), kept)
            torch.mm(hidden, rbm.weights.T, out=means)
            if means is phases.model:
                rbm.visible.mean_for_(phases.data, means)
            else:
                rbm.visible.sample_for_(phases.data, means, random, out=phases.model)  # leaves the means in `means`
                keep(phases.model, phases.known)
            keep(means, phases.known)
            field = torch.mm(phases.model, rbm.weights, out=phases.negative)
            if step == 0:
                flat = torch.sub(phases.data, means, out=difference).view(-1)
                torch.dot(flat, flat, out=self._squared_error)
        keep(rbm.hidden.mean_(field), kept)
        keep(phases.positive, kept)
        if self.gibbs_steps > 1 or means is not phases.model:
            torch.sub(phases.data, phases.model, out=difference)
        total = torch.sum(difference, dim=0, out=self._sum)
        return self._workspace.statistics(n, total, self._squared_error, model_is_mean=means is phases.model)
