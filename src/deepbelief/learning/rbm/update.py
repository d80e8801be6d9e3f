"""From statistics to new parameters: penalties, centring, clipping, optimizers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final, final

import torch
from torch import Tensor, nn

from deepbelief.learning.course import optimizer_memory, restore_optimizer
from deepbelief.learning.rbm.statistics import Statistics
from deepbelief.models.rbm import RBM
from deepbelief.system.processes import ALONE, Share

MakeOptimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
"""Makes an optimizer of parameters."""


@final
class Centring:
    """The centred gradient, that of an energy with (v - mu) W (h - lambda); mu, lambda follow the means of v and h.

    From the sums S of data minus model: C = S_W - mu S_h^T - S_v lambda^T along the weights, S_v - C lambda along the
    visible biases, S_h - C^T mu along the hidden ones. The model stays the same RBM; only the direction changes, and no
    longer depends on which of its two states a unit calls 1 (Melchior, Fischer & Wiskott 2016; offsets of the data).

    Args:
        rbm: its sizes and device.
        rate: how fast the offsets follow: offset += rate (mean of the batch - offset).
    """

    def __init__(self, rbm: RBM, rate: float = 0.01) -> None:
        self.rate: Final = rate
        self.offsets = {
            "visible": torch.full_like(rbm.visible.bias, torch.nan),
            "hidden": torch.full_like(rbm.hidden.bias, torch.nan),
        }

    @torch.no_grad()
    def apply(self, statistics: Statistics, share: Share | None = None) -> Statistics:
        """Statistics along the centred direction; the offsets move first. The given ones are overwritten.

        With a share, the offsets follow the means over the rows of all processes.
        """
        share = share or ALONE.share(statistics.batch_size)
        mu = self._moved("visible", statistics.data_visible, share)
        lam = self._moved("hidden", statistics.data_hidden, share)
        weights = statistics.weights.addr_(mu, statistics.hidden, alpha=-1).addr_(statistics.visible, lam, alpha=-1)
        return replace(
            statistics,
            weights=weights,
            visible=torch.addmv(statistics.visible, weights, lam, alpha=-1),
            hidden=torch.addmv(statistics.hidden, weights.T, mu, alpha=-1),
        )

    def _moved(self, side: str, values: Tensor | None, share: Share) -> Tensor:
        assert values is not None  # every negative phase gives them
        offset = self.offsets[side]
        mean = share.mean(values, offset.dtype)
        # The first batch sets them: NaN marks an offset that has seen none.
        offset.copy_(torch.where(offset.isnan(), mean, offset.lerp(mean, self.rate)))
        return offset


@torch.no_grad()
def penalise(statistics: Statistics, rbm: RBM, l1: float) -> None:
    """Subtract the slope of l1 * sum |W|, per item, from the statistics in place."""
    statistics.weights.sub_(torch.sign(rbm.weights), alpha=l1 * statistics.batch_size)


@torch.no_grad()
def clip(sums: Iterable[Tensor], limit: float) -> None:
    """Scale sums in place so that their common Euclidean norm is at most `limit` (Pascanu et al. 2013)."""
    tensors = list(sums)
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(one) for one in tensors]))
    scale = (limit / norm).clamp_(max=1.0)
    for one in tensors:
        one.mul_(scale)


class Update(ABC):
    """How an RBM's parameters move along the statistics of a batch."""

    @abstractmethod
    def update(
        self,
        statistics: Statistics,
        learning_rate: float,
        momentum: float,
        weight_decay: float,
        rate_share: float = 1.0,
    ) -> None:
        """Change the RBM's parameters by one step at this share of the rate; the statistics are overwritten."""

    @abstractmethod
    def size(self) -> Tensor:
        """The sum of |dW| over all weights at the last step, shape ()."""

    @abstractmethod
    def forget(self) -> None:
        """Start anew, without any memory of earlier steps."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """What is kept from step to step, as named tensors."""

    @abstractmethod
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""


@final
class OptimizerUpdate(Update):
    """A step of a PyTorch optimizer along the gradient of the mean log-likelihood.

    Its own learning rate, of which `update` may be given a share, momentum and weight decay count; those that `update`
    is given do not.

    Args:
        rbm: changed in place.
        make: an optimizer of the parameters that it is given, such as `functools.partial(torch.optim.Adam, lr=0.001)`.
    """

    def __init__(self, rbm: RBM, make: MakeOptimizer) -> None:
        self._rbm, self._make, self._parameters = rbm, make, dict(rbm.named_parameters())
        self._before = torch.empty_like(rbm.weights)
        self.forget()

    @torch.no_grad()
    def update(
        self,
        statistics: Statistics,
        learning_rate: float,
        momentum: float,
        weight_decay: float,
        rate_share: float = 1.0,
    ) -> None:
        self._before.copy_(self._rbm.weights)
        for name, sums in statistics.by_parameter().items():
            self._parameters[name].grad = sums.div_(-statistics.batch_size)
        rates = [group["lr"] for group in self._optimizer.param_groups]
        for group in self._optimizer.param_groups:
            group["lr"] = group["lr"] * rate_share
        self._optimizer.step()
        for group, rate in zip(self._optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        for units in (self._rbm.visible, self._rbm.hidden):
            units.constrain_()

    def size(self) -> Tensor:
        return (self._rbm.weights - self._before).abs().sum()

    def forget(self) -> None:
        self._optimizer = self._make(self._rbm.parameters())

    def state(self) -> dict[str, Tensor]:
        return optimizer_memory(self._optimizer)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        restore_optimizer(self._optimizer, tensors)
