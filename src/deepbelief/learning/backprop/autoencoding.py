"""Fine-tuning of an autoencoder by backpropagation."""

from collections.abc import Iterator
from typing import final

import torch
from pydantic import Field
from torch import Tensor

from deepbelief.checkpoint import TrainingState
from deepbelief.data import SourceLike
from deepbelief.learning.backprop.loop import Minibatches, ValidationRecord
from deepbelief.models.autoencoder import Autoencoder
from deepbelief.models.checks import fitting, fitting_held_out
from deepbelief.randomness import Random
from deepbelief.settings import settings_dataclass


@final
@settings_dataclass
class AutoencoderSettings:
    """Adam on shuffled minibatches, its learning rate falling linearly to 0 over the epochs.

    The loss is `Autoencoder.cross_entropy`, or with `squared_error` the `Autoencoder.squared_error`, of an item. With
    `patience` p > 0, training ends after p epochs without a smaller loss on held-out items, and the best epoch's
    parameters are kept; with 0 it runs all epochs and keeps the last.
    """

    epochs: int = Field(default=20, ge=1)
    batch_size: int = Field(default=128, ge=1)
    learning_rate: float = Field(default=0.001, gt=0, allow_inf_nan=False)
    squared_error: bool = False
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    patience: int = Field(default=0, ge=0)


@final
class AutoencoderTraining:
    """Backpropagation through encoder and decoder; iterate over `steps()`, one step being an epoch.

    The records' `loss` is the mean over the items, and their score minus the mean loss of held-out items.

    Args:
        autoencoder: changed in place.
        source: what it learns to reconstruct: a source, tensor, NumPy array or list of lists, (n, width).
        held_out: items to measure after each epoch, and to stop early by.
        settings: how.
        random: order of the items.

    Raises:
        SettingsError: the data have another width, or there is a patience and nothing to stop by.
        DataError: there are no items, or the visible units cannot have one of the values.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        source: SourceLike,
        held_out: SourceLike | None,
        settings: AutoencoderSettings,
        random: Random,
    ) -> None:
        visible = autoencoder.encoder.layer(1).visible
        items = fitting(source, visible, "the autoencoder")
        self._held_out = fitting_held_out(held_out, visible, "the autoencoder")
        self._loss_of_each = autoencoder.squared_error if settings.squared_error else autoencoder.cross_entropy
        self._like = autoencoder.encoder.layer(1).weights
        self._read = items.reader(min(settings.batch_size, len(items)), self._like.dtype)
        self._batch = settings.batch_size
        score = None if self._held_out is None else self._score
        self._descent = Minibatches(autoencoder, len(items), self._loss, score, settings, random)

    @property
    def records(self) -> list[ValidationRecord]:
        """One for each epoch so far."""
        return self._descent.records

    def steps(self) -> Iterator[ValidationRecord]:
        """Train; one record after each epoch. The kept parameters are in the autoencoder when the iteration ends."""
        return self._descent.steps()

    def _loss(self, rows: Tensor) -> Tensor:
        return self._loss_of_each(self._read(rows).to(self._like.device)).mean()

    @torch.no_grad()
    def _score(self) -> float:
        assert self._held_out is not None
        n = len(self._held_out)
        rows = (slice(start, min(start + self._batch, n)) for start in range(0, n, self._batch))
        losses = [self._loss_of_each(self._held_out.batch(part).to(self._like)).sum() for part in rows]
        return -float(torch.stack(losses).sum()) / n

    def state(self) -> TrainingState:
        """Everything to go on from here, bit by bit the same."""
        return self._descent.state()

    def restore(self, state: TrainingState) -> None:
        """Go on from what `state` gave."""
        self._descent.restore(state)
