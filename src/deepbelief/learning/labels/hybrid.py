"""Learning to classify and to model at once: the discriminative and the hybrid RBM."""

from collections.abc import Mapping
from typing import Any, final

import torch
from pydantic import Field
from torch import Tensor

from deepbelief.checkpoint import tensors_under
from deepbelief.data import Labelled, LabelledLike, Rows, as_held_out, as_labelled
from deepbelief.data.labels import as_training_labels
from deepbelief.errors import SettingsError
from deepbelief.learning.course import MinibatchCourseSettings, optimizer_memory, restore_optimizer
from deepbelief.learning.labels.course import LabelledCourse
from deepbelief.learning.labels.discriminative import Discriminative, combine
from deepbelief.learning.rbm.negative_phases.base import NegativePhase
from deepbelief.learning.rbm.negative_phases.contrastive_divergence import ContrastiveDivergence
from deepbelief.learning.rbm.negative_phases.persistent import PersistentContrastiveDivergence
from deepbelief.models.checks import check_values
from deepbelief.models.labelled import LabelledRBM
from deepbelief.randomness import Random, as_random
from deepbelief.settings import settings_dataclass


@final
@settings_dataclass
class HybridSettings(MinibatchCourseSettings):
    """How a `LabelledRBM` learns from labels, by Adam on shuffled minibatches.

    Its loss is -log p(y | v) - `generative_weight` log p(v, y): the first gradient is exact, the second by CD with
    `gibbs_steps` steps (`visible_samples` as in `RBMSettings`), or PCD with `persistent_chains` above 0. With a
    generative weight of 0 it is the discriminative RBM. Adam, because weights of pixels, weights of labels and biases
    have gradients of very different sizes; its learning rate falls linearly to 0 over the epochs, its `weight_decay`,
    of weights alone, is decoupled (Loshchilov & Hutter 2019). `dropout` takes hidden units out of p(y | v), see
    `Discriminative`; `input_dropout` takes values of v out of it, of each item others at each sight, and what is left
    counts for 1 / (1 - that) times as much (Srivastava et al. 2014).

    With `averaging` above 0, what is measured and kept are the parameters averaged over the training with weights that
    fall by 1 / e in this number of epochs (Polyak & Juditsky 1992).
    """

    epochs: int = Field(default=50, ge=1)
    batch_size: int = Field(default=100, ge=1)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    generative_weight: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    gibbs_steps: int = Field(default=1, ge=1)
    visible_samples: bool = True
    persistent_chains: int = Field(default=0, ge=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    input_dropout: float = Field(default=0.0, ge=0, lt=1)
    averaging: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    patience: int = Field(default=10, ge=0)


@final
class HybridTraining(LabelledCourse):
    """Trains a `LabelledRBM` on labelled items; iterate over `epochs()`. The loss is -log p(y | v).

    Args:
        model: changed in place.
        source: items and their labels: `Labelled`, `Images` with labels, or a pair (items, labels) of tensors, arrays
            or lists. Labels are whole numbers from 0.
        settings: how.
        random: order of the items, dropout and states of the units; a whole number is a seed.
        held_out: items and labels to measure after each epoch, and to stop early by; the score is the accuracy.

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
    >>> [record.epoch for record in HybridTraining(model, data, settings, random=random).epochs()]
    [1, 2]
    """

    def __init__(
        self,
        model: LabelledRBM,
        source: LabelledLike,
        settings: HybridSettings,
        *,
        random: Random | int = 0,
        held_out: LabelledLike | None = None,
    ) -> None:
        items = _fitting(model, as_labelled(source, model.classes))
        as_training_labels(items.labels, len(items), model.classes)
        measured = as_held_out(held_out, model.classes)
        if measured is not None:
            _fitting(model, measured)
        size = min(settings.batch_size, len(items))
        memory, random = settings.averaging * -(-len(items) // size), as_random(random, model.rbm.weights.device)
        super().__init__(model, memory, items, settings, measured, random)
        self._labelled, self._settings = model, settings
        self._read = items.reader(size, model.rbm.weights.dtype)
        self._discriminative = Discriminative(model, size, settings.dropout)
        self._generative = self._negative_phase(size) if settings.generative_weight else None
        self._parameters = dict(model.rbm.named_parameters())
        biases = [parameter for name, parameter in self._parameters.items() if name != "weights"]
        groups: list[dict[str, Any]] = [
            {"params": [model.rbm.weights], "weight_decay": settings.weight_decay},
            {"params": biases},
        ]
        self._optimizer = torch.optim.AdamW(
            groups,
            lr=settings.learning_rate,
            betas=(settings.momentum, 0.999),
            weight_decay=0.0,
            fused=True,
            maximize=True,
        )

    def _negative_phase(self, size: int) -> NegativePhase:
        rbm, settings = self._labelled.rbm, self._settings
        if settings.persistent_chains:
            start = rbm.hidden.sample(rbm.weights.new_zeros(settings.persistent_chains, rbm.hidden.size), self._random)
            return PersistentContrastiveDivergence(rbm, size, start, settings.gibbs_steps)
        return ContrastiveDivergence(rbm, size, settings.gibbs_steps, visible_samples=settings.visible_samples)

    @property
    def chains(self) -> dict[int, Tensor]:
        """Where the Markov chains of the model's RBM are, under 1; empty without any."""
        states = None if self._generative is None else self._generative.visible_chains()
        return {} if states is None else {1: states}

    @torch.no_grad()
    def _step(self, rows: Rows, left: float) -> Tensor:
        """One batch with a share of the learning rate; returns its -log p(y | v)."""
        joined = self._read(rows).to(self._labelled.rbm.weights.device)
        statistics = self._discriminative.statistics(self._thinned(joined), self._random)
        if self._generative is not None:
            generative = self._generative.statistics(joined, self._random)
            statistics = combine(statistics, generative, self._settings.generative_weight)
        for name, sums in statistics.by_parameter().items():
            self._parameters[name].grad = sums.div_(statistics.batch_size)
        for group in self._optimizer.param_groups:
            group["lr"] = self._settings.learning_rate * left
        self._optimizer.step()
        self._labelled.rbm.visible.constrain_()
        self._labelled.rbm.hidden.constrain_()
        self._averaged.follow()
        return self._discriminative.loss

    def _thinned(self, joined: Tensor) -> Tensor:
        """The same items without the values that input dropout takes."""
        if not self._settings.input_dropout:
            return joined
        values, labels = torch.split(joined, [self._labelled.values, self._labelled.classes], dim=1)
        return torch.cat([values * self._random.dropout_mask(values, self._settings.input_dropout), labels], dim=1)

    def _memory(self) -> dict[str, Tensor]:
        tensors = {**super()._memory(), **optimizer_memory(self._optimizer)}
        if self._generative is not None:
            tensors |= {f"phase.{name}": tensor for name, tensor in self._generative.state().items()}
        return tensors

    def _remember(self, tensors: Mapping[str, Tensor]) -> None:
        super()._remember(tensors)
        restore_optimizer(self._optimizer, tensors)
        if self._generative is not None:
            self._generative.restore(tensors_under("phase.", tensors))


def _fitting(model: LabelledRBM, items: Labelled) -> Labelled:
    """Items and labels that the RBM can see."""
    if items.width != model.rbm.visible.size:
        raise SettingsError(
            f"the RBM sees {model.values} values beside the label, the data have {items.source.width}: make them equal."
        )
    check_values(items, model.rbm.visible)
    return items
