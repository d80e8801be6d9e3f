"""One update of an RBM, from a batch to new weights."""

from collections.abc import Mapping
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.checkpoint import tensors_under
from deepbelief.learning.rbm.moments import Moments
from deepbelief.learning.rbm.momentum import Momentum
from deepbelief.learning.rbm.negative_phases.base import NegativePhase
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.learning.rbm.update import Centring, MakeOptimizer, OptimizerUpdate, Update, clip, penalise
from deepbelief.models.rbm import RBM
from deepbelief.randomness import Random
from deepbelief.system.compilation import Compiler
from deepbelief.system.processes import Share, here


@final
class Step:
    """One update of an RBM, and what is measured of it. With CD-1, momentum m, rate r and decay d it is, of n items v,

        p = E[h | v]                                    Workspace.load, called by the negative phase
        h ~ p;  v' ~ p(v | h);  p' = E[h | v']          ContrastiveDivergence.statistics: one Gibbs step from the data
        S = v^T p - v'^T p'                             Workspace.statistics: one product for both terms
        velocity = m velocity + r (S / n - d W)         Momentum.update
        W += velocity

    and the same for the biases, with the sums of v - v' and p - p', without decay. Where processes share the batch,
    each has its rows of v, p, v' and p'; S and the other sums are added up over them, and the rest is the same in each.

    Args:
        rbm: changed in place.
        phase: gives p, v' and p', by whatever Markov chains.
        settings: how.
        optimizer: makes an optimizer of PyTorch that takes the place of momentum.
        compiler: compiles the update by momentum; None: nothing is compiled.
    """

    def __init__(
        self,
        rbm: RBM,
        phase: NegativePhase,
        settings: RBMSettings,
        optimizer: MakeOptimizer | None = None,
        compiler: Compiler | None = None,
    ) -> None:
        self._rbm, self._settings = rbm, settings
        self.phase: Final = phase
        self._centring = Centring(rbm) if settings.centring else None
        # A long step makes large values larger, and the next step longer. A norm of about 1 is usual for them.
        self._max_norm = settings.max_gradient_norm
        if self._max_norm is None:
            self._max_norm = 0.0 if max(rbm.visible.highest, rbm.hidden.highest) <= 1 else 1.0
        changed = settings.centring or settings.l1 or self._max_norm or here().count > 1
        narrow = None if changed else phase.narrow
        self.update: Final[Update] = (
            Momentum(rbm, compiler, narrow) if optimizer is None else OptimizerUpdate(rbm, optimizer)
        )
        device = rbm.weights.device
        self.squared_error: Final = torch.zeros((), dtype=torch.float64, device=device)
        """The sum of (v - E[v' | h])^2 of all items and units, for whoever sets it to 0 to read."""
        self.errors, self.sizes = Moments(device), Moments(device)
        """With `batch_statistics`: each batch's reconstruction error, and the size of its update."""

    @torch.no_grad()
    def __call__(
        self, visible: Tensor, random: Random, learning_rate: float, momentum: float, share: Share | None = None
    ) -> Tensor:
        """Learn from a batch, (batch, visible), and return its p, (batch, hidden); with dropout 0 for absent units.

        It is overwritten at the next call. With a share, both have the rows that are here.
        """
        settings = self._settings
        rate_share = self.phase.rate_share
        statistics = self.phase.statistics(visible, random, share)
        if share is not None:
            statistics.add_up(share)
        if self.phase.rate_share < rate_share:  # the RBM went back, and momentum would lead it where it came from
            self.update.forget()
        if statistics.squared_error is not None:
            self.squared_error.add_(statistics.squared_error)
        if self._centring is not None:
            statistics = self._centring.apply(statistics, share)
        if settings.l1:
            penalise(statistics, self._rbm, settings.l1)
        if self._max_norm:
            clip(statistics.by_parameter().values(), self._max_norm * statistics.batch_size)
        if settings.dropout:  # the gradient is that of W / kept, so that W moves `kept` times as far
            statistics.weights.mul_(settings.regularisation.kept)
        self.update.update(statistics, learning_rate, momentum, settings.weight_decay, self.phase.rate_share)
        if settings.batch_statistics:
            self.sizes.add(self.update.size())
            if statistics.squared_error is not None:
                self.errors.add(statistics.squared_error / self._rbm.visible.size)
        assert statistics.data_hidden is not None  # every negative phase gives them
        return statistics.data_hidden

    def begin(self) -> None:
        """Take the parameters as they are now: between epochs, others may change them."""
        if self.phase.narrow is not None:
            self.phase.narrow.are_new = False

    def state(self) -> dict[str, Tensor]:
        """What is kept from batch to batch, as named tensors."""
        tensors = {f"update.{name}": tensor for name, tensor in self.update.state().items()}
        tensors |= {f"phase.{name}": tensor for name, tensor in self.phase.state().items()}
        if self._centring is not None:
            tensors |= {f"offset.{name}": tensor for name, tensor in self._centring.offsets.items()}
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        self.update.restore(tensors_under("update.", tensors))
        if self._centring is not None:
            for name, tensor in tensors_under("offset.", tensors).items():
                self._centring.offsets[name].copy_(tensor)
        self.phase.restore(tensors_under("phase.", tensors))
