"""Greedy pre-training of a DBN: layer by layer, each RBM on the means of the frozen layer below."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.checkpoint import TrainingState, tensors_under
from deepbelief.data import Features, Rows, Source
from deepbelief.dbn import DBN
from deepbelief.encoding import Encoded, encode_source
from deepbelief.errors import SettingsError
from deepbelief.learning.contrastive_divergence import (
    ContrastiveDivergence,
    Momentum,
    NegativePhase,
    PersistentContrastiveDivergence,
    check_finite,
)
from deepbelief.learning.replay import Replayed
from deepbelief.learning.settings import CDSettings
from deepbelief.randomness import Random
from deepbelief.rbm import RBM

_MONITORED: Final = 2000  # items whose reconstruction is measured after an epoch of persistent CD


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch of one layer gave."""

    layer: int
    epoch: int
    reconstruction_error: float
    """The squared error summed over a batch and averaged over the units, mean over the batches of the epoch.

    With persistent chains, which reconstruct no data: the same of E[v | E[h | v]] for some items, after the epoch.
    """


def batches(n: int, settings: CDSettings, random: Random) -> Iterator[slice | Tensor]:
    """The rows of each batch of an epoch: in random order if shuffled; the last one may be smaller, or dropped."""
    size, end = settings.batch_size, settings.images_per_epoch(n)
    order: Tensor | None = None
    if settings.shuffle:
        order = random.permutation(n).to(random.device)
    elif random.device.type == "cuda":  # where a replayed step looks its rows up
        order = torch.arange(n, device=random.device)
    for start in range(0, end, size):
        rows = slice(start, min(start + size, end))
        yield rows if order is None else order[rows]


@final
class Pretraining:
    """Trains a DBN on a source; iterate over `epochs()` and it does one epoch of one layer at a time.

    Args:
        dbn: changed in place.
        source: what layer 1 sees, values in [0, 1].
        settings: for each layer, from layer 1 up.
        random: order of the images and states of the hidden units.
        layers: the layers to train, from 1; all of them if None.
        products: the type of the matrix products, such as `torch.bfloat16`; the parameters' own if None. Parameters
            and their updates keep their type.
        feature_bytes: the features of a layer that take more memory than this are computed batch by batch, in each
            epoch again.

    >>> import torch
    >>> random = Random(0)
    >>> training = Pretraining(dbn := DBN.from_sizes([6, 4], random), Features(torch.rand(10, 6)),
    ...                        [CDSettings(epochs=2)], random)
    >>> [record.epoch for record in training.epochs()]
    [1, 2]
    """

    def __init__(
        self,
        dbn: DBN,
        source: Source,
        settings: Sequence[CDSettings],
        random: Random,
        layers: Sequence[int] | None = None,
        products: torch.dtype | None = None,
        feature_bytes: int = 2**28,
    ) -> None:
        if source.width != dbn.sizes[0]:
            raise SettingsError(f"the DBN sees {dbn.sizes[0]} values, the data have {source.width}: make them equal.")
        if len(settings) != len(dbn):
            raise SettingsError(f"{len(dbn)} layers need {len(dbn)} settings, not {len(settings)}.")
        for one in settings:
            if one.drop_last and len(source) < one.batch_size:
                raise SettingsError(f"{len(source)} images fill no batch of {one.batch_size}: make batch_size smaller.")
        self._dbn, self._source, self._settings, self._random = dbn, source, settings, random
        self._layers = list(range(1, len(dbn) + 1)) if layers is None else list(layers)
        self._products, self._feature_bytes = products, feature_bytes
        self._start_layer(self._layers[0])
        self._done = 0  # finished layers
        self._epoch = 0  # finished epochs of the layer at work
        self.records: list[EpochRecord] = []

    def epochs(self) -> Iterator[EpochRecord]:
        """Train; one record after each epoch. After `restore`, only the epochs that are left."""
        while self._done < len(self._layers):
            layer = self._layers[self._done]
            settings = self._settings[layer - 1]
            source = self._seen_by(layer)
            while self._epoch < settings.epochs:
                self._epoch += 1
                error = self._one_epoch(layer, source, settings)
                check_finite(error, layer, self._epoch)
                self.records.append(EpochRecord(layer, self._epoch, error))
                yield self.records[-1]
            self._done, self._epoch = self._done + 1, 0
            if self._done < len(self._layers):
                self._start_layer(self._layers[self._done])

    def _seen_by(self, layer: int) -> Source:
        """What a layer learns from; features that would take much memory are computed anew for each batch."""
        if layer == 1:
            return self._source
        weights = self._dbn.layer(layer).weights
        if len(self._source) * weights.shape[0] * weights.element_size() > self._feature_bytes:
            return Encoded(self._dbn, self._source, layer - 1)
        return Features(encode_source(self._dbn, self._source, layer - 1))

    def _start_layer(self, layer: int) -> None:
        rbm, chains = self._dbn.layer(layer), self._settings[layer - 1].persistent_chains
        self._momentum = Momentum(rbm)
        halves = torch.full((chains, rbm.hidden.size), 0.5, dtype=rbm.weights.dtype, device=rbm.weights.device)
        self._chains = self._random.bernoulli(halves)

    def _one_epoch(self, layer: int, source: Source, settings: CDSettings) -> float:
        rbm, size = self._dbn.layer(layer), min(settings.batch_size, len(source))
        read = source.reader(size, self._products or rbm.weights.dtype)
        phase = self._negative_phase(rbm, size, settings)
        rates = settings.learning_rate_at(self._epoch), settings.momentum_at(self._epoch), settings.weight_decay
        squared_error = torch.zeros((), dtype=torch.float64, device=rbm.weights.device)

        def step(rows: Rows) -> None:
            statistics = phase.statistics(read(rows), self._random)
            self._momentum.update(statistics, *rates)
            if statistics.squared_error is not None:
                squared_error.add_(statistics.squared_error)

        # The images may stay on the CPU while the model is on the GPU; a graph cannot look there.
        on_gpu = self._source.batch(slice(0, 1)).device.type == "cuda"
        run = Replayed(step, size, self._random) if on_gpu else step
        for rows in batches(len(source), settings, self._random):
            run(rows)
        measured = settings.images_per_epoch(len(source))
        if settings.persistent_chains:
            measured = min(len(source), _MONITORED)
            items = source.batch(slice(0, measured)).to(rbm.weights)
            squared_error += (items - rbm.reconstruct(items)).detach().pow_(2).sum()
        # Per item and unit, times the batch size: for whole batches just the mean over batches.
        return float(squared_error) / measured / rbm.visible.size * settings.batch_size

    def _negative_phase(self, rbm: RBM, batch_size: int, settings: CDSettings) -> NegativePhase:
        gibbs_steps = settings.gibbs_steps_at(self._epoch)
        if settings.persistent_chains:
            return PersistentContrastiveDivergence(rbm, batch_size, self._chains, gibbs_steps, self._products)
        return ContrastiveDivergence(rbm, batch_size, gibbs_steps, self._products)

    def state(self) -> TrainingState:
        """Everything to go on from here, bit by bit the same."""
        tensors = {f"dbn.{name}": tensor for name, tensor in self._dbn.state_dict().items()}
        tensors |= {f"velocity.{name}": tensor for name, tensor in self._momentum.velocity.items()}
        tensors |= {f"random.{name}": tensor for name, tensor in self._random.state().items()}
        tensors |= {"chains": self._chains} if len(self._chains) else {}
        records = [[record.layer, record.epoch, record.reconstruction_error] for record in self.records]
        return TrainingState(tensors, {"done": self._done, "epoch": self._epoch, "records": records})

    def restore(self, state: TrainingState) -> None:
        """Go on from what `state` gave."""
        self._dbn.load_state_dict(tensors_under("dbn.", state.tensors))
        self._done, self._epoch = state.progress["done"], state.progress["epoch"]
        self.records = [EpochRecord(*values) for values in state.progress["records"]]
        if self._done < len(self._layers):
            self._start_layer(self._layers[self._done])
            self._chains.copy_(state.tensors.get("chains", self._chains))
            for name, tensor in tensors_under("velocity.", state.tensors).items():
                self._momentum.velocity[name].copy_(tensor)
        self._random.restore(tensors_under("random.", state.tensors))  # last: to start a layer draws from it
