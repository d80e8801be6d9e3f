"""Contrastive divergence: short Markov chains that start at the data (CD-k)."""

from typing import final

import torch
from torch import Tensor

from deepbelief.learning.fused import Fused
from deepbelief.learning.rbm.negative_phases.base import NegativePhase
from deepbelief.learning.rbm.phases import Phases, keep
from deepbelief.learning.rbm.statistics import Regularisation, Statistics, Workspace
from deepbelief.models.rbm import RBM
from deepbelief.models.units import Units
from deepbelief.randomness import Random
from deepbelief.system.compilation import Compiler
from deepbelief.system.processes import Share
from deepbelief.system.products import product


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
        compiler: compiles the element-wise work; None: nothing is compiled.
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
        compiler: Compiler | None = None,
    ) -> None:
        self.gibbs_steps = gibbs_steps
        self._workspace = Workspace(rbm, batch_size, batch_size, products, regularisation, missing, compiler)
        self.narrow = self._workspace.narrow
        seen, compiler = self._workspace.rbm, self._workspace.compiler
        self._hidden = seen.weights.new_empty(batch_size, rbm.hidden.size)
        self._means = seen.weights.new_empty(batch_size, rbm.visible.size) if visible_samples else None
        self._difference = rbm.weights.new_empty(batch_size, rbm.visible.size)
        self._squared_error = rbm.weights.new_empty(())
        self._up = Fused(sample, seen.hidden, compiler=compiler)
        self._down = Fused(reconstruct, seen.visible, compiler=compiler, scratch=1)
        self._further_down = Fused(reconstruct, seen.visible, compiler=compiler, scratch=1)

    @torch.no_grad()
    def statistics(self, visible: Tensor, random: Random, share: Share | None = None) -> Statistics:
        phases = self._workspace.load(visible, visible.shape[0], random, share, share)
        if share is None:
            return self._sampled(phases, random)
        with random.part_of(share.whole, share.rows):
            return self._sampled(phases, random)

    def _sampled(self, phases: Phases, random: Random) -> Statistics:
        weights, n = self._workspace.rbm.weights, phases.data.shape[0]
        hidden, kept, known = self._hidden[:n], phases.kept_positive, phases.known
        means = None if self._means is None else self._means[:n]
        field = phases.positive
        for step in range(self.gibbs_steps):
            self._up(field, kept, hidden, random=random)
            product(hidden, weights.T, out=phases.model if means is None else means)
            if step == 0:
                scratch = self._difference[:n]
                self._down(phases.data, means, phases.model, known, self._squared_error, scratch, random=random)
            else:
                self._further_down(phases.data, means, phases.model, known, None, None, random=random)
            field = product(phases.model, weights, out=phases.negative)
        if kept is not None:
            phases = phases._replace(kept_negative=kept)  # the chain of an item lacks what the item lacks
        return self._workspace.statistics(
            phases, self._squared_error, model_is_mean=means is None, negative_is_field=True
        )


def sample(hidden: Units, field: Tensor, kept: Tensor | None, out: Tensor, random: Random) -> None:
    """h into `out` and E[h | v] over the field."""
    keep(hidden.sample_(field, random, out=out), kept)


def reconstruct(
    visible: Units,
    data: Tensor,
    means: Tensor | None,
    model: Tensor,
    known: Tensor | None,
    squared_error: Tensor | None,
    scratch: Tensor | None,
    random: Random,
) -> None:
    """v' and E[v' | h] from the field in `means`, in place; without `means` E[v' | h] alone, from the field in `model`.

    `squared_error` becomes the sum of (v - E[v' | h])^2.
    """
    if means is None:
        means = keep(visible.mean_for_(data, model), known)
    else:
        keep(visible.sample_for_(data, means, random, out=model), known)
        keep(means, known)
    if squared_error is not None:
        difference = torch.sub(data, means, out=scratch)
        torch.linalg.vector_norm(difference, dtype=squared_error.dtype, out=squared_error).square_()
