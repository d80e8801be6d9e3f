"""The training of one RBM: its batches and epochs, and what is measured after each epoch."""

from collections.abc import Iterator, Mapping
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.data import Rows, Source, SourceLike, as_source, evenly_spaced
from deepbelief.data.source import evenly_spaced_rows
from deepbelief.data.views import Binarised, Labelled
from deepbelief.errors import SettingsError
from deepbelief.learning.course import Training
from deepbelief.learning.rbm.batches import batches
from deepbelief.learning.rbm.cuda_graph import Replayed
from deepbelief.learning.rbm.monitors import (
    free_energy_gap,
    mean_log_likelihood,
    pseudo_likelihood,
    reconstruction_error,
)
from deepbelief.learning.rbm.negative_phases.base import NegativePhase
from deepbelief.learning.rbm.negative_phases.contrastive_divergence import ContrastiveDivergence
from deepbelief.learning.rbm.negative_phases.persistent import PersistentContrastiveDivergence
from deepbelief.learning.rbm.negative_phases.tempering import ParallelTempering
from deepbelief.learning.rbm.negative_phases.trajectory import TrajectoryTempering
from deepbelief.learning.rbm.records import DivergedError, EpochRecord
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.learning.rbm.step import Step
from deepbelief.learning.rbm.update import MakeOptimizer
from deepbelief.learning.together import begin_alike, read_share
from deepbelief.models.annealed_path import BASE_RATE_ITEMS, base_rate_bias
from deepbelief.models.checks import check_known, check_probabilities, fitting, fitting_held_out
from deepbelief.models.missing import without_missing
from deepbelief.models.rbm import RBM
from deepbelief.randomness import Random, as_random
from deepbelief.system.compilation import Compiler
from deepbelief.system.processes import Share, here
from deepbelief.system.products import product

_MONITORED: Final = 2000  # items that are measured after an epoch
_VALUES: Final = 1_600_000  # of items measured together, which are fewer if they are wide
_SUMMED: Final = 2**18  # of items summed together
_EXPLODED: Final = 100.0  # nats of free energy for each unit above its start, far beyond what training brings about
BETWEEN_CHECKS: Final = 100
"""Batches from one check for divergence to the next."""


@final
class RBMTraining(Training[EpochRecord]):
    """Trains one RBM; iterate over `epochs()`.

    Args:
        rbm: changed in place.
        source: what it learns from: a `Source`, tensor, NumPy array or list of lists, (n, width). NaN is a
            missing value (a categorical group is missing as a whole), which takes no part in either phase
            (Salakhutdinov, Mnih & Hinton 2007); this is for contrastive divergence, without chains and centring.
        settings: how.
        random: order of the items and states of the units; a whole number is a seed.
        held_out: items to measure after each epoch, and to stop early by.
        products: the type of the matrix products, such as `torch.bfloat16`; the parameters' own if None.
        optimizer: makes an optimizer of PyTorch that takes the place of momentum, see `OptimizerUpdate`.
        compiler: compiles the element-wise work of a step, see `Compiler`; nothing is compiled if None.
        layer: its number in a DBN whose pre-training has looked through the data; None for an RBM by itself.

    Inside `deepbelief.system.processes.joined()`, processes that `torchrun` has started share every batch and the
    persistent chains, and learn what one alone would have learnt, up to rounding; each of them needs all the data, the
    same settings and the same seed.

    Raises:
        SettingsError: settings and data do not fit together, or cannot be learnt with by several processes.
        DataError: there are no items, or the visible units cannot have one of the values: the first one is named.

    >>> from deepbelief import Bernoulli
    >>> rbm = RBM(Bernoulli(6), Bernoulli(4), Random(0))
    >>> training = RBMTraining(rbm, torch.rand(10, 6), RBMSettings(epochs=2))
    >>> [record.epoch for record in training.epochs()]
    [1, 2]
    """

    _record_kind = EpochRecord

    def __init__(
        self,
        rbm: RBM,
        source: SourceLike,
        settings: RBMSettings,
        *,
        random: Random | int = 0,
        held_out: SourceLike | None = None,
        products: torch.dtype | None = None,
        optimizer: MakeOptimizer | None = None,
        compiler: Compiler | None = None,
        layer: int | None = None,
    ) -> None:
        random = as_random(random, rbm.weights.device)
        if layer is None:
            source = fitting(source, rbm.visible, "the RBM", check=check_known)
            held_out = fitting_held_out(held_out, rbm.visible, "the RBM", check_known)
            settings.check_items(source, held_out)
            if settings.binarise:
                check_probabilities(source)
                check_probabilities(held_out)
                source = Binarised(source, random)
                held_out = None if held_out is None else Binarised(held_out, random)
        items = as_source(source)
        self._held_out = None if held_out is None else as_source(held_out)
        measured, compiled = self._held_out is not None, compiler is not None
        super().__init__(rbm, rbm, settings.epochs, settings.patience, measured, random, compiled)
        self.layer, self.rbm, self.settings, self._source = layer or 1, rbm, settings, items
        self._missing = items.missing
        if self._missing and (settings.persistent_chains or settings.centring):
            raise SettingsError(
                f"{100 * self._missing:.3g} % of the values are missing, and only contrastive divergence can learn "
                "from the others: set persistent_chains to 0 and leave centring out."
            )
        self._size, self._processes = min(settings.batch_size, len(items)), here()
        settings.check_processes(self._processes, (rbm.visible, rbm.hidden))
        self._most = self._processes.most(self._size)
        self._read = items.reader(self._most, rbm.weights.dtype)
        self._step = Step(rbm, self._negative_phase(products, compiler), settings, optimizer, compiler)
        self._momentum = optimizer is None
        if settings.visible_bias_from_data and not rbm.visible.bias.any():
            with torch.no_grad():
                rbm.visible.bias.copy_(self._base_rates(items))
        self._energy_at_start = self._energy()

    def _negative_phase(self, products: torch.dtype | None, compiler: Compiler | None) -> NegativePhase:
        rbm, settings, random = self.rbm, self.settings, self._random
        chains = settings.persistent_chains
        if settings.tempering.is_on:
            rbm.visible.check_states(without_missing(self._some(self._source, BASE_RATE_ITEMS)))
            base = self._base_rates(self._source)
            if settings.tempering.trajectory:
                return TrajectoryTempering(rbm, self._most, chains, base, random, products, compiler)
            return ParallelTempering(
                rbm, self._most, chains, settings.tempering.temperatures, base, random, products, compiler
            )
        if chains:
            items, clamped = evenly_spaced(self._source, chains).to(rbm.weights), None
            if settings.clamp_labels:
                clamped = _labels_of_chains(self._source, chains).to(items)
                items[:, items.shape[1] - clamped.shape[1] :] = clamped
            start = rbm.hidden.sample(product(items, rbm.weights), random)
            share = self._processes.share(chains)
            items, start = items[share.rows], start[share.rows]
            clamped = None if clamped is None else clamped[share.rows]
            return PersistentContrastiveDivergence(
                rbm, self._most, start, 1, products, settings.regularisation, items, clamped, share, compiler
            )
        return ContrastiveDivergence(
            rbm,
            self._most,
            1,
            products,
            settings.regularisation,
            settings.visible_samples,
            missing=self._missing > 0,
            compiler=compiler,
        )

    def _one_epoch(self, epoch: int) -> EpochRecord:
        self.begin(epoch)

        def learn(rows: Rows) -> None:
            self.learn(*read_share(self._processes, self._read, rows, self._random))

        run = Replayed(learn, self._size, self._random) if self.replayable else learn
        for number, rows in enumerate(self._batches(), start=1):
            run(rows)
            if number % BETWEEN_CHECKS == 0:
                self.check(epoch)
        self.check(epoch)
        return self.measure(epoch)

    def _batches(self) -> Iterator[Rows]:
        items = self._source
        return batches(len(items), self.settings, self._random, items.weights, items)

    @property
    def replayable(self) -> bool:
        """Whether a step may run as a CUDA graph: images on the CPU cannot be read in one, though the model may be."""
        on_gpu = self._source.batch(slice(0, 1)).device.type == "cuda"  # which may draw: first, in all processes
        units = self.rbm.visible.replayable and self.rbm.hidden.replayable and self._processes.count == 1
        return on_gpu and units and self._momentum and not self.settings.tempering.is_on

    @property
    def negative_phase(self) -> NegativePhase:
        """Where the model's statistics come from; with persistent chains or tempering it has the chains."""
        return self._step.phase

    @property
    def chains(self) -> dict[int, Tensor]:
        """Where the Markov chains are, by the layer's number, see `NegativePhase.visible_chains`; empty without any."""
        states = self._step.phase.visible_chains()
        return {} if states is None else {self.layer: states}

    def begin(self, epoch: int) -> None:
        """Get ready for an epoch, counted from 1, of calls of `learn`."""
        settings = self.settings
        begin_alike(self._processes, self.rbm, self._random, len(self._source))
        self._good = [parameter.detach().clone() for parameter in self.rbm.parameters()]
        self._rates = settings.learning_rate_at(epoch), settings.momentum_at(epoch)
        self._step.phase.gibbs_steps = settings.gibbs_steps_at(epoch)
        self._step.squared_error.zero_()
        self._step.begin()

    def learn(self, visible: Tensor, share: Share | None = None) -> Tensor:
        """Learn from a batch, (batch, visible); its hidden means in that update, (batch, hidden), see `Step`."""
        return self._step(visible, self._random, *self._rates, share)

    @torch.no_grad()
    def check(self, epoch: int) -> None:
        """Raise a `DivergedError`, and undo the epoch, if the free energy has left all bounds."""
        energy = self._energy()
        if energy < self._energy_at_start + _EXPLODED:  # False of NaN, too
            return
        self.undo()
        raise DivergedError(
            f"the training of layer {self.layer} diverged at epoch {epoch} (free energy of {energy:.3g} nats for each "
            "unit); the layer is as it was before that epoch: try a tenth of the learning rate, or "
            "max_gradient_norm = 1."
        )

    @torch.no_grad()
    def undo(self) -> None:
        """Put the parameters back to where they were when the epoch began."""
        for parameter, before in zip(self.rbm.parameters(), self._good, strict=True):
            parameter.copy_(before)
        self._step.update.forget()

    @torch.no_grad()
    def _energy(self) -> float:
        """The size of some items' free energy for each unit, in nats; for values without bounds it starts high."""
        items = without_missing(self._some(self._source, 100))
        return float(self.rbm.free_energy(items).abs().mean()) / sum(self.rbm.weights.shape)

    def _some(self, source: Source, items: int) -> Tensor:
        """Up to so many items from all over a source."""
        items = min(len(source), items, max(1, _VALUES // source.width))
        return evenly_spaced(source, items).to(self.rbm.weights)

    def _base_rates(self, source: Source) -> Tensor:
        """The visible biases of independent units, from items all over a source."""
        rows = evenly_spaced_rows(source, min(len(source), BASE_RATE_ITEMS))
        return base_rate_bias(self.rbm.visible, map(source.batch, torch.split(rows, max(1, _SUMMED // source.width))))

    def measure(self, epoch: int) -> EpochRecord:
        """What an epoch gave."""
        rbm, items = self.rbm, self._some(self._source, _MONITORED)
        monitors = {"reconstruction_error_unit": reconstruction_error(rbm, items)}
        if self.settings.persistent_chains:
            error = monitors["reconstruction_error_unit"]
        else:
            known = self.settings.images_per_epoch(len(self._source)) * rbm.visible.size * (1 - self._missing)
            error = float(self._step.squared_error) / max(1, known)
        if self._held_out is not None:
            held_out = self._some(self._held_out, _MONITORED)
            monitors["held_out_error_unit"] = reconstruction_error(rbm, held_out)
            if not held_out.isnan().any():
                monitors |= self._of_whole_items(items, held_out)
        if self.settings.batch_statistics:
            monitors["update_mean"], monitors["update_std"] = self._step.sizes.take()
            monitors["error_std"] = self._step.errors.take()[1]
        monitors |= self._step.phase.mixing()
        if (found := self._step.phase.log_z(self._random)) is not None:
            monitors["log_z"], monitors["log_z_error"] = found
            monitors["log_likelihood"] = mean_log_likelihood(rbm, items, found[0])
            if self._held_out is not None and not held_out.isnan().any():
                monitors["held_out_log_likelihood"] = mean_log_likelihood(rbm, held_out, found[0])
        # Per item and unit, times the batch size: for whole batches just the mean over batches.
        return EpochRecord(self.layer, epoch, error * self._size, monitors)

    def _of_whole_items(self, items: Tensor, held_out: Tensor) -> dict[str, float]:
        """What is measured of held-out items of which nothing is missing."""
        monitors = {"free_energy_gap": free_energy_gap(self.rbm, items, held_out)} if not self._missing else {}
        # The same units at each epoch: other ones would hide what an epoch has changed.
        likelihood = pseudo_likelihood(self.rbm, held_out, Random(0, "pseudo-likelihood", held_out.device))
        return monitors if likelihood is None else monitors | {"pseudo_likelihood_unit": likelihood}

    def _memory(self) -> dict[str, Tensor]:
        return {"energy_at_start": torch.tensor(self._energy_at_start, dtype=torch.float64), **self._step.state()}

    def _remember(self, tensors: Mapping[str, Tensor]) -> None:
        self._energy_at_start = float(tensors["energy_at_start"])
        self._step.restore(tensors)


def _labels_of_chains(source: Source, chains: int) -> Tensor:
    """A one-hot label for each chain, (chains, classes): one for each class that occurs, the others as they occur."""
    labelled = source.source if isinstance(source, Binarised) else source
    if not isinstance(labelled, Labelled):
        raise SettingsError("clamp_labels needs items with labels: give a `Labelled` source, or leave it out.")
    classes, ordered = torch.bincount(labelled.labels).nonzero().flatten(), labelled.labels.sort().values
    rest = chains - len(classes)
    if rest < 0:
        raise SettingsError(
            f"{chains} persistent chains cannot keep a label of each of {len(classes)} classes: take more of them."
        )
    chosen = torch.cat([classes, ordered[(2 * torch.arange(rest) + 1) * len(ordered) // max(1, 2 * rest)]])
    return torch.nn.functional.one_hot(chosen, labelled.classes)
