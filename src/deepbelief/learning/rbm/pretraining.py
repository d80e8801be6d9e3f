"""Greedy pre-training of a DBN: layer by layer, each RBM on the means of the frozen layer below."""

import operator
from collections.abc import Iterator, Sequence
from typing import Final, final

import torch

from deepbelief.checkpoint import TrainingState, tensors_under
from deepbelief.data import Source, SourceLike, TensorSource
from deepbelief.data.views import Binarised
from deepbelief.errors import SettingsError
from deepbelief.learning.rbm.layer import EpochRecord, LayerTraining
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.models.checks import check_values, fitting, fitting_held_out
from deepbelief.models.dbn import DBN
from deepbelief.models.units import Bernoulli
from deepbelief.models.views import Encoded, Standardised, encode_source
from deepbelief.randomness import Random

FEATURE_BYTES: Final = 2**28
"""The features of a layer that take more memory than this are computed batch by batch, in each epoch again."""


@final
class Pretraining:
    """Trains a DBN on a source; iterate over `epochs()` and it does one epoch of one layer at a time.

    Args:
        dbn: changed in place.
        source: what layer 1 sees, a `Source`, tensor, NumPy array or list of lists (n, width): for binary units values
            in [0, 1], for real ones any; see `standardise`.
        settings: for each layer, from layer 1 up; or one for all.
        random: order of the images and states of the hidden units.
        layers: the layers to train, from 1; all of them if None.
        products: the type of the matrix products, such as `torch.bfloat16`; the parameters' own if None. Parameters
            and their updates keep their type.
        held_out: items to measure after each epoch, and to stop early by.

    Raises:
        SettingsError: settings, layers and data do not fit together.
        DataError: there are no items, or the visible units cannot have one of the values: the first one is named.

    >>> import torch
    >>> random = Random(0)
    >>> training = Pretraining(DBN.from_sizes([6, 4], random), torch.rand(10, 6), RBMSettings(epochs=2), random)
    >>> [record.epoch for record in training.epochs()]
    [1, 2]
    """

    def __init__(
        self,
        dbn: DBN,
        source: SourceLike,
        settings: RBMSettings | Sequence[RBMSettings],
        random: Random,
        layers: Sequence[int] | None = None,
        products: torch.dtype | None = None,
        held_out: SourceLike | None = None,
    ) -> None:
        for_each = list(settings) if isinstance(settings, Sequence) else [settings] * len(dbn)
        if not all(isinstance(one, RBMSettings) for one in for_each):
            raise SettingsError("give RBMSettings, one for all layers or a list with one for each.")
        if len(for_each) != len(dbn):
            raise SettingsError(f"{len(dbn)} layers need {len(dbn)} settings, not {len(for_each)}.")
        visible = dbn.layer(1).visible
        self._source = fitting(source, visible, "the DBN")
        self._held_out = fitting_held_out(held_out, visible, "the DBN")
        for one in for_each:
            if one.patience and self._held_out is None:
                raise SettingsError("patience needs data to stop by: give held_out, or set patience to 0.")
            if one.drop_last and len(self._source) < one.batch_size:
                raise SettingsError(
                    f"{len(self._source)} images fill no batch of {one.batch_size}: make batch_size smaller."
                )
        for layer in layers or ():
            dbn.layer(layer)  # which refuses a number that is not there
        _check_probabilities(dbn, [self._source, self._held_out], for_each)
        self._dbn, self._settings, self._random = dbn, for_each, random
        self._layers = list(range(1, len(dbn) + 1)) if layers is None else list(layers)
        self._products = products
        self._training: LayerTraining | None = None  # of the layer at work
        self._best: dict[str, torch.Tensor] = {}  # its parameters at the best epoch, where there is a patience
        self._done = 0  # finished layers
        self._epoch = 0  # finished epochs of the layer at work
        self.records: list[EpochRecord] = []

    def epochs(self) -> Iterator[EpochRecord]:
        """Train; one record after each epoch. After `restore`, only the epochs that are left.

        Raises:
            DivergedError: a layer diverged; the DBN's parameters are as after the last good epoch.
        """
        while self._done < len(self._layers):
            layer = self._layers[self._done]
            training = self._training or self._start_layer(layer)
            while self._epoch < training.settings.epochs and not self._patience_is_over(layer):
                record = training.one_epoch(self._epoch + 1)
                self._epoch += 1
                self.records.append(record)
                self._remember_best(layer)
                yield record
            self._return_to_best(layer)
            self._done, self._epoch, self._training, self._best = self._done + 1, 0, None, {}

    def _start_layer(self, layer: int) -> LayerTraining:
        rbm, settings, random = self._dbn.layer(layer), self._settings[layer - 1], self._random
        held_out = None if self._held_out is None else self._seen_by(layer, self._held_out)
        seen = self._seen_by(layer, self._source)
        self._training = LayerTraining(layer, rbm, seen, settings, random, self._products, held_out)
        return self._training

    def _seen_by(self, layer: int, source: Source) -> Source:
        """What a layer sees of a source; features that would take much memory are computed anew for each batch."""
        drawn = self._settings[0].binarise
        seen: Source = Binarised(source, self._random) if drawn else source
        if layer == 1:
            return seen if self._dbn.standardisation is None else Standardised(seen, self._dbn.standardisation)
        weights = self._dbn.layer(layer).weights
        if drawn or len(source) * weights.shape[0] * weights.element_size() > FEATURE_BYTES:
            seen = Encoded(self._dbn, seen, layer - 1)
        else:
            seen = TensorSource(encode_source(self._dbn, source, layer - 1))
        return Binarised(seen, self._random) if self._settings[layer - 1].binarise else seen

    # Early stopping.

    def _of_layer(self, layer: int) -> list[float]:
        """The figure that early stopping watches after each epoch, the higher the better."""
        monitors = (record.monitors for record in self.records if record.layer == layer)
        return [one.get("pseudo_likelihood_unit", -one.get("held_out_error_unit", 0.0)) for one in monitors]

    def _patience_is_over(self, layer: int) -> bool:
        patience, values = self._settings[layer - 1].patience, self._of_layer(layer)
        return bool(patience and values) and len(values) - 1 - values.index(max(values)) >= patience

    def _remember_best(self, layer: int) -> None:
        values = self._of_layer(layer)
        if self._settings[layer - 1].patience and values.index(max(values)) == len(values) - 1:
            state = self._dbn.layer(layer).state_dict()
            self._best = {name: tensor.clone() for name, tensor in state.items()}

    def _return_to_best(self, layer: int) -> None:
        if self._best:
            self._dbn.layer(layer).load_state_dict(self._best)

    def state(self) -> TrainingState:
        """Everything to go on from here, bit by bit the same."""
        tensors = {f"dbn.{name}": tensor for name, tensor in self._dbn.state_dict().items()}
        tensors |= {f"random.{name}": tensor for name, tensor in self._random.state().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self._best.items()}
        if self._training is not None:
            tensors |= {f"layer.{name}": tensor for name, tensor in self._training.state().items()}
        records = [[one.layer, one.epoch, one.reconstruction_error, one.monitors] for one in self.records]
        return TrainingState(tensors, {"done": self._done, "epoch": self._epoch, "records": records})

    def restore(self, state: TrainingState) -> None:
        """Go on from what `state` gave."""
        self._dbn.load_state_dict(tensors_under("dbn.", state.tensors))
        self._done, self._epoch = operator.index(state.progress["done"]), operator.index(state.progress["epoch"])
        self.records = [EpochRecord(*values) for values in state.progress["records"]]
        if best := tensors_under("best.", state.tensors):
            room = self._dbn.layer(self._layers[self._done]).state_dict()
            self._best = {name: tensor.clone().copy_(best[name]) for name, tensor in room.items()}
        if self._done < len(self._layers) and self._epoch:
            self._start_layer(self._layers[self._done]).restore(tensors_under("layer.", state.tensors))
        self._random.restore(tensors_under("random.", state.tensors))  # last: to start a layer draws from it


def _check_probabilities(dbn: DBN, sources: Sequence[Source | None], settings: Sequence[RBMSettings]) -> None:
    """Raise an error where `binarise` would draw binary states from values that are no probabilities."""
    for number, one in enumerate(settings[1:], start=2):
        units = dbn.layer(number).visible
        if one.binarise and units.states is None:
            raise SettingsError(
                f"binarise takes values for probabilities, and those of the {type(units).__name__} units that layer "
                f"{number} sees are none: leave it out there."
            )
    for source in sources:
        if settings[0].binarise and source is not None:
            check_values(source, Bernoulli(source.width))
