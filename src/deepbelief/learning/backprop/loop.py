"""Training on shuffled minibatches, epoch by epoch with the best one kept; and gradient descent of any loss by that."""

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, final

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from deepbelief.checkpoint import TrainingState, tensors_under
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.models.units import Units
from deepbelief.randomness import Random


@dataclass(frozen=True)
class ValidationRecord:
    """The mean training loss (nats) of an epoch, and the score on held-out items after it (None without any).

    The score of a classifier is its accuracy, that of a model of its inputs minus their mean loss.
    """

    step: int
    loss: float
    validation_accuracy: float | None


@final
class Best:
    """The parameters of a module at its best epoch, and how long to wait for a better one.

    Args:
        module: whose parameters are kept until the first epoch is seen.
        patience: epochs to wait for a better score; 0 waits for ever.
    """

    def __init__(self, module: nn.Module, patience: int) -> None:
        self._patience = patience
        self.epoch: int | None = None
        self._score = -math.inf
        self._keep(module)

    def _keep(self, module: nn.Module) -> None:
        self._kept = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}

    def see(self, epoch: int, score: float | None, module: nn.Module) -> None:
        """An epoch is over; without a score the latest epoch is the best."""
        if score is None or score > self._score:
            self.epoch, self._score = epoch, -math.inf if score is None else score
            self._keep(module)

    def is_given_up(self, epochs: int) -> bool:
        """Whether patience is over after so many epochs."""
        return self._patience > 0 and epochs - (self.epoch or 0) >= self._patience

    def put_into(self, module: nn.Module) -> None:
        """Give a module the kept parameters."""
        module.load_state_dict(self._kept)

    def state(self) -> dict[str, Tensor]:
        """The kept parameters, named best.*; the rest is in the training's records."""
        return {f"best.{name}": tensor for name, tensor in self._kept.items()}

    def restore(self, tensors: Mapping[str, Tensor], epoch: int | None, records: list[ValidationRecord]) -> None:
        """Go on from what `state` gave, the best epoch and the records up to here."""
        for name, kept in self._kept.items():
            kept.copy_(tensors[f"best.{name}"])
        self.epoch = epoch if epoch is None else operator.index(epoch)
        scores = [one.validation_accuracy for one in records if one.validation_accuracy is not None]
        self._score = max(scores, default=-math.inf)


class CourseSettings(Protocol):
    """What a `Course` needs to know."""

    @property
    def epochs(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def patience(self) -> int: ...


class DescentSettings(CourseSettings, Protocol):
    """What `Minibatches` needs to know."""

    @property
    def learning_rate(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...


@final
class Course:
    """The course of a training: shuffled minibatches, epoch by epoch, with a record of each; and the best epoch.

    Args:
        module: whose parameters are kept.
        items: how many there are.
        score: measures the module on held-out items, the higher the better; None without any.
        settings: epochs, batch_size and patience.
        random: order of the items.

    Raises:
        SettingsError: there is a patience and nothing to measure.
    """

    def __init__(
        self,
        module: nn.Module,
        items: int,
        score: Callable[[], float] | None,
        settings: CourseSettings,
        random: Random,
    ) -> None:
        if settings.patience and score is None:
            raise SettingsError("early stopping needs held-out items: give some, or set patience to 0.")
        self._module, self._items, self._score = module, items, score
        self._settings, self._random = settings, random
        self.best = Best(module, settings.patience)
        self.records: list[ValidationRecord] = []

    def epochs(
        self, step: Callable[[Tensor, float], Tensor], check: Callable[[float, int], None]
    ) -> Iterator[ValidationRecord]:
        """Train; one record after each epoch, and after `restore` only the epochs that are left.

        Args:
            step: learns from the items at some positions (batch,) with a share of the learning rate, which falls
                linearly from 1 to 0 over the epochs; returns their summed loss.
            check: is given the mean loss of an epoch and its number, and raises an error if the training has diverged.
        """
        while len(self.records) < self._settings.epochs and not self.best.is_given_up(len(self.records)):
            epoch = len(self.records) + 1
            loss = self._one_epoch(epoch, step)
            check(loss, epoch)
            score = None if self._score is None else self._score()
            self.best.see(epoch, score if self._settings.patience else None, self._module)
            self.records.append(ValidationRecord(epoch, loss, score))
            yield self.records[-1]

    def _one_epoch(self, epoch: int, step: Callable[[Tensor, float], Tensor]) -> float:
        settings, device = self._settings, next(self._module.parameters()).device
        order = self._random.permutation(self._items).to(device)
        starts = range(0, self._items, settings.batch_size)
        total = torch.zeros((), dtype=torch.float64, device=device)
        for index, start in enumerate(starts):
            left = 1.0 - (epoch - 1 + index / len(starts)) / settings.epochs
            total += step(order[start : start + settings.batch_size], left)
        return float(total) / self._items

    def state_with(self, tensors: Mapping[str, Tensor]) -> TrainingState:
        """The state of a training: its own tensors and everything of its course, random numbers included."""
        random = {f"random.{name}": tensor for name, tensor in self._random.state().items()}
        records = [[record.step, record.loss, record.validation_accuracy] for record in self.records]
        progress = {"best_epoch": self.best.epoch, "records": records}
        return TrainingState({**tensors, **random, **self.best.state()}, progress)

    def restore(self, state: TrainingState) -> None:
        """Go on from what `state_with` gave."""
        self._random.restore(tensors_under("random.", state.tensors))
        self.records = [ValidationRecord(*values) for values in state.progress["records"]]
        self.best.restore(state.tensors, state.progress["best_epoch"], self.records)


@final
class Minibatches:
    """Adam on shuffled minibatches, its learning rate falling linearly to 0; iterate over `steps()`, epoch by epoch.

    Args:
        module: what learns; changed in place.
        items: how many there are.
        loss: the mean loss of the items at some positions (batch,), to be differentiated.
        score: measures the module on held-out items, the higher the better; None without any.
        settings: epochs, batch_size, learning_rate, weight_decay and patience.
        random: order of the items.
    """

    def __init__(
        self,
        module: nn.Module,
        items: int,
        loss: Callable[[Tensor], Tensor],
        score: Callable[[], float] | None,
        settings: DescentSettings,
        random: Random,
    ) -> None:
        self._module, self._loss, self._learning_rate = module, loss, settings.learning_rate
        # Adam with decoupled weight decay (Loshchilov & Hutter 2019) is Adam where the decay is 0.
        self._optimizer = torch.optim.AdamW(
            module.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        self._units = [units for units in module.modules() if isinstance(units, Units)]
        self._course = Course(module, items, score, settings, random)

    @property
    def records(self) -> list[ValidationRecord]:
        """One for each epoch so far."""
        return self._course.records

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose parameters are kept."""
        return self._course.best.epoch

    def steps(self) -> Iterator[ValidationRecord]:
        """Train; one record after each epoch. The kept parameters are in the module when the iteration ends."""
        yield from self._course.epochs(self._step, check_loss)
        self._course.best.put_into(self._module)

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

    def state(self) -> TrainingState:
        """Everything to go on from here, bit by bit the same."""
        return self._course.state_with(network_and_optimizer(self._module, self._optimizer))

    def restore(self, state: TrainingState) -> None:
        """Go on from what `state` gave."""
        restore_network_and_optimizer(self._module, self._optimizer, state.tensors)
        self._course.restore(state)


def check_loss(loss: float, number: int, unit: str = "epoch") -> None:
    """Raise a `DeepBeliefError` if a training has diverged."""
    if not math.isfinite(loss):
        raise DeepBeliefError(f"the training diverged at {unit} {number} (loss {loss}): try a smaller learning rate.")


def network_and_optimizer(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Parameters and the optimizer's memory as named tensors."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for number, memory in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in memory.items() if value is not None}
    return tensors


def restore_network_and_optimizer(
    network: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]
) -> None:
    """Undo `network_and_optimizer`.

    Raises:
        ValueError: the optimizer's memory is not one of these parameters.
    """
    network.load_state_dict(tensors_under("network.", tensors))
    memory: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors_under("optimizer.", tensors).items():
        number, key = name.split(".")
        memory.setdefault(int(number), {})[key] = tensor
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    learning = (number for number, parameter in enumerate(parameters) if parameter.requires_grad)
    names = {frozenset(memory.get(number, {})) for number in learning}
    shapes = [
        (tensor.shape, parameters[number].shape)
        for number, of_one in memory.items()
        for tensor in of_one.values()
        if tensor.ndim  # Adam's count of steps has no shape
    ]
    if len(names) != 1 or any(found != wanted for found, wanted in shapes):
        raise ValueError("the optimizer's memory does not fit the network")
    optimizer.load_state_dict({"state": memory, "param_groups": optimizer.state_dict()["param_groups"]})
