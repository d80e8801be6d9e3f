"""Snapshots: the parameters of each layer at chosen epochs of its training, for the stage `development`."""

from collections.abc import Iterator
from typing import final

from deepbelief.checkpoint import TrainingState
from deepbelief.learning.rbm.joint import JointTraining
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.records import EpochRecord
from deepbelief.models.dbn import DBN
from deepbelief.study.context import Context


@final
class WithSnapshots:
    """A training of a DBN that saves each layer after the epochs that the recipe chose; epoch 0 is before its training.

    A layer is saved before anybody is told of the epoch, and so before a checkpoint can say that it is over: a training
    that is killed and goes on from a checkpoint leaves none out. A layer's last epoch is not saved: it is in the DBN.
    """

    def __init__(self, training: Pretraining | JointTraining, dbn: DBN, context: Context) -> None:
        self._training, self._dbn, self._context = training, dbn, context

    @property
    def records(self) -> list[EpochRecord]:
        """As of the training itself."""
        return self._training.records

    def epochs(self) -> Iterator[EpochRecord]:
        """As of the training itself."""
        told = len(self._training.records)
        if not told:
            for layer in range(1, len(self._dbn) + 1):
                self._save(layer, 0)
        for record in self._training.epochs():
            for new in self._training.records[told:]:  # all layers, where they learn together
                self._save(new.layer, new.epoch)
            told = len(self._training.records)
            yield record

    def _save(self, layer: int, epoch: int) -> None:
        recipe = self._context.recipe
        if epoch in recipe.development.epochs and epoch < recipe.pretraining[layer - 1].epochs:
            self._context.save_snapshot(self._dbn, layer, epoch)

    def state(self) -> TrainingState:
        """As of the training itself."""
        return self._training.state()

    def restore(self, state: TrainingState) -> None:
        """As of the training itself."""
        self._training.restore(state)
