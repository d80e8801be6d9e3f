"""Joint training of a DBN: every layer learns from every batch."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import final

import torch
from torch import Tensor

from deepbelief.checkpoint import TrainingState, tensors_under
from deepbelief.data import Rows, Source, SourceLike
from deepbelief.data.views import Binarised
from deepbelief.errors import SettingsError
from deepbelief.learning.course import values_of
from deepbelief.learning.rbm.batches import batches
from deepbelief.learning.rbm.cuda_graph import Replayed
from deepbelief.learning.rbm.pretraining import fitting_stack, standardised
from deepbelief.learning.rbm.records import DivergedError, EpochRecord
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.learning.rbm.training import BETWEEN_CHECKS, RBMTraining
from deepbelief.learning.rbm.update import MakeOptimizer
from deepbelief.learning.together import read_share
from deepbelief.models.dbn import DBN
from deepbelief.models.missing import without_missing
from deepbelief.models.views import Encoded
from deepbelief.randomness import Random, as_random
from deepbelief.system.compilation import Compiler
from deepbelief.system.processes import Share, here

_SHARED = ("epochs", "batch_size", "shuffle", "drop_last")  # settings of the batches, which are the same for all layers


@final
class JointTraining:
    """Trains all layers of a DBN at once, the iterative way (Zambra, Testolin & Zorzi 2022).

    From each batch layer 1 learns by one update; the batch's means of its hidden units, as they were for that update,
    are what layer 2 learns from, and so on up. So upper layers begin on features that are still changing and follow
    them, as in a brain that does not learn area after area; where `Pretraining` is done with a layer before the next
    one begins. An epoch costs as much as one of each layer, and nothing has to be encoded in between.

    Args:
        dbn: changed in place.
        source, random, held_out, products, optimizer, compiler: as for `Pretraining`.
        settings: for each layer, from layer 1 up, with the same batches and number of epochs and no patience; or one
            for all.

    Raises:
        SettingsError: settings, layers and data do not fit together.
        DataError: there are no items, or the visible units cannot have one of the values: the first one is named.

    >>> dbn = DBN.from_sizes([6, 4, 3], Random(0))
    >>> training = JointTraining(dbn, torch.rand(10, 6), RBMSettings(epochs=2))
    >>> [(record.epoch, record.layer) for record in training.epochs()]
    [(1, 1), (1, 2), (2, 1), (2, 2)]
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
    ) -> None:
        self._dbn, self._random = dbn, as_random(random, dbn.layer(1).weights.device)
        items, held, for_each = fitting_stack(dbn, source, held_out, settings)
        check_joint(for_each)
        self._settings = for_each[0]
        self._layers = [
            RBMTraining(
                dbn.layer(layer),
                self._seen_by(layer, items, one.binarise),
                one,
                random=self._random,
                held_out=None if held is None else self._seen_by(layer, held, one.binarise),
                products=products,
                optimizer=optimizer,
                compiler=compiler,
                layer=layer,
            )
            for layer, one in enumerate(for_each, start=1)
        ]
        self._items = items
        self._size = min(self._settings.batch_size, len(items))
        first = self._seen_by(1, items, self._settings.binarise)
        self._processes = here()
        self._read = first.reader(self._processes.most(self._size), dbn.layer(1).weights.dtype)
        self.records: list[EpochRecord] = []
        """One for each layer of each epoch so far."""

    def _seen_by(self, layer: int, source: Source, binarise: bool) -> Source:
        """What a layer sees of a source at any time: by the layers below as they then are."""
        drawn = Binarised(source, self._random) if self._settings.binarise else source
        if layer == 1:
            return standardised(self._dbn, drawn)
        features = Encoded(self._dbn, drawn, layer - 1)
        return Binarised(features, self._random) if binarise else features

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose parameters are kept: the last one; None before the first."""
        return self.records[-1].epoch if self.records else None

    @property
    def chains(self) -> dict[int, Tensor]:
        """Where the Markov chains of each layer are, by its number; empty without any."""
        return {layer: states for training in self._layers for layer, states in training.chains.items()}

    def epochs(self) -> Iterator[EpochRecord]:
        """Train; after each epoch one record for each layer. After `restore`, only the epochs that are left.

        Raises:
            DivergedError: a layer diverged; the parameters of all layers are as after the last good epoch.
        """
        for epoch in range(len(self.records) // len(self._layers) + 1, self._settings.epochs + 1):
            for training in self._layers:
                training.begin(epoch)
            replayable = all(training.replayable for training in self._layers)
            run = Replayed(self._learn, self._size, self._random) if replayable else self._learn
            for number, rows in enumerate(self._batches(), start=1):
                run(rows)
                if number % BETWEEN_CHECKS == 0:
                    self._check(epoch)
            self._check(epoch)
            new = [training.measure(epoch) for training in self._layers]
            self.records += new
            yield from new

    def _batches(self) -> Iterator[Rows]:
        return batches(len(self._items), self._settings, self._random, self._items.weights, self._items)

    def _learn(self, rows: Rows) -> None:
        """Every layer learns from one batch."""
        values, share = read_share(self._processes, self._read, rows, self._random)
        with nullcontext() if share is None else self._random.part_of(share.whole, share.rows):
            self._learn_from(values, share)

    def _learn_from(self, values: Tensor, share: Share | None) -> None:
        for number, training in enumerate(self._layers):
            drawn = number > 0 and training.settings.binarise  # the states of layer 1 were drawn when they were read
            seen = self._random.bernoulli(values) if drawn else values
            values = training.learn(seen, share)
            if training.settings.dropout:  # the layer above sees all units together
                values = training.rbm.hidden_mean(without_missing(seen)).detach()

    def _check(self, epoch: int) -> None:
        """If one layer has diverged, all go back to before the epoch: upper ones learnt from features of it."""
        try:
            for training in self._layers:
                training.check(epoch)
        except DivergedError:
            for training in self._layers:
                training.undo()
            raise

    def state(self) -> TrainingState:
        """Everything to go on from here, bit by bit the same."""
        tensors: dict[str, Tensor] = {}
        for number, training in enumerate(self._layers, start=1):
            state = training.state()
            tensors |= {f"{number}.{name}": tensor for name, tensor in state.tensors.items()}
        return TrainingState(tensors, {**state.progress, "records": values_of(self.records)})

    def restore(self, state: TrainingState) -> None:
        """Go on from what `state` gave."""
        self.records = [EpochRecord(*values) for values in state.progress["records"]]
        for number, training in enumerate(self._layers, start=1):
            tensors = tensors_under(f"{number}.", state.tensors)
            training.restore(TrainingState(tensors, {**state.progress, "records": []}))


def check_joint(settings: Sequence[RBMSettings]) -> None:
    """Raise a `SettingsError` if the layers cannot learn from the same batches by these settings."""
    for name in _SHARED:
        if len({getattr(one, name) for one in settings}) > 1:
            raise SettingsError(f"all layers learn from the same batches: give them the same {name}.")
    if any(one.patience for one in settings):
        raise SettingsError("layers that learn together do not stop one by one: set patience to 0.")
