"""Two ways to learn from labels: full-batch SGD, and minibatches with dropout and early stopping."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, final

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from deepbelief.checkpoint import TrainingState, tensors_under
from deepbelief.data import Source
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.feedforward import FeedForward, accuracy, softmax_regression
from deepbelief.randomness import Random

_CHUNK: Final = 4000  # rows at a time where all rows count: their activations fit into the processor's cache


@final
@settings_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FullBatchSettings:
    """Gradient descent on the mean cross-entropy of all images at once, W += V with V = m V - lr gradient."""

    method: Literal["full-batch"] = "full-batch"
    steps: int = Field(default=1500, ge=1)
    learning_rate: float = Field(default=0.001, gt=0, allow_inf_nan=False)
    momentum: float = Field(default=0.9, ge=0, lt=1)


@final
@settings_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
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


@dataclass(frozen=True)
class ValidationRecord:
    """The mean training loss (nats) of an epoch, and the accuracy on held-out images after it (None without any)."""

    step: int
    loss: float
    validation_accuracy: float | None


@final
class FullBatchTraining:
    """Full-batch SGD with momentum; iterate over `steps()`.

    With `products`, such as `torch.bfloat16`, the matrix products of hidden layers are done in that type.
    """

    def __init__(
        self,
        network: FeedForward,
        source: Source,
        labels: Tensor,
        settings: FullBatchSettings,
        products: torch.dtype | None = None,
    ) -> None:
        check_labels(source, labels)
        self._network, self._settings, self._products = network, settings, products
        parameters = next(network.parameters())
        rows = [slice(start, start + _CHUNK) for start in range(0, len(source), _CHUNK)]
        self._chunks = [(source.batch(part).to(parameters), labels[part].to(parameters.device)) for part in rows]
        self._n = len(source)
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
            check_loss(loss, "step", len(self.records) + 1)
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
    """

    def __init__(
        self,
        network: FeedForward,
        training: tuple[Source, Tensor],
        held_out: tuple[Source, Tensor] | None,
        settings: MinibatchSettings,
        random: Random,
        products: torch.dtype | None = None,
    ) -> None:
        check_labels(*training)
        if settings.patience and (held_out is None or not len(held_out[0])):
            raise SettingsError("early stopping needs held-out images: set validation above 0, or patience = 0.")
        self._network, self._settings, self._random, self._products = network, settings, random, products
        self._type = next(network.parameters()).dtype
        self._source, self._labels = training[0], training[1].to(random.device)
        self._held_out = held_out if settings.patience else None
        # Adam with decoupled weight decay (Loshchilov & Hutter 2019) is Adam where the decay is 0.
        self._optimizer = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        self._best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        self.best_epoch: int | None = None
        self.records: list[ValidationRecord] = []

    def steps(self) -> Iterator[ValidationRecord]:
        """Train; one record after each epoch. The kept parameters are in the network when the iteration ends."""
        while len(self.records) < self._settings.epochs and not self._out_of_patience():
            epoch = len(self.records) + 1
            loss = self._one_epoch(epoch)
            check_loss(loss, "epoch", epoch)
            held_out = None if self._held_out is None else accuracy(self._network, *self._held_out, self._type)
            if held_out is None or held_out > self._best_accuracy():
                self._best = {name: tensor.clone() for name, tensor in self._network.state_dict().items()}
                self.best_epoch = epoch
            self.records.append(ValidationRecord(epoch, loss, held_out))
            yield self.records[-1]
        self._network.load_state_dict(self._best)

    def _best_accuracy(self) -> float:
        return max((record.validation_accuracy or 0.0 for record in self.records), default=-1.0)

    def _out_of_patience(self) -> bool:
        waited = len(self.records) - (self.best_epoch or 0)
        return self._settings.patience > 0 and waited >= self._settings.patience

    def _one_epoch(self, epoch: int) -> float:
        settings, n = self._settings, len(self._source)
        order = self._random.permutation(n).to(self._labels.device)
        starts = range(0, n, settings.batch_size)
        read = self._source.reader(min(settings.batch_size, n), self._type)
        total = torch.zeros((), dtype=torch.float64, device=self._labels.device)
        for index, start in enumerate(starts):
            left = 1.0 - (epoch - 1 + index / len(starts)) / settings.epochs
            self._optimizer.param_groups[0]["lr"] = settings.learning_rate * left
            rows = order[start : start + settings.batch_size]
            values = read(rows).to(self._labels.device)
            with products_in(self._products, values):
                logits = self._network.forward_with_dropout(values, settings.dropout, self._random)
            loss = cross_entropy(logits.to(values.dtype), self._labels[rows])
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            total += loss.detach() * len(rows)
        return float(total) / n

    def state(self) -> TrainingState:
        """Everything to go on from here, bit by bit the same."""
        tensors = network_and_optimizer(self._network, self._optimizer)
        tensors |= {f"best.{name}": tensor for name, tensor in self._best.items()}
        tensors |= {f"random.{name}": tensor for name, tensor in self._random.state().items()}
        records = [[record.step, record.loss, record.validation_accuracy] for record in self.records]
        return TrainingState(tensors, {"best_epoch": self.best_epoch, "records": records})

    def restore(self, state: TrainingState) -> None:
        """Go on from what `state` gave."""
        restore_network_and_optimizer(self._network, self._optimizer, state.tensors)
        self._best = {
            name: tensor.to(self._random.device) for name, tensor in tensors_under("best.", state.tensors).items()
        }
        self._random.restore(tensors_under("random.", state.tensors))
        self.best_epoch = state.progress["best_epoch"]
        self.records = [ValidationRecord(*values) for values in state.progress["records"]]


def products_in(dtype: torch.dtype | None, like: Tensor) -> torch.autocast:
    """Matrix products in another type than the tensors' own, inside a `with`."""
    other = dtype is not None and dtype != like.dtype
    return torch.autocast(like.device.type, dtype=dtype if other else None, enabled=other)


def check_labels(source: Source, labels: Tensor) -> None:
    """Raise a `SettingsError` unless there is one label for everything in the source."""
    if len(source) != len(labels):
        raise SettingsError(f"{len(source)} images need {len(source)} labels, not {len(labels)}.")


def check_loss(loss: float, unit: str, number: int) -> None:
    """Raise a `DeepBeliefError` if a training has diverged."""
    if not math.isfinite(loss):
        raise DeepBeliefError(f"the training diverged at {unit} {number} (loss {loss}): try a smaller learning rate.")


def network_and_optimizer(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Parameters and the optimizer's memory as named tensors."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for index, memory in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in memory.items() if value is not None}
    return tensors


def restore_network_and_optimizer(
    network: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]
) -> None:
    """Undo `network_and_optimizer`."""
    network.load_state_dict(tensors_under("network.", tensors))
    memory: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors_under("optimizer.", tensors).items():
        index, key = name.split(".")
        memory.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": memory, "param_groups": optimizer.state_dict()["param_groups"]})
