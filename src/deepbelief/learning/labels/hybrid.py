"""Learning to classify and to model at once: the discriminative and the hybrid RBM."""

from collections.abc import Iterator
from functools import partial
from typing import Any, final

import torch
from pydantic import Field
from torch import Tensor

from deepbelief.arrays import TensorLike
from deepbelief.checkpoint import TrainingState, tensors_under
from deepbelief.data import Labelled, Rows, SourceLike, as_source
from deepbelief.data.labels import as_training_labels
from deepbelief.errors import SettingsError
from deepbelief.learning.backprop.loop import (
    Course,
    ValidationRecord,
    check_loss,
    network_and_optimizer,
    restore_network_and_optimizer,
)
from deepbelief.learning.labels.averaging import Averaged
from deepbelief.learning.labels.discriminative import Discriminative, combine
from deepbelief.learning.rbm.contrastive_divergence import ContrastiveDivergence, PersistentContrastiveDivergence
from deepbelief.learning.rbm.statistics import NegativePhase
from deepbelief.models.checks import check_values
from deepbelief.models.feedforward import accuracy
from deepbelief.models.labelled import LabelledRBM
from deepbelief.randomness import Random
from deepbelief.settings import settings_dataclass


@final
@settings_dataclass
class HybridSettings:
    """How a `LabelledRBM` learns from labels, by Adam on shuffled minibatches.

    Its loss is -log p(y | v) - `generative_weight` log p(v, y): the first gradient is exact, the second by CD with
    `gibbs_steps` steps (`visible_samples` as in `RBMSettings`), or PCD with `persistent_chains` above 0. With a
    generative weight of 0 it is the discriminative RBM. Adam, because weights of pixels, weights of labels and biases
    have gradients of very different sizes; its learning rate falls linearly to 0 over the epochs, its `weight_decay`,
    of weights alone, is decoupled (Loshchilov & Hutter 2019). `dropout` takes hidden units out of p(y | v), see
    `Discriminative`.

    With `averaging` above 0, what is measured and kept are the parameters averaged over the training with weights that
    fall by 1 / e in so many epochs (Polyak & Juditsky 1992). With `patience` above 0, training ends after so many
    epochs without a better accuracy on held-out items, and the best epoch is kept; with 0 the last.
    """

    epochs: int = Field(default=50, ge=1)
    batch_size: int = Field(default=100, ge=1)
    learning_rate: float = Field(default=0.001, gt=0, allow_inf_nan=False)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    generative_weight: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    gibbs_steps: int = Field(default=1, ge=1)
    visible_samples: bool = True
    persistent_chains: int = Field(default=0, ge=0)
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    averaging: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    patience: int = Field(default=10, ge=0)


@final
class HybridTraining:
    """Trains a `LabelledRBM` on labelled items; iterate over `epochs()`.

    Args:
        model: changed in place.
        training: items, as a source, tensor, NumPy array or list of lists, and their labels, (n,) whole numbers from 0
            in any of these forms.
        held_out: items and labels to measure after each epoch, and to stop early by.
        settings: how.
        random: order of the items, dropout and states of the units.

    Warns:
        DataWarning: a class has no training item.

    Raises:
        SettingsError: model, settings and data do not fit together.
        DataError: there are no items, the visible units cannot have one of the values, or labels are not as
            `as_training_labels` wants them.

    >>> random = Random(0)
    >>> from deepbelief import Bernoulli
    >>> model = LabelledRBM(Bernoulli(6), 2, Bernoulli(4), random)
    >>> data = torch.rand(20, 6), torch.arange(20) % 2
    >>> settings = HybridSettings(epochs=2, patience=0)
    >>> [record.step for record in HybridTraining(model, data, None, settings, random).epochs()]
    [1, 2]
    """

    def __init__(
        self,
        model: LabelledRBM,
        training: tuple[SourceLike, TensorLike],
        held_out: tuple[SourceLike, TensorLike] | None,
        settings: HybridSettings,
        random: Random,
    ) -> None:
        source = _fitting(model, training)
        as_training_labels(source.labels, len(source), model.classes)
        measured = _fitting(model, held_out) if held_out is not None and len(as_source(held_out[0])) else None
        self._model, self._settings, self._random = model, settings, random
        size = min(settings.batch_size, len(source))
        self._read = source.reader(size, model.rbm.weights.dtype)
        self._discriminative = Discriminative(model, size, settings.dropout)
        self._generative = self._negative_phase(size) if settings.generative_weight else None
        self._parameters = dict(model.rbm.named_parameters())
        others = [parameter for name, parameter in self._parameters.items() if name != "weights"]
        groups: list[dict[str, Any]] = [
            {"params": [model.rbm.weights], "weight_decay": settings.weight_decay},
            {"params": others},
        ]
        self._optimizer = torch.optim.AdamW(
            groups,
            lr=settings.learning_rate,
            betas=(settings.momentum, 0.999),
            weight_decay=0.0,
            fused=True,
            maximize=True,
        )
        self._averaged = Averaged(model, settings.averaging * -(-len(source) // size))
        averaged = self._averaged.module
        score = None if measured is None else partial(accuracy, averaged, measured.source, measured.labels)
        self._course = Course(averaged, len(source), score, settings, random)

    def _negative_phase(self, size: int) -> NegativePhase:
        rbm, settings = self._model.rbm, self._settings
        if settings.persistent_chains:
            start = rbm.hidden.sample(rbm.weights.new_zeros(settings.persistent_chains, rbm.hidden.size), self._random)
            return PersistentContrastiveDivergence(rbm, size, start, settings.gibbs_steps)
        return ContrastiveDivergence(rbm, size, settings.gibbs_steps, visible_samples=settings.visible_samples)

    @property
    def records(self) -> list[ValidationRecord]:
        """One for each epoch so far."""
        return self._course.records

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose parameters are kept."""
        return self._course.best.epoch

    def epochs(self) -> Iterator[ValidationRecord]:
        """Train; one record after each epoch. The kept parameters are in the model when the iteration ends.

        Raises:
            DeepBeliefError: the training diverged.
        """
        yield from self._course.epochs(self._step, check_loss)
        self._course.best.put_into(self._model)

    @torch.no_grad()
    def _step(self, rows: Rows, left: float) -> Tensor:
        """One batch with a share of the learning rate; returns its -log p(y | v)."""
        joined = self._read(rows).to(self._model.rbm.weights.device)
        statistics = self._discriminative.statistics(joined, self._random)
        if self._generative is not None:
            generative = self._generative.statistics(joined, self._random)
            statistics = combine(statistics, generative, self._settings.generative_weight)
        for name, sums in statistics.by_parameter().items():
            self._parameters[name].grad = sums.div_(statistics.batch_size)
        for group in self._optimizer.param_groups:
            group["lr"] = self._settings.learning_rate * left
        self._optimizer.step()
        self._model.rbm.visible.constrain_()
        self._model.rbm.hidden.constrain_()
        self._averaged.follow()
        return self._discriminative.loss

    def state(self) -> TrainingState:
        """Everything to go on from here, bit by bit the same."""
        tensors = network_and_optimizer(self._model, self._optimizer)
        tensors |= {f"averaged.{name}": tensor for name, tensor in self._averaged.state().items()}
        if self._generative is not None:
            tensors |= {f"phase.{name}": tensor for name, tensor in self._generative.state().items()}
        return self._course.state_with(tensors)

    def restore(self, state: TrainingState) -> None:
        """Go on from what `state` gave."""
        restore_network_and_optimizer(self._model, self._optimizer, state.tensors)
        self._averaged.restore(tensors_under("averaged.", state.tensors))
        if self._generative is not None:
            self._generative.restore(tensors_under("phase.", state.tensors))
        self._course.restore(state)


def _fitting(model: LabelledRBM, given: tuple[SourceLike, TensorLike]) -> Labelled:
    """Items and labels as the RBM sees them, checked."""
    source = Labelled(*given, model.classes)
    if source.width != model.rbm.visible.size:
        raise SettingsError(
            f"the RBM sees {model.values} values beside the label, the data have {source.source.width}: make them "
            "equal."
        )
    check_values(source, model.rbm.visible)
    return source
