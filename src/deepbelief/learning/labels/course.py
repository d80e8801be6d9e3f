"""What trainings of models with labels share: an average of the model is measured by its accuracy, and kept."""

from collections.abc import Mapping

from torch import Tensor

from deepbelief.checkpoint import tensors_under
from deepbelief.data import Labelled, Source
from deepbelief.learning.course import MinibatchCourse, MinibatchCourseSettings
from deepbelief.learning.labels.averaging import Averaged
from deepbelief.models.feedforward import accuracy
from deepbelief.models.labelled import LabelledDBN, LabelledRBM
from deepbelief.randomness import Random


class LabelledCourse(MinibatchCourse):
    """A `MinibatchCourse` of a model with labels.

    Args:
        model: what learns.
        memory: the steps over which the parameters are averaged, see `Averaged`.
        items: what is learnt from.
        settings: epochs, batch_size and patience.
        held_out: items and labels to measure, checked.
        random: order of the items.
    """

    def __init__(
        self,
        model: LabelledRBM | LabelledDBN,
        memory: float,
        items: Source,
        settings: MinibatchCourseSettings,
        held_out: Labelled | None,
        random: Random,
    ) -> None:
        self._averaged, self._held_out = Averaged(model, memory), held_out
        super().__init__(model, self._averaged.module, items, settings, held_out is not None, random)

    def _score(self) -> float:
        assert self._held_out is not None
        return accuracy(self._averaged.module, self._held_out.source, self._held_out.labels)

    def _memory(self) -> dict[str, Tensor]:
        return {f"averaged.{name}": tensor for name, tensor in self._averaged.state().items()}

    def _remember(self, tensors: Mapping[str, Tensor]) -> None:
        self._averaged.restore(tensors_under("averaged.", tensors))
