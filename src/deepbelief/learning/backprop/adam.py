"""Gradient descent of a differentiable loss: Adam on shuffled minibatches."""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from deepbelief.data import Source
from deepbelief.learning.course import MinibatchCourse, MinibatchCourseSettings, optimizer_memory, restore_optimizer
from deepbelief.models.units import Units
from deepbelief.randomness import Random


class AdamTraining(MinibatchCourse):
    """Adam on shuffled minibatches, its learning rate falling linearly to 0.

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
        self._learning_rate = settings.learning_rate
        # Adam with decoupled weight decay (Loshchilov & Hutter 2019) is Adam where the decay is 0.
        self._optimizer = torch.optim.AdamW(
            model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        self._units = [units for units in model.modules() if isinstance(units, Units)]

    @abstractmethod
    def _loss(self, rows: Tensor) -> Tensor:
        """The mean loss of the items at positions (batch,), to be differentiated."""

    def _step(self, rows: Tensor, left: float) -> Tensor:
        self._optimizer.param_groups[0]["lr"] = self._learning_rate * left
        loss = self._loss(rows)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._constrain()
        return loss.detach() * len(rows)

    @torch.no_grad()
    def _constrain(self) -> None:
        for units in self._units:
            units.constrain_()

    def _memory(self) -> dict[str, Tensor]:
        return optimizer_memory(self._optimizer)

    def _remember(self, tensors: Mapping[str, Tensor]) -> None:
        restore_optimizer(self._optimizer, tensors)
