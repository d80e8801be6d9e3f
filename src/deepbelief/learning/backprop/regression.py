"""Learning numbers instead of classes: backpropagation of the squared error."""

from typing import Final, final

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import mse_loss

from deepbelief.arrays import TensorLike, as_tensor, check_range
from deepbelief.data import Source, SourceLike, as_source
from deepbelief.errors import DataError
from deepbelief.learning.backprop.adam import AdamTraining
from deepbelief.learning.backprop.classifier import products_in
from deepbelief.learning.course import MinibatchCourseSettings
from deepbelief.models.checks import check_finite, check_width
from deepbelief.models.feedforward import FeedForward
from deepbelief.randomness import Random, as_random
from deepbelief.settings import settings_dataclass

_MEASURED: Final = 2000  # held-out items at a time


@final
@settings_dataclass
class RegressionSettings(MinibatchCourseSettings):
    """Adam on shuffled minibatches; the score of early stopping is minus the mean squared error.

    At each sight of an item every hidden unit is left out with probability `dropout`; the others count for
    1 / (1 - dropout) times as much.
    """

    dropout: float = Field(default=0.0, ge=0, lt=1)


@final
class RegressionTraining(AdamTraining):
    """Backpropagation of the squared error, the mean over the outputs; iterate over `epochs()`.

    Args:
        network: changed in place; its outputs are the predictions.
        source: items (n, width), and targets (n, outputs), each a tensor, array or list; the items may be a source.
            Targets with a mean of 0 and a variance of 1 suit the usual learning rates.
        settings: how.
        random: order of the items and dropout; a whole number is a seed.
        held_out: items and targets to measure after each epoch, and to stop early by.
        products: the type of the matrix products of training, such as `torch.bfloat16`; the parameters' own if None.

    Raises:
        SettingsError: the network sees another number of values, or there is a patience and nothing to stop by.
        DataError: values are NaN, infinite or none at all, or there is not one row of targets for each item.

    >>> network = FeedForward([2, 8, 1], torch.tanh, 0)
    >>> items = torch.rand(50, 2)
    >>> training = RegressionTraining(network, (items, items.sum(dim=1, keepdim=True)), RegressionSettings(epochs=2))
    >>> [record.epoch for record in training.epochs()]
    [1, 2]
    """

    score_name = "minus the mean squared error"

    def __init__(
        self,
        network: FeedForward,
        source: tuple[SourceLike, TensorLike],
        settings: RegressionSettings,
        *,
        random: Random | int = 0,
        held_out: tuple[SourceLike, TensorLike] | None = None,
        products: torch.dtype | None = None,
    ) -> None:
        like = next(network.parameters())
        items, self._targets = _checked(network, *source)
        self._held_out = None if held_out is None else _checked(network, *held_out)
        random = as_random(random, like.device)
        super().__init__(network, items, settings, self._held_out is not None, random)
        self._network, self._settings, self._products = network, settings, products
        self._read = items.reader(min(settings.batch_size, len(items)), like.dtype)

    def _loss(self, rows: Tensor) -> Tensor:
        targets = self._targets[rows]
        values = self._read(rows).to(targets.device)
        with products_in(self._products, values):
            found = self._network.forward_with_dropout(values, self._settings.dropout, self._random)
        return mse_loss(found.to(targets.dtype), targets)

    @torch.no_grad()
    def _score(self) -> float:
        assert self._held_out is not None
        items, targets = self._held_out
        parts = [slice(start, start + _MEASURED) for start in range(0, len(items), _MEASURED)]
        found = torch.cat([self._network(items.batch(rows)) for rows in parts])
        return -float(mse_loss(found, targets))


def _checked(network: FeedForward, items: SourceLike, targets: TensorLike) -> tuple[Source, Tensor]:
    """The items as a source, and the targets as a tensor (n, outputs) like the network's parameters."""
    source, like = as_source(items), next(network.parameters())
    check_width(source, network.sizes[0], "the network")
    check_finite(source, like.dtype)
    wanted = as_tensor(targets, "the targets").to(like)
    if wanted.shape != (len(source), network.sizes[-1]):
        raise DataError(
            f"the targets have the shape {tuple(wanted.shape)}: give {len(source)} rows of {network.sizes[-1]}, one "
            "for each item."
        )
    check_range(wanted, wanted="targets are finite numbers")
    return source, wanted
