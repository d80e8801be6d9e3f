"""Gradient descent of a differentiable loss: Adam on shuffled minibatches."""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from deepbelief.data import Source
from deepbelief.learning.course import (
    MinibatchCourse,
    MinibatchCourseSettings,
    Record,
    optimizer_memory,
    restore_optimizer,
)
from deepbelief.learning.together import begin_alike, read_share
from deepbelief.models.units import Units
from deepbelief.randomness import Random
from deepbelief.system.processes import Share, here


class AdamTraining(MinibatchCourse):
    """Adam on shuffled minibatches, its learning rate falling linearly to 0.

    Inside `deepbelief.system.processes.joined()`, processes share every batch, and add their gradients up.

    Args:
        model: what learns; changed in place.
        items: what is learnt from.
        settings: how; the weight decay is decoupled.
        measured: whether there are held-out items.
        random: order of the items.
    """

    def __init__(
        self, model: nn.Module, items: Source, settings: MinibatchCourseSettings, measured: bool, random: Random
    ) -> None:
        super().__init__(model, model, items, settings, measured, random)
        self._learning_rate, self._processes = settings.learning_rate, here()
        # Adam with decoupled weight decay (Loshchilov & Hutter 2019) is Adam where the decay is 0.
        self._optimizer = torch.optim.AdamW(
            model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        self._units = [units for units in model.modules() if isinstance(units, Units)]

    @abstractmethod
    def _loss(self, rows: Tensor) -> Tensor:
        """The mean loss of the items at positions (batch,), to be differentiated; of none NaN, without a gradient."""

    def _one_epoch(self, epoch: int) -> Record:
        begin_alike(self._processes, self._model, self._random, self._items)
        return super()._one_epoch(epoch)

    def _step(self, rows: Tensor, left: float) -> Tensor:
        self._optimizer.param_groups[0]["lr"] = self._learning_rate * left
        loss, share = read_share(self._processes, self._loss, rows, self._random)
        self._optimizer.zero_grad()
        if share is None:
            loss.backward()  # type: ignore[no-untyped-call]
            total = loss.detach() * len(rows)
        else:
            total = self._add_up(loss, share)
        self._optimizer.step()
        self._constrain()
        return total

    def _add_up(self, loss: Tensor, share: Share) -> Tensor:
        """Give the parameters the gradient of the mean over the rows of all processes, and return the summed loss."""
        (loss * (share.here / share.whole)).backward()  # type: ignore[no-untyped-call]
        total = loss.detach() * share.here if share.here else torch.zeros_like(loss)
        gradients = [one.grad for one in self._model.parameters() if one.grad is not None]
        share.processes.add_up([*gradients, total])
        return total

    @torch.no_grad()
    def _constrain(self) -> None:
        for units in self._units:
            units.constrain_()

    def _memory(self) -> dict[str, Tensor]:
        return optimizer_memory(self._optimizer)

    def _remember(self, tensors: Mapping[str, Tensor]) -> None:
        restore_optimizer(self._optimizer, tensors)
