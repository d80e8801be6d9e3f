"""The up-down algorithm: contrastive wake-sleep learning of a DBN with labels."""

import copy
from collections.abc import Iterator
from functools import partial
from typing import Final, final

import torch
from pydantic import Field
from torch import Tensor

from deepbelief.arrays import TensorLike
from deepbelief.checkpoint import TrainingState, tensors_under
from deepbelief.data import Labelled, Rows, SourceLike
from deepbelief.data.labels import as_labels, as_training_labels
from deepbelief.errors import DeepBeliefError
from deepbelief.learning.backprop.loop import Course, ValidationRecord
from deepbelief.learning.labels.averaging import Averaged
from deepbelief.learning.labels.directions import Associative, Direction
from deepbelief.models.checks import fitting, fitting_held_out
from deepbelief.models.feedforward import accuracy
from deepbelief.models.labelled import LabelledDBN
from deepbelief.models.views import Standardised
from deepbelief.randomness import Random
from deepbelief.settings import settings_dataclass

_GONE: Final = 1e4  # far beyond any weight or bias that means something


@final
@settings_dataclass
class UpDownSettings:
    """How the up-down algorithm learns, on shuffled minibatches.

    `learning_rate` is that of the recognition and the generative weights, `top_learning_rate` that of the top RBM; both
    fall linearly to 0 over the epochs. Its Gibbs chain has `gibbs_steps` steps, with `growing_gibbs_steps` from 1 at
    the first epochs to that at the last. With a `discriminative_weight` that RBM is a hybrid one: it climbs log p(s, y)
    + `discriminative_weight` log p(y | s) of the states s below it; with 0 the algorithm is the published one.
    `weight_decay` is L2; `averaging` and `patience` are as in `HybridSettings`.
    """

    epochs: int = Field(default=100, ge=1)
    batch_size: int = Field(default=100, ge=1)
    learning_rate: float = Field(default=0.02, gt=0, allow_inf_nan=False)
    top_learning_rate: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    gibbs_steps: int = Field(default=3, ge=1)
    growing_gibbs_steps: bool = False
    discriminative_weight: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    averaging: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    patience: int = Field(default=0, ge=0)

    def gibbs_steps_at(self, epoch: int) -> int:
        """The steps of the chain at an epoch, counted from 1."""
        return -(-self.gibbs_steps * epoch // self.epochs) if self.growing_gibbs_steps else self.gibbs_steps


@final
class UpDown:
    """Trains a `LabelledDBN` with recognition weights R and generative weights G untied (Hinton et al. 2006).

    A step on a batch: *wake*: states s_l ~ p_R(s_l | s_l-1) go up from the data, and each G learns to predict s_l-1
    from s_l. The top RBM learns by contrastive divergence from [s_L, y], as a hybrid RBM if asked to. *Sleep*: from
    where its chain ends, states t_l-1 ~ p_G(t_l-1 | t_l) go down, to means of the visible units, and each R learns to
    predict t_l from t_l-1. To predict is the delta rule, the gradient of log p(x | given): (x - E[x | given]) along
    the field. All states are drawn before anything is changed.

    Args:
        model: changed in place; it gets a `recognition` of its own, a copy of `below`, if it has none.
        training: items, as a source, tensor, NumPy array or list of lists, and their labels, (n,) whole numbers from 0
            in any of these forms.
        held_out: items and labels to measure after each epoch, and to stop early by.
        settings: how.
        random: order of the items and states of the units.

    Warns:
        DataWarning: a class has no training item.

    Raises:
        SettingsError: model, settings and data do not fit together.
        DataError: there are no items, the visible units cannot have one of the values, or labels are not as
            `as_training_labels` wants them.

    The `loss` of its records is the squared error of G's prediction of the data, for each item.
    """

    def __init__(
        self,
        model: LabelledDBN,
        training: tuple[SourceLike, TensorLike],
        held_out: tuple[SourceLike, TensorLike] | None,
        settings: UpDownSettings,
        random: Random,
    ) -> None:
        visible, classes = model.below.layer(1).visible, model.top.classes
        source = fitting(training[0], visible, "the DBN")
        labels = as_training_labels(training[1], len(source), classes)
        others = None if held_out is None else fitting_held_out(held_out[0], visible, "the DBN")
        asked = None if others is None or held_out is None else (others, as_labels(held_out[1], len(others), classes))
        if model.below.standardisation is not None:
            source = Standardised(source, model.below.standardisation)
        if model.recognition is None:
            model.recognition = copy.deepcopy(model.below)
        labelled = Labelled(source, labels, classes)
        self._model, self._settings, self._random = model, settings, random
        self._width = source.width
        size = min(settings.batch_size, len(source))
        self._read = labelled.reader(size, model.top.rbm.weights.dtype)
        numbers = range(1, len(model.below) + 1)
        self._up = [Direction(model.recognition.layer(number), True, size) for number in numbers]
        self._down = [Direction(model.below.layer(number), False, size) for number in numbers]
        self._top = Associative(model.top, size, settings.discriminative_weight)
        self._averaged = Averaged(model, settings.averaging * -(-len(source) // size))
        averaged = self._averaged.module
        score = None if asked is None else partial(accuracy, averaged, *asked)
        self._course = Course(averaged, len(source), score, settings, random)

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
        yield from self._course.epochs(self._step, self._check)
        self._course.best.put_into(self._model)

    def _check(self, _: float, epoch: int) -> None:
        """Raise an error if the parameters have gone; means and states stay finite whatever these do."""
        largest = max(float(parameter.detach().abs().max()) for parameter in self._model.parameters())
        if not largest < _GONE:  # NaN, too
            raise DeepBeliefError(
                f"the training diverged at epoch {epoch} (a parameter of {largest:.3g}): try a tenth of the learning "
                "rates."
            )

    @torch.no_grad()
    def _step(self, rows: Rows, left: float) -> Tensor:
        """One batch with a share of the learning rates; returns the squared error of the data's prediction."""
        settings, random = self._settings, self._random
        self._top.gibbs_steps = settings.gibbs_steps_at(len(self.records) + 1)
        joined = self._read(rows).to(self._model.top.rbm.weights)
        awake = [joined[:, : self._width]]
        for up in self._up:
            awake.append(up.sample(awake[-1], random))
        statistics, dreamt = self._top.statistics(awake[-1], joined[:, self._width :], random)
        asleep = [dreamt]
        for down in self._down[:0:-1]:
            asleep.insert(0, down.sample(asleep[0], random))
        asleep.insert(0, self._down[0].mean(asleep[0]))
        rates = settings.learning_rate * left, settings.momentum, settings.weight_decay
        errors = [down.learn(awake[number + 1], awake[number], *rates) for number, down in enumerate(self._down)]
        for number, up in enumerate(self._up):
            up.learn(asleep[number], asleep[number + 1], *rates)
        self._top.momentum.update(statistics, settings.top_learning_rate * left, *rates[1:])
        self._averaged.follow()
        return errors[0].square_().sum()

    def _velocities(self) -> dict[str, dict[str, Tensor]]:
        named = {f"up.{number}": one.momentum.velocity for number, one in enumerate(self._up)}
        named |= {f"down.{number}": one.momentum.velocity for number, one in enumerate(self._down)}
        return {**named, "top": self._top.momentum.velocity}

    def state(self) -> TrainingState:
        """Everything to go on from here, bit by bit the same."""
        tensors = {f"model.{name}": tensor for name, tensor in self._model.state_dict().items()}
        tensors |= {f"averaged.{name}": tensor for name, tensor in self._averaged.state().items()}
        for of, velocity in self._velocities().items():
            tensors |= {f"velocity.{of}.{name}": tensor for name, tensor in velocity.items()}
        return self._course.state_with(tensors)

    def restore(self, state: TrainingState) -> None:
        """Go on from what `state` gave."""
        self._model.load_state_dict(tensors_under("model.", state.tensors))
        self._averaged.restore(tensors_under("averaged.", state.tensors))
        for of, velocity in self._velocities().items():
            for name, tensor in tensors_under(f"velocity.{of}.", state.tensors).items():
                velocity[name].copy_(tensor)
        self._course.restore(state)
