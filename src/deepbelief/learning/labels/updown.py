"""The up-down algorithm: contrastive wake-sleep learning of a DBN with labels."""

import copy
from collections.abc import Mapping
from typing import Final, final

import torch
from pydantic import Field
from torch import Tensor

from deepbelief.checkpoint import tensors_under
from deepbelief.data import Labelled, LabelledLike, Rows, as_held_out, as_labelled
from deepbelief.data.labels import as_training_labels
from deepbelief.errors import DeepBeliefError
from deepbelief.learning.course import MinibatchCourseSettings
from deepbelief.learning.labels.course import LabelledCourse
from deepbelief.learning.labels.directions import Direction, TopRBM
from deepbelief.models.checks import fitting
from deepbelief.models.labelled import LabelledDBN
from deepbelief.models.views import Standardised
from deepbelief.randomness import Random, as_random
from deepbelief.settings import settings_dataclass

_GONE: Final = 1e4  # far beyond any weight or bias that means something


@final
@settings_dataclass
class UpDownSettings(MinibatchCourseSettings):
    """How the up-down algorithm learns, on shuffled minibatches.

    `learning_rate` is that of the recognition and the generative weights, `top_learning_rate` that of the top RBM; both
    fall linearly to 0 over the epochs. Its Gibbs chain has `gibbs_steps` steps, with `growing_gibbs_steps` from 1 at
    the first epochs to that at the last. With a `discriminative_weight` that RBM is a hybrid one, which maximises
    log p(s, y) + `discriminative_weight` log p(y | s) of the states s below it; with 0 the algorithm is as
    published. `weight_decay` is L2; `averaging` is as in `HybridSettings`.
    """

    epochs: int = Field(default=100, ge=1)
    batch_size: int = Field(default=100, ge=1)
    learning_rate: float = Field(default=0.02, gt=0, allow_inf_nan=False)
    top_learning_rate: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    gibbs_steps: int = Field(default=3, ge=1)
    growing_gibbs_steps: bool = False
    discriminative_weight: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    averaging: float = Field(default=1.0, ge=0, allow_inf_nan=False)

    def gibbs_steps_at(self, epoch: int) -> int:
        """The steps of the chain at an epoch, counted from 1."""
        return -(-self.gibbs_steps * epoch // self.epochs) if self.growing_gibbs_steps else self.gibbs_steps


@final
class UpDownTraining(LabelledCourse):
    """Trains a `LabelledDBN` with recognition weights R and generative weights G untied (Hinton et al. 2006).

    A step on a batch: *wake*: states s_l ~ p_R(s_l | s_l-1) go up from the data, and each G learns to predict s_l-1
    from s_l. The top RBM learns by contrastive divergence from [s_L, y], as a hybrid RBM if asked to. *Sleep*: from
    where its chain ends, states t_l-1 ~ p_G(t_l-1 | t_l) go down, to means of the visible units, and each R learns to
    predict t_l from t_l-1. To predict is the delta rule, the gradient of log p(x | given): (x - E[x | given]) along
    the field. All states are drawn before anything is changed.

    Args:
        model: changed in place; it gets a `recognition` of its own, a copy of `below`, if it has none.

    The other arguments, the warnings and the errors are those of `HybridTraining`. The `loss` of its records is the
    squared error of G's prediction of the data, for each item.
    """

    def __init__(
        self,
        model: LabelledDBN,
        source: LabelledLike,
        settings: UpDownSettings,
        *,
        random: Random | int = 0,
        held_out: LabelledLike | None = None,
    ) -> None:
        items, first = as_labelled(source, model.classes), model.below.layer(1)
        seen = fitting(items.source, first.visible, "the DBN")
        labels = as_training_labels(items.labels, len(items), model.classes)
        measured = as_held_out(held_out, model.classes)
        if measured is not None:
            fitting(measured.source, first.visible, "the DBN", "held-out data")
        if model.below.standardisation is not None:
            seen = Standardised(seen, model.below.standardisation)
        if model.recognition is None:
            model.recognition = copy.deepcopy(model.below)
        size = min(settings.batch_size, len(items))
        memory, random = settings.averaging * -(-len(items) // size), as_random(random, first.weights.device)
        super().__init__(model, memory, items, settings, measured, random)
        self._labelled, self._settings, self._width = model, settings, seen.width
        self._read = Labelled(seen, labels, model.classes).reader(size, model.top.rbm.weights.dtype)
        numbers = range(1, len(model.below) + 1)
        self._up = [Direction(model.recognition.layer(number), True, size) for number in numbers]
        self._down = [Direction(model.below.layer(number), False, size) for number in numbers]
        self._top = TopRBM(model.top, size, settings.discriminative_weight)

    def _check(self, loss: float, epoch: int) -> None:
        """Raise an error if the parameters have gone; means and states stay finite whatever these do."""
        largest = max(float(parameter.detach().abs().max()) for parameter in self._labelled.parameters())
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
        joined = self._read(rows).to(self._labelled.top.rbm.weights)
        wake = [joined[:, : self._width]]
        for up in self._up:
            wake.append(up.sample(wake[-1], random))
        statistics, chain_end = self._top.statistics(wake[-1], joined[:, self._width :], random)
        sleep = [chain_end]
        for down in self._down[:0:-1]:
            sleep.insert(0, down.sample(sleep[0], random))
        sleep.insert(0, self._down[0].mean(sleep[0]))
        rates = settings.learning_rate * left, settings.momentum, settings.weight_decay
        errors = [down.learn(wake[number + 1], wake[number], *rates) for number, down in enumerate(self._down)]
        for number, up in enumerate(self._up):
            up.learn(sleep[number], sleep[number + 1], *rates)
        self._top.momentum.update(statistics, settings.top_learning_rate * left, *rates[1:])
        self._averaged.follow()
        return errors[0].square_().sum()

    def _velocities(self) -> dict[str, dict[str, Tensor]]:
        named = {f"up.{number}": one.momentum.velocity for number, one in enumerate(self._up)}
        named |= {f"down.{number}": one.momentum.velocity for number, one in enumerate(self._down)}
        return {**named, "top": self._top.momentum.velocity}

    def _memory(self) -> dict[str, Tensor]:
        tensors = super()._memory()
        for of, velocity in self._velocities().items():
            tensors |= {f"velocity.{of}.{name}": tensor for name, tensor in velocity.items()}
        return tensors

    def _remember(self, tensors: Mapping[str, Tensor]) -> None:
        super()._remember(tensors)
        for of, velocity in self._velocities().items():
            for name, tensor in tensors_under(f"velocity.{of}.", tensors).items():
                velocity[name].copy_(tensor)
