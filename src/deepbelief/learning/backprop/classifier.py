"""Two ways to learn from labels: full-batch SGD, and minibatches with dropout and early stopping."""

from collections.abc import Iterator
from typing import Final, Literal, final

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn.functional import cross_entropy

from deepbelief.arrays import TensorLike
from deepbelief.checkpoint import TrainingState
from deepbelief.data import Source, SourceLike, as_source
from deepbelief.data.labels import as_labels, as_training_labels
from deepbelief.errors import SettingsError
from deepbelief.learning.backprop.loop import (
    Minibatches,
    ValidationRecord,
    check_loss,
    network_and_optimizer,
    restore_network_and_optimizer,
)
from deepbelief.models.checks import check_finite, check_width
from deepbelief.models.feedforward import FeedForward, accuracy, softmax_regression
from deepbelief.randomness import Random
from deepbelief.settings import settings_dataclass

_CHUNK: Final = 4000  # rows at a time where all rows count: their activations fit into the processor's cache


@final
@settings_dataclass
class FullBatchSettings:
    """Gradient descent on the mean cross-entropy of all images at once, W += V with V = m V - lr gradient."""

    method: Literal["full-batch"] = "full-batch"
    steps: int = Field(default=1500, ge=1)
    learning_rate: float = Field(default=0.001, gt=0, allow_inf_nan=False)
    momentum: float = Field(default=0.9, ge=0, lt=1)


@final
@settings_dataclass
class MinibatchSettings:
    """Adam on shuffled minibatches, its learning rate falling linearly to 0 over the epochs.

    With `patience` p > 0, training ends after p epochs without a better accuracy on held-out images, and the best
    epoch's parameters are kept; with 0 it runs all epochs and keeps the last.
    """

    method: Literal["minibatch"] = "minibatch"
    epochs: int = Field(default=20, ge=1)
    batch_size: int = Field(default=128, ge=1)
    learning_rate: float = Field(default=0.001, gt=0, allow_inf_nan=False)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    patience: int = Field(default=5, ge=0)


@dataclass(frozen=True)
class LossRecord:
    """The training loss (nats) at a step of full-batch training, before the step's update."""

    step: int
    loss: float


@final
class FullBatchTraining:
    """Full-batch SGD with momentum; iterate over `steps()`.

    With `products`, such as `torch.bfloat16`, the matrix products of hidden layers are done in that type. What is taken
    and refused is as for `MinibatchTraining`.
    """

    def __init__(
        self,
        network: FeedForward,
        source: SourceLike,
        labels: TensorLike,
        settings: FullBatchSettings,
        products: torch.dtype | None = None,
    ) -> None:
        items = _checked(network, source)
        wanted = as_training_labels(labels, len(items), network.sizes[-1])
        self._network, self._settings, self._products = network, settings, products
        parameters = next(network.parameters())
        rows = [slice(start, start + _CHUNK) for start in range(0, len(items), _CHUNK)]
        self._chunks = [(items.batch(part).to(parameters), wanted[part].to(parameters.device)) for part in rows]
        self._n = len(items)
        self._optimizer = torch.optim.SGD(
            network.parameters(), lr=settings.learning_rate, momentum=settings.momentum, foreach=False
        )
        self.records: list[LossRecord] = []

    def steps(self) -> Iterator[LossRecord]:
        """Train; one record after each step. After `restore`, only the steps that are left."""
        while len(self.records) < self._settings.steps:
            for parameter in self._network.parameters():
                parameter.grad = torch.zeros_like(parameter)
            losses = torch.stack([self._add_gradient(values, labels) for values, labels in self._chunks])
            loss = float(losses.sum()) / self._n
            check_loss(loss, len(self.records) + 1, "step")
            self._optimizer.step()
            self.records.append(LossRecord(len(self.records) + 1, loss))
            yield self.records[-1]

    def _add_gradient(self, values: Tensor, labels: Tensor) -> Tensor:
        """Add the gradient of the mean loss that some of the rows give; returns their summed loss."""
        if len(self._network.layers) > 1:
            with products_in(self._products, values):
                logits = self._network(values)
            loss = cross_entropy(logits.to(values.dtype), labels, reduction="sum")
            (loss / self._n).backward()  # type: ignore[no-untyped-call]
            return loss.detach()
        layer = self._network.linear(1)
        assert layer.weight.grad is not None
        assert layer.bias.grad is not None
        loss, weights, bias = softmax_regression(layer.weight, layer.bias, values, labels)
        layer.weight.grad.add_(weights, alpha=1 / self._n)
        layer.bias.grad.add_(bias, alpha=1 / self._n)
        return loss

    def state(self) -> TrainingState:
        """Everything to go on from here, bit by bit the same."""
        tensors = network_and_optimizer(self._network, self._optimizer)
        return TrainingState(tensors, {"losses": [record.loss for record in self.records]})

    def restore(self, state: TrainingState) -> None:
        """Go on from what `state` gave."""
        restore_network_and_optimizer(self._network, self._optimizer, state.tensors)
        self.records = [LossRecord(step, loss) for step, loss in enumerate(state.progress["losses"], start=1)]


@final
class MinibatchTraining:
    """Adam with dropout and early stopping; iterate over `steps()`, one step being an epoch.

    With `products`, such as `torch.bfloat16`, the matrix products of training are done in that type.

    Items are a source, tensor, NumPy array or list of lists (n, width); labels are whole numbers from 0, (n,), in any
    of these forms.

    Warns:
        DataWarning: a class has no training item.

    Raises:
        SettingsError: the network sees another number of values, or there is a patience and nothing to stop by.
        DataError: values are NaN, infinite or none at all, or labels are not as `as_training_labels` wants them.
    """

    def __init__(
        self,
        network: FeedForward,
        training: tuple[SourceLike, TensorLike],
        held_out: tuple[SourceLike, TensorLike] | None,
        settings: MinibatchSettings,
        random: Random,
        products: torch.dtype | None = None,
    ) -> None:
        source = _checked(network, training[0])
        wanted = as_training_labels(training[1], len(source), network.sizes[-1])
        self._held_out = _measured(network, held_out) if settings.patience and held_out is not None else None
        if settings.patience and self._held_out is None:
            raise SettingsError("early stopping needs held-out images: set validation above 0, or patience = 0.")
        self._network, self._dropout, self._random, self._products = network, settings.dropout, random, products
        self._labels = wanted.to(random.device)
        self._read = source.reader(min(settings.batch_size, len(source)), next(network.parameters()).dtype)
        score = None if self._held_out is None else self._accuracy
        self._descent = Minibatches(network, len(source), self._loss, score, settings, random)

    @property
    def records(self) -> list[ValidationRecord]:
        """One for each epoch so far."""
        return self._descent.records

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose parameters are kept."""
        return self._descent.best_epoch

    def steps(self) -> Iterator[ValidationRecord]:
        """Train; one record after each epoch. The kept parameters are in the network when the iteration ends."""
        return self._descent.steps()

    def _loss(self, rows: Tensor) -> Tensor:
        values = self._read(rows).to(self._labels.device)
        with products_in(self._products, values):
            logits = self._network.forward_with_dropout(values, self._dropout, self._random)
        return cross_entropy(logits.to(values.dtype), self._labels[rows])

    def _accuracy(self) -> float:
        assert self._held_out is not None
        return accuracy(self._network, *self._held_out)

    def state(self) -> TrainingState:
        """Everything to go on from here, bit by bit the same."""
        return self._descent.state()

    def restore(self, state: TrainingState) -> None:
        """Go on from what `state` gave."""
        self._descent.restore(state)


def products_in(dtype: torch.dtype | None, like: Tensor) -> torch.autocast:
    """Matrix products in another type than the tensors' own, inside a `with`."""
    other = dtype is not None and dtype != like.dtype
    return torch.autocast(like.device.type, dtype=dtype if other else None, enabled=other)


def _checked(network: FeedForward, given: SourceLike, what: str = "data") -> Source:
    """A source that the network can learn from."""
    source = as_source(given)
    check_width(source, network.sizes[0], "the network", what)
    check_finite(source, next(network.parameters()).dtype)
    return source


def _measured(network: FeedForward, held_out: tuple[SourceLike, TensorLike]) -> tuple[Source, Tensor] | None:
    """Held-out items and their labels, checked; None if there are none."""
    if not len(as_source(held_out[0])):
        return None
    source = _checked(network, held_out[0], "held-out data")
    return source, as_labels(held_out[1], len(source), network.sizes[-1])
