"""The course of every training: epochs with a record of each, the best one kept, early stopping, and resumption."""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from deepbelief.checkpoint import TrainingState, tensors_under
from deepbelief.data import Source
from deepbelief.data.order import order_of
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.randomness import Random
from deepbelief.settings import settings_dataclass

NOTHING_TO_MEASURE: Final = (
    "early stopping needs held-out items: give held_out (in a recipe: set validation above 0), or set patience to 0."
)


class AnyRecord(Protocol):
    """What the record of an epoch tells at least."""

    @property
    def epoch(self) -> int:
        """From 1."""

    @property
    def score(self) -> float | None:
        """How good the model is on held-out items, the higher the better; None where nothing is held out."""

    @property
    def score_name(self) -> str | None:
        """What the score is."""


R = TypeVar("R", bound=AnyRecord)


@dataclass(frozen=True)
class Record:
    """An epoch of a training that makes a loss smaller."""

    epoch: int
    """From 1."""
    loss: float
    """The mean over the items, in nats unless the training says something else."""
    score: float | None = None
    """How good the model then is on held-out items, the higher the better; None where nothing is held out."""
    score_name: str | None = None
    """What the score is, such as "accuracy"."""


def best_epoch(records: Sequence[AnyRecord], patience: int) -> int | None:
    """The first epoch with the highest score, or without a patience the latest; None of no records."""
    if not records:
        return None
    if not patience:
        return records[-1].epoch
    scores = [-math.inf if one.score is None or math.isnan(one.score) else one.score for one in records]
    return records[scores.index(max(scores))].epoch


def values_of(records: Sequence[Any]) -> list[list[Any]]:
    """The fields of each record in order, for a checkpoint."""
    return [list(dataclasses.asdict(record).values()) for record in records]


class Training(ABC, Generic[R]):
    """Trains a model; iterate over `epochs()`.

    Args of every training: `(model, source, settings, *, random=0, held_out=None)`. The model is changed in place. A
    `patience` among the settings is that of `MinibatchCourseSettings` everywhere.

    Args:
        model: what learns, for `state`.
        kept: what is measured and kept; the model itself, or an average of it.
        epochs: how many.
        patience: see above.
        measured: whether there are held-out items.
        random: whatever the training draws.
        compiled: whether its steps are compiled: they then differ by rounding, and a training goes on as it began.

    Raises:
        SettingsError: there is a patience and nothing to measure.
    """

    _record_kind: type[R]

    def __init__(
        self,
        model: nn.Module,
        kept: nn.Module,
        epochs: int,
        patience: int,
        measured: bool,
        random: Random,
        compiled: bool = False,
    ) -> None:
        if patience and not measured:
            raise SettingsError(NOTHING_TO_MEASURE)
        self._model, self._kept, self._random = model, kept, random
        self._epochs, self._patience, self._is_compiled = epochs, patience, compiled
        self._best: dict[str, Tensor] = {}  # the parameters of the best epoch, where there is a patience
        self.records: list[R] = []
        """One for each epoch so far."""

    @abstractmethod
    def _one_epoch(self, epoch: int) -> R:
        """Learn from every item once, and measure."""

    @abstractmethod
    def _memory(self) -> dict[str, Tensor]:
        """What the training keeps from epoch to epoch besides the model, as named tensors."""

    @abstractmethod
    def _remember(self, tensors: Mapping[str, Tensor]) -> None:
        """Undo `_memory`."""

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose parameters are kept; None before the first."""
        return best_epoch(self.records, self._patience)

    def epochs(self) -> Iterator[R]:
        """Train; one record after each epoch, and after `restore` only the epochs that are left.

        The parameters that are kept are in the model when the iteration ends.

        Raises:
            DeepBeliefError: the training diverged.
        """
        while len(self.records) < self._epochs and not self._is_given_up():
            record = self._one_epoch(len(self.records) + 1)
            self.records.append(record)
            if self._patience and self.best_epoch == record.epoch:
                self._best = {name: tensor.detach().clone() for name, tensor in self._kept.state_dict().items()}
            yield record
        if self._best or self._kept is not self._model:
            self._model.load_state_dict(self._best or self._kept.state_dict())

    def _is_given_up(self) -> bool:
        return self._patience > 0 and len(self.records) - (self.best_epoch or 0) >= self._patience

    def state(self) -> TrainingState:
        """Everything to go on from here, bit by bit the same."""
        tensors = {f"model.{name}": tensor for name, tensor in self._model.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self._best.items()}
        tensors |= {f"memory.{name}": tensor for name, tensor in self._memory().items()}
        tensors |= {f"random.{name}": tensor for name, tensor in self._random.state().items()}
        how = {"compiled": True} if self._is_compiled else {}
        return TrainingState(tensors, {"records": values_of(self.records), **how})

    def restore(self, state: TrainingState) -> None:
        """Go on from what `state` gave.

        Raises:
            SettingsError: it is that of a training whose steps were compiled, and these are not, or the other way.
        """
        if (compiled := state.progress.get("compiled", False)) != self._is_compiled:
            began, give = ("compiled", "a") if compiled else ("uncompiled", "no")
            raise SettingsError(f"this training began with {began} steps: give {give} compiler to go on with it.")
        self._model.load_state_dict(tensors_under("model.", state.tensors))
        self._remember(tensors_under("memory.", state.tensors))
        self.records = [self._record_kind(*values) for values in state.progress["records"]]
        if self._patience and self.records:
            best, like = tensors_under("best.", state.tensors), self._kept.state_dict()
            self._best = {name: torch.empty_like(tensor).copy_(best[name]) for name, tensor in like.items()}
        self._random.restore(tensors_under("random.", state.tensors))


@settings_dataclass
class MinibatchCourseSettings:
    """Shuffled minibatches, with a learning rate that falls linearly to 0 over the epochs.

    With a `patience` above 0, training ends after that number of epochs without a better score on held-out items, and
    the best epoch's parameters are kept; with 0 all epochs are run, and the last one's are kept.
    """

    epochs: int = Field(default=20, ge=1)
    batch_size: int = Field(default=128, ge=1)
    learning_rate: float = Field(default=0.001, gt=0, allow_inf_nan=False)
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    patience: int = Field(default=0, ge=0)


class MinibatchCourse(Training[Record]):
    """A training on shuffled minibatches whose learning rate falls linearly to 0 over the epochs.

    Args:
        model, kept, measured, random: as for `Training`.
        items: what is learnt from; of these the number, the weights and the runs matter here.
        settings: epochs, batch_size and patience.
    """

    score_name = "accuracy"
    _record_kind = Record

    def __init__(
        self,
        model: nn.Module,
        kept: nn.Module,
        items: Source,
        settings: MinibatchCourseSettings,
        measured: bool,
        random: Random,
    ) -> None:
        super().__init__(model, kept, settings.epochs, settings.patience, measured, random)
        self._items, self._source = len(items), items
        self._batch_size, self._measured = settings.batch_size, measured

    @abstractmethod
    def _step(self, rows: Tensor, left: float) -> Tensor:
        """Learn from the items at positions (batch,) with a share of the learning rate; returns their summed loss."""

    @abstractmethod
    def _score(self) -> float:
        """How good what is kept is on the held-out items."""

    def _check(self, loss: float, epoch: int) -> None:
        """Raise a `DeepBeliefError` if the training has diverged."""
        check_loss(loss, epoch)

    def _one_epoch(self, epoch: int) -> Record:
        device = next(self._model.parameters()).device
        order = order_of(self._items, self._source.weights, self._random, self._source.runs)
        self._source.expect(order)
        order = order.to(device)
        starts = range(0, self._items, self._batch_size)
        total = torch.zeros((), dtype=torch.float64, device=device)
        for index, start in enumerate(starts):
            left = 1.0 - (epoch - 1 + index / len(starts)) / self._epochs
            total += self._step(order[start : start + self._batch_size], left)
        loss = float(total) / self._items
        self._check(loss, epoch)
        return Record(epoch, loss, self._score(), self.score_name) if self._measured else Record(epoch, loss)


def check_loss(loss: float, number: int, unit: str = "epoch") -> None:
    """Raise a `DeepBeliefError` if a training has diverged."""
    if not math.isfinite(loss):
        raise DeepBeliefError(f"the training diverged at {unit} {number} (loss {loss}): try a smaller learning rate.")


def optimizer_memory(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimizer keeps from step to step, as named tensors."""
    tensors: dict[str, Tensor] = {}
    for number, memory in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in memory.items() if value is not None}
    return tensors


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Undo `optimizer_memory`.

    Raises:
        ValueError: the memory is not that of these parameters.
    """
    memory: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors_under("optimizer.", dict(tensors)).items():
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
