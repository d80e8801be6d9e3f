"""Fine-tuning of an autoencoder by backpropagation."""

from typing import final

import torch
from torch import Tensor

from deepbelief.data import SourceLike, in_batches
from deepbelief.learning.backprop.adam import AdamTraining
from deepbelief.learning.course import MinibatchCourseSettings
from deepbelief.models.autoencoder import Autoencoder
from deepbelief.models.checks import fitting, fitting_held_out
from deepbelief.randomness import Random, as_random
from deepbelief.settings import settings_dataclass


@final
@settings_dataclass
class AutoencoderSettings(MinibatchCourseSettings):
    """Adam on shuffled minibatches; the score of early stopping is minus the mean loss.

    The loss is `Autoencoder.cross_entropy`, or with `squared_error` the `Autoencoder.squared_error`, of an item.
    """

    squared_error: bool = False


@final
class AutoencoderTraining(AdamTraining):
    """Backpropagation through encoder and decoder; iterate over `epochs()`.

    Args:
        autoencoder: changed in place.
        source: what it learns to reconstruct: a source, tensor, NumPy array or list of lists, (n, width).
        settings: how.
        random: order of the items; a whole number is a seed.
        held_out: items to measure after each epoch, and to stop early by; the score is minus their mean loss.

    Raises:
        SettingsError: the data have another width, or there is a patience and nothing to stop by.
        DataError: there are no items, or the visible units cannot have one of the values.
    """

    score_name = "minus the mean loss"

    def __init__(
        self,
        autoencoder: Autoencoder,
        source: SourceLike,
        settings: AutoencoderSettings,
        *,
        random: Random | int = 0,
        held_out: SourceLike | None = None,
    ) -> None:
        first = autoencoder.encoder.layer(1)
        items = fitting(source, first.visible, "the autoencoder")
        self._held_out = fitting_held_out(held_out, first.visible, "the autoencoder")
        random = as_random(random, first.weights.device)
        super().__init__(autoencoder, items, settings, self._held_out is not None, random)
        self._loss_of_each = autoencoder.squared_error if settings.squared_error else autoencoder.cross_entropy
        self._like = first.weights
        self._read = items.reader(min(settings.batch_size, len(items)), self._like.dtype)

    def _loss(self, rows: Tensor) -> Tensor:
        return self._loss_of_each(self._read(rows).to(self._like.device)).mean()

    @torch.no_grad()
    def _score(self) -> float:
        assert self._held_out is not None
        batches = in_batches(self._held_out, self._batch_size)
        losses = [self._loss_of_each(batch.to(self._like)).sum() for batch in batches]
        return -float(torch.stack(losses).sum()) / len(self._held_out)
