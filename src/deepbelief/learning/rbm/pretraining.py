"""Greedy pre-training of a DBN: layer by layer, each RBM on the means of the frozen layer below."""

import operator
from collections.abc import Iterator, Sequence
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.checkpoint import TrainingState, tensors_under
from deepbelief.data import Source, SourceLike, TensorSource
from deepbelief.data.views import Binarised, Weighted
from deepbelief.errors import SettingsError
from deepbelief.learning.course import best_epoch, values_of
from deepbelief.learning.rbm.records import EpochRecord
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.learning.rbm.training import RBMTraining
from deepbelief.learning.rbm.update import MakeOptimizer
from deepbelief.models.checks import check_known, check_probabilities, fitting, fitting_held_out
from deepbelief.models.dbn import DBN
from deepbelief.models.views import Encoded, Standardised, encode_source
from deepbelief.randomness import Random, as_random
from deepbelief.system.compilation import Compiler

FEATURE_BYTES: Final = 2**28
"""The features of a layer that take more memory than this are computed batch by batch, in each epoch again."""


@final
class Pretraining:
    """Trains a DBN on a source; iterate over `epochs()` and it does one epoch of one layer at a time.

    Args:
        dbn: changed in place.
        source: what layer 1 sees, a `Source`, tensor, NumPy array or list of lists (n, width): for binary units values
            in [0, 1], for real ones any; see `standardise`. NaN is a value that is missing, as for `RBMTraining`: layer
            1 learns from what is known, and upper layers from its features of that.
        settings: for each layer, from layer 1 up; or one for all.
        random: order of the items and states of the units; a whole number is a seed.
        held_out: items to measure after each epoch, and to stop early by.
        products: the type of the matrix products, such as `torch.bfloat16`; the parameters' own if None. Parameters
            and their updates keep their type.
        optimizer: makes an optimizer of PyTorch that takes the place of momentum, see `OptimizerUpdate`.
        compiler: compiles the element-wise work of a step, see `Compiler`; nothing is compiled if None.
        layers: the layers to train, from 1; all of them if None.

    Raises:
        SettingsError: settings, layers and data do not fit together.
        DataError: there are no items, or the visible units cannot have one of the values: the first one is named.

    >>> import torch
    >>> random = Random(0)
    >>> training = Pretraining(DBN.from_sizes([6, 4], random), torch.rand(10, 6), RBMSettings(epochs=2), random=random)
    >>> [record.epoch for record in training.epochs()]
    [1, 2]
    """

    def __init__(
        self,
        dbn: DBN,
        source: SourceLike,
        settings: RBMSettings | Sequence[RBMSettings],
        *,
        random: Random | int = 0,
        held_out: SourceLike | None = None,
        products: torch.dtype | None = None,
        optimizer: MakeOptimizer | None = None,
        compiler: Compiler | None = None,
        layers: Sequence[int] | None = None,
    ) -> None:
        self._source, self._held_out, for_each = fitting_stack(dbn, source, held_out, settings)
        for layer in layers or ():
            dbn.layer(layer)  # which refuses a number that is not there
        self._dbn, self._settings, self._random = dbn, for_each, as_random(random, dbn.layer(1).weights.device)
        self._layers = list(range(1, len(dbn) + 1)) if layers is None else list(layers)
        self._products, self._optimizer, self._compiler = products, optimizer, compiler
        self._training: RBMTraining | None = None  # of the layer at work
        self._finished: list[EpochRecord] = []  # of the layers before it
        self._done = 0  # how many these are

    @property
    def records(self) -> list[EpochRecord]:
        """One for each epoch of each layer so far."""
        return [*self._finished, *(self._training.records if self._training is not None else [])]

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose parameters are kept, of the layer that was trained last; None before the first."""
        records = self.records
        of_layer = [record for record in records if record.layer == records[-1].layer]
        return best_epoch(of_layer, self._settings[records[-1].layer - 1].patience) if records else None

    @property
    def chains(self) -> dict[int, Tensor]:
        """Where the Markov chains of the layer at work are, by its number; empty without any."""
        return {} if self._training is None else self._training.chains

    def epochs(self) -> Iterator[EpochRecord]:
        """Train; one record after each epoch. After `restore`, only the epochs that are left.

        Raises:
            DivergedError: a layer diverged; the DBN's parameters are as after the last good epoch.
        """
        while self._done < len(self._layers):
            training = self._training or self._start_layer(self._layers[self._done])
            yield from training.epochs()
            self._finished += training.records
            self._done, self._training = self._done + 1, None

    def _start_layer(self, layer: int) -> RBMTraining:
        rbm, settings, random = self._dbn.layer(layer), self._settings[layer - 1], self._random
        held_out = None if self._held_out is None else self._seen_by(layer, self._held_out)
        seen = self._seen_by(layer, self._source)
        self._training = RBMTraining(
            rbm,
            seen,
            settings,
            random=random,
            held_out=held_out,
            products=self._products,
            optimizer=self._optimizer,
            compiler=self._compiler,
            layer=layer,
        )
        return self._training

    def _seen_by(self, layer: int, source: Source) -> Source:
        """What a layer sees of a source; features that would take much memory are computed anew for each batch."""
        drawn = self._settings[0].binarise
        seen: Source = Binarised(source, self._random) if drawn else source
        if layer == 1:
            return standardised(self._dbn, seen)
        weights = self._dbn.layer(layer).weights
        if drawn or len(source) * weights.shape[0] * weights.element_size() > FEATURE_BYTES:
            seen = Encoded(self._dbn, seen, layer - 1)
        else:
            seen = TensorSource(encode_source(self._dbn, source, layer - 1))
            seen = seen if source.weights is None else Weighted(seen, source.weights)
        return Binarised(seen, self._random) if self._settings[layer - 1].binarise else seen

    def state(self) -> TrainingState:
        """Everything to go on from here, bit by bit the same."""
        tensors = {f"dbn.{name}": tensor for name, tensor in self._dbn.state_dict().items()}
        tensors |= {f"random.{name}": tensor for name, tensor in self._random.state().items()}
        layer = None
        if self._training is not None:
            at_work = self._training.state()
            layer = at_work.progress
            tensors |= {f"layer.{name}": tensor for name, tensor in at_work.tensors.items()}
        return TrainingState(tensors, {"done": self._done, "finished": values_of(self._finished), "layer": layer})

    def restore(self, state: TrainingState) -> None:
        """Go on from what `state` gave."""
        self._dbn.load_state_dict(tensors_under("dbn.", state.tensors))
        self._done = operator.index(state.progress["done"])
        self._finished = [EpochRecord(*values) for values in state.progress["finished"]]
        if (layer := state.progress["layer"]) is not None:
            at_work = TrainingState(tensors_under("layer.", state.tensors), layer)
            self._start_layer(self._layers[self._done]).restore(at_work)
        self._random.restore(tensors_under("random.", state.tensors))  # last: to start a layer draws from it


def standardised(dbn: DBN, source: Source) -> Source:
    """A source as layer 1 of a DBN sees it."""
    return source if dbn.standardisation is None else Standardised(source, dbn.standardisation)


def fitting_stack(
    dbn: DBN, source: SourceLike, held_out: SourceLike | None, settings: RBMSettings | Sequence[RBMSettings]
) -> tuple[Source, Source | None, list[RBMSettings]]:
    """The data and the settings of each layer, if they fit a DBN.

    Raises:
        SettingsError, DataError: as `Pretraining` says.
    """
    for_each = list(settings) if isinstance(settings, Sequence) else [settings] * len(dbn)
    if not all(isinstance(one, RBMSettings) for one in for_each):
        raise SettingsError("give RBMSettings, one for all layers or a list with one for each.")
    if len(for_each) != len(dbn):
        raise SettingsError(f"{len(dbn)} layers need {len(dbn)} settings, not {len(for_each)}.")
    visible = dbn.layer(1).visible
    items = fitting(source, visible, "the DBN", check=check_known)
    held = fitting_held_out(held_out, visible, "the DBN", check_known)
    for one in for_each:
        one.check_items(items, held)
    _check_binary(dbn, for_each)
    if for_each[0].binarise:
        check_probabilities(items)
        check_probabilities(held)
    return items, held, for_each


def _check_binary(dbn: DBN, settings: Sequence[RBMSettings]) -> None:
    """Raise an error where `binarise` would draw binary states of features that are no probabilities."""
    for number, one in enumerate(settings[1:], start=2):
        units = dbn.layer(number).visible
        if one.binarise and not units.grey:
            raise SettingsError(
                f"binarise takes values for probabilities, and those of the {type(units).__name__} units that layer "
                f"{number} sees are none: leave it out there."
            )
