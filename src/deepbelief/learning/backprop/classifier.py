"""Two ways to learn from labels: full-batch SGD, and minibatches with dropout and early stopping."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal, final

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy

from deepbelief.data import Labelled, LabelledLike, as_held_out, as_labelled, in_batches
from deepbelief.data.labels import as_training_labels
from deepbelief.data.order import counts_of
from deepbelief.learning.backprop.adam import AdamTraining
from deepbelief.learning.course import (
    MinibatchCourseSettings,
    Record,
    Training,
    check_loss,
    optimizer_memory,
    restore_optimizer,
)
from deepbelief.models.checks import check_finite, check_width
from deepbelief.models.feedforward import FeedForward, accuracy, softmax_regression
from deepbelief.randomness import Random, as_random
from deepbelief.settings import settings_dataclass

Augmentation = Callable[[Tensor, Tensor, Random], Tensor]
"""(values (batch, width), labels (batch,), random) -> other values in their place, (batch, width)."""

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
class MinibatchSettings(MinibatchCourseSettings):
    """Adam on shuffled minibatches; the score of early stopping is the accuracy.

    At each sight of an item every hidden unit is left out with probability `dropout` and every value of the item with
    `input_dropout` (Srivastava et al. 2014); the others count for 1 / (1 - that) times as much. With `label_smoothing`,
    s, an item's target is 1 - s of its own class and s spread evenly over all (Szegedy et al. 2016).
    """

    method: Literal["minibatch"] = "minibatch"
    dropout: float = Field(default=0.0, ge=0, lt=1)
    input_dropout: float = Field(default=0.0, ge=0, lt=1)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    patience: int = Field(default=5, ge=0)


@final
class FullBatchTraining(Training[Record]):
    """Full-batch gradient descent with momentum, each step on all items at once: an epoch is a step.

    Arguments, warnings and errors are those of `MinibatchTraining`. The `loss` of a record is the one before the step.
    """

    _record_kind = Record

    def __init__(
        self,
        network: FeedForward,
        source: LabelledLike,
        settings: FullBatchSettings,
        *,
        random: Random | int = 0,
        held_out: LabelledLike | None = None,
        products: torch.dtype | None = None,
    ) -> None:
        items, self._held_out = _checked(network, source), _measured(network, held_out)
        labels = as_training_labels(items.labels, len(items), items.classes)
        parameters = next(network.parameters())
        super().__init__(
            network, network, settings.steps, 0, self._held_out is not None, as_random(random, parameters.device)
        )
        self._network, self._products, self._items, self._n = network, products, items.source, len(items)
        self._labels = torch.split(labels.to(parameters.device), _CHUNK)
        counts = counts_of(items.weights, parameters)
        self._counts = [None] * len(self._labels) if counts is None else torch.split(counts, _CHUNK)
        # Items in files stay there, and each step reads them again.
        self._chunks = list(self._read(parameters)) if items.source.runs is None else None
        self._optimizer = torch.optim.SGD(
            network.parameters(), lr=settings.learning_rate, momentum=settings.momentum, foreach=False
        )

    def _one_epoch(self, epoch: int) -> Record:
        for parameter in self._network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        like = next(self._network.parameters())
        values = self._read(like) if self._chunks is None else self._chunks
        losses = torch.stack(
            [self._add_gradient(*chunk) for chunk in zip(values, self._labels, self._counts, strict=True)]
        )
        loss = float(losses.sum()) / self._n
        check_loss(loss, epoch, "step")
        self._optimizer.step()
        if self._held_out is None:
            return Record(epoch, loss)
        return Record(epoch, loss, _accuracy(self._network, self._held_out), "accuracy")

    def _read(self, like: Tensor) -> Iterator[Tensor]:
        return (batch.to(like) for batch in in_batches(self._items, _CHUNK))

    def _add_gradient(self, values: Tensor, labels: Tensor, counts: Tensor | None) -> Tensor:
        """Add the gradient of the mean loss that some rows give, `counts` times each; returns their summed loss."""
        if len(self._network.layers) > 1:
            with products_in(self._products, values):
                logits = self._network(values)
            losses = cross_entropy(logits.to(values.dtype), labels, reduction="none")
            loss = (losses if counts is None else losses * counts).sum()
            (loss / self._n).backward()  # type: ignore[no-untyped-call]
            return loss.detach()
        layer = self._network.linear(1)
        assert layer.weight.grad is not None
        assert layer.bias.grad is not None
        loss, weights, bias = softmax_regression(layer.weight, layer.bias, values, labels, counts)
        layer.weight.grad.add_(weights, alpha=1 / self._n)
        layer.bias.grad.add_(bias, alpha=1 / self._n)
        return loss

    def _memory(self) -> dict[str, Tensor]:
        return optimizer_memory(self._optimizer)

    def _remember(self, tensors: Mapping[str, Tensor]) -> None:
        restore_optimizer(self._optimizer, tensors)


@final
class MinibatchTraining(AdamTraining):
    """Adam with dropout and early stopping on the accuracy; iterate over `epochs()`.

    Args:
        network: changed in place.
        source: items and their labels: `Labelled`, `Images` with labels, or a pair (items, labels) of tensors, arrays
            or lists. Labels are whole numbers from 0, below the number of the network's outputs.
        settings: how.
        random: order of the items and dropout; a whole number is a seed.
        held_out: items and labels to measure after each epoch, and to stop early by; the score is the accuracy.
        augment: changes each batch before the network learns from it, such as `Adversarial`; held-out items stay as
            they are.
        products: the type of the matrix products of training, such as `torch.bfloat16`; the parameters' own if None.

    Warns:
        DataWarning: a class has no training item.

    Raises:
        SettingsError: the network sees another number of values, or there is a patience and nothing to stop by.
        DataError: values are NaN, infinite or none at all, or labels are not as `as_training_labels` wants them.
    """

    def __init__(
        self,
        network: FeedForward,
        source: LabelledLike,
        settings: MinibatchSettings,
        *,
        random: Random | int = 0,
        held_out: LabelledLike | None = None,
        augment: Augmentation | None = None,
        products: torch.dtype | None = None,
    ) -> None:
        items = _checked(network, source)
        labels = as_training_labels(items.labels, len(items), items.classes)
        self._held_out = _measured(network, held_out)
        random = as_random(random, next(network.parameters()).device)
        super().__init__(network, items, settings, self._held_out is not None, random)
        self._network, self._settings, self._products, self._augment = network, settings, products, augment
        self._labels = labels.to(random.device)
        self._read = items.source.reader(min(settings.batch_size, len(items)), next(network.parameters()).dtype)

    def _loss(self, rows: Tensor) -> Tensor:
        values, labels = self._read(rows).to(self._labels.device), self._labels[rows]
        if self._augment is not None:
            values = self._augment(values, labels, self._random)
        if self._settings.input_dropout:
            values = values * self._random.dropout_mask(values, self._settings.input_dropout)
        with products_in(self._products, values):
            logits = self._network.forward_with_dropout(values, self._settings.dropout, self._random)
        return cross_entropy(logits.to(values.dtype), labels, label_smoothing=self._settings.label_smoothing)

    def _score(self) -> float:
        assert self._held_out is not None
        return _accuracy(self._network, self._held_out)


def products_in(dtype: torch.dtype | None, like: Tensor) -> torch.autocast:
    """Matrix products in another type than the tensors' own, inside a `with`."""
    other = dtype is not None and dtype != like.dtype
    return torch.autocast(like.device.type, dtype=dtype if other else None, enabled=other)


def _checked(network: FeedForward, given: LabelledLike, what: str = "data") -> Labelled:
    """Labelled items that the network can learn from."""
    items = as_labelled(given, network.sizes[-1])
    check_width(items.source, network.sizes[0], "the network", what)
    check_finite(items.source, next(network.parameters()).dtype)
    return items


def _measured(network: FeedForward, given: LabelledLike | None) -> Labelled | None:
    """Held-out items and their labels, checked; None if there are none."""
    items = as_held_out(given, network.sizes[-1])
    return None if items is None else _checked(network, items, "held-out data")


def _accuracy(network: FeedForward, held_out: Labelled) -> float:
    return accuracy(network, held_out.source, held_out.labels)
