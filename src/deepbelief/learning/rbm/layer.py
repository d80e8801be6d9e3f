"""One RBM at work: its negative phase, its updates, and the watch over both."""

from dataclasses import field
from typing import Final, final

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from deepbelief.checkpoint import tensors_under
from deepbelief.data import Rows, Source, evenly_spaced
from deepbelief.errors import DeepBeliefError
from deepbelief.learning.rbm.batches import batches
from deepbelief.learning.rbm.contrastive_divergence import ContrastiveDivergence, PersistentContrastiveDivergence
from deepbelief.learning.rbm.moments import Moments
from deepbelief.learning.rbm.monitors import free_energy_gap, pseudo_likelihood, reconstruction_error
from deepbelief.learning.rbm.replay import Replayed
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.learning.rbm.statistics import NegativePhase
from deepbelief.learning.rbm.tempering import ParallelTempering, TrajectoryTempering
from deepbelief.learning.rbm.update import Centring, Momentum, clip, penalise
from deepbelief.models.annealed_path import BASE_RATE_ITEMS, base_rate_bias
from deepbelief.models.rbm import RBM
from deepbelief.randomness import Random

_MONITORED: Final = 2000  # items that are measured after an epoch
_EXPLODED: Final = 100.0  # nats of free energy for each unit above its start, far beyond what training brings about
_BETWEEN_CHECKS: Final = 100  # batches


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch of one layer gave."""

    layer: int
    epoch: int
    reconstruction_error: float
    """The squared error summed over a batch and averaged over the units, mean over the batches of the epoch; it grows
    with the batch size.

    With persistent chains, which reconstruct no data: the same of E[v | E[h | v]] for some items, after the epoch.
    """
    monitors: dict[str, float] = field(default_factory=dict)
    """Figures that compare across data sets and batch sizes, measured after the epoch on up to 2,000 items:
    `reconstruction_error_unit` and, with held-out data, `held_out_error_unit`, `free_energy_gap`,
    `pseudo_likelihood_unit` (nats, for each visible unit or group of categorical units).

    Of the negative phase `swap_rate`, `snapshots` and `autocorrelation_time` (updates; inf where the chains stood still
    or were too slow to tell; NaN where an epoch has fewer than ten).

    With `batch_statistics`, over the batches of the epoch: `error_std`, the standard deviation (with n - 1) of the
    reconstruction error; `update_mean` and `update_std` of the size of an update, the sum of |dW| over all weights."""


class DivergedError(DeepBeliefError):
    """A training diverged; the model's parameters are as they were at the end of the last good epoch."""


@final
class LayerTraining:
    """Trains one RBM, an epoch at a time.

    Args:
        layer: its number, for records and messages.
        rbm: changed in place.
        source: what it learns from.
        settings: how.
        random: order of the items and states of the units.
        products: the type of the matrix products; the parameters' own if None.
        held_out: items that are measured but not learnt from.
    """

    def __init__(
        self,
        layer: int,
        rbm: RBM,
        source: Source,
        settings: RBMSettings,
        random: Random,
        products: torch.dtype | None = None,
        held_out: Source | None = None,
    ) -> None:
        self.layer, self.rbm, self.settings = layer, rbm, settings
        self._source, self._random, self._held_out = source, random, held_out
        self._size = min(settings.batch_size, len(source))
        self._read = source.reader(self._size, products or rbm.weights.dtype)
        self._phase = self._negative_phase(products)
        self._momentum = Momentum(rbm)
        self._centring = Centring(rbm) if settings.centring else None
        # Unbounded values answer a long step with a longer one; the gradient's norm is then about 1 in good course.
        self._max_norm = settings.max_gradient_norm
        if self._max_norm is None:
            self._max_norm = 0.0 if rbm.visible.bounded and rbm.hidden.bounded else 1.0
        self._squared_error = torch.zeros((), dtype=torch.float64, device=rbm.weights.device)
        self._errors, self._updates = Moments(rbm.weights.device), Moments(rbm.weights.device)
        if settings.visible_bias_from_data and not rbm.visible.bias.any():
            with torch.no_grad():
                rbm.visible.bias.copy_(base_rate_bias(rbm.visible, [self._some(source, BASE_RATE_ITEMS)]))
        self._energy_at_start = self._energy()

    def _negative_phase(self, products: torch.dtype | None) -> NegativePhase:
        rbm, settings, random = self.rbm, self.settings, self._random
        chains = settings.persistent_chains
        if settings.trajectory:
            return TrajectoryTempering(rbm, self._size, chains, random, products)
        if settings.temperatures > 1:
            base = base_rate_bias(rbm.visible, [self._some(self._source, BASE_RATE_ITEMS)])
            return ParallelTempering(rbm, self._size, chains, settings.temperatures, base, random, products)
        if chains:
            start = rbm.hidden.sample(evenly_spaced(self._source, chains).to(rbm.weights) @ rbm.weights, random)
            return PersistentContrastiveDivergence(rbm, self._size, start, 1, products, settings.regularisation)
        return ContrastiveDivergence(rbm, self._size, 1, products, settings.regularisation, settings.visible_samples)

    def one_epoch(self, epoch: int) -> EpochRecord:
        """Learn from every item once.

        Raises:
            DivergedError: a parameter became NaN or infinite, or the free energy exploded.
        """
        settings, good = self.settings, [parameter.detach().clone() for parameter in self.rbm.parameters()]
        self._phase.gibbs_steps = settings.gibbs_steps_at(epoch)
        rates = settings.learning_rate_at(epoch), settings.momentum_at(epoch), settings.weight_decay
        self._squared_error.zero_()

        def step(rows: Rows) -> None:
            self._step(rows, *rates)

        # The images may stay on the CPU while the model is on the GPU; a graph cannot look there.
        on_gpu = self._source.batch(slice(0, 1)).device.type == "cuda"
        replayable = on_gpu and settings.temperatures == 1 and not settings.trajectory
        run = Replayed(step, self._size, self._random) if replayable else step
        for number, rows in enumerate(batches(len(self._source), settings, self._random), start=1):
            run(rows)
            if number % _BETWEEN_CHECKS == 0:
                self._check(epoch, good)
        self._check(epoch, good)
        return self._measure(epoch)

    @torch.no_grad()
    def _step(self, rows: Rows, learning_rate: float, momentum: float, weight_decay: float) -> None:
        settings = self.settings
        statistics = self._phase.statistics(self._read(rows), self._random)
        if statistics.squared_error is not None:
            self._squared_error.add_(statistics.squared_error)
        if self._centring is not None:
            statistics = self._centring.apply(statistics)
        if settings.l1:
            penalise(statistics, self.rbm, settings.l1)
        if self._max_norm:
            clip(statistics.by_parameter().values(), self._max_norm * statistics.batch_size)
        if settings.dropout:  # the gradient is that of W / kept, so that W moves `kept` times as far
            statistics.weights.mul_(settings.regularisation.kept)
        self._momentum.update(statistics, learning_rate, momentum, weight_decay)
        if settings.batch_statistics:
            self._updates.add(torch.linalg.vector_norm(self._momentum.velocity["weights"], 1))
            if statistics.squared_error is not None:
                self._errors.add(statistics.squared_error / self.rbm.visible.size)

    @torch.no_grad()
    def _check(self, epoch: int, good: list[Tensor]) -> None:
        energy = self._energy()
        if energy < self._energy_at_start + _EXPLODED:  # False of NaN, too
            return
        for parameter, before in zip(self.rbm.parameters(), good, strict=True):
            parameter.copy_(before)
        for velocity in self._momentum.velocity.values():
            velocity.zero_()
        raise DivergedError(
            f"the training of layer {self.layer} diverged at epoch {epoch} (free energy of {energy:.3g} nats for each "
            "unit); the layer is as it was before that epoch: try a tenth of the learning rate, or "
            "max_gradient_norm = 1."
        )

    @torch.no_grad()
    def _energy(self) -> float:
        """The size of some items' free energy for each unit, in nats; for values without bounds it starts high."""
        return float(self.rbm.free_energy(self._some(self._source, 100)).abs().mean()) / sum(self.rbm.weights.shape)

    def _some(self, source: Source, items: int) -> Tensor:
        return evenly_spaced(source, min(len(source), items)).to(self.rbm.weights)

    def _measure(self, epoch: int) -> EpochRecord:
        rbm, items = self.rbm, self._some(self._source, _MONITORED)
        monitors = {"reconstruction_error_unit": reconstruction_error(rbm, items)}
        if self.settings.persistent_chains:
            error = monitors["reconstruction_error_unit"]
        else:
            error = float(self._squared_error) / self.settings.images_per_epoch(len(self._source)) / rbm.visible.size
        if self._held_out is not None:
            held_out = self._some(self._held_out, _MONITORED)
            monitors["held_out_error_unit"] = reconstruction_error(rbm, held_out)
            monitors["free_energy_gap"] = free_energy_gap(rbm, items, held_out)
            # The same units at each epoch: other ones would hide what an epoch has changed.
            likelihood = pseudo_likelihood(rbm, held_out, Random(0, "pseudo-likelihood", rbm.weights.device))
            if likelihood is not None:
                monitors["pseudo_likelihood_unit"] = likelihood
        if self.settings.batch_statistics:
            monitors["update_mean"], monitors["update_std"] = self._updates.take()
            monitors["error_std"] = self._errors.take()[1]
        monitors |= self._phase.mixing()
        # Per item and unit, times the batch size: for whole batches just the mean over batches.
        return EpochRecord(self.layer, epoch, error * self._size, monitors)

    def state(self) -> dict[str, Tensor]:
        """Everything but the RBM and the random numbers, to go on from here."""
        tensors = {"energy_at_start": torch.tensor(self._energy_at_start, dtype=torch.float64)}
        tensors |= {f"velocity.{name}": tensor for name, tensor in self._momentum.velocity.items()}
        tensors |= {f"phase.{name}": tensor for name, tensor in self._phase.state().items()}
        if self._centring is not None:
            tensors |= {f"offset.{name}": tensor for name, tensor in self._centring.offsets.items()}
        return tensors

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        self._energy_at_start = float(tensors["energy_at_start"])
        for name, tensor in tensors_under("velocity.", tensors).items():
            self._momentum.velocity[name].copy_(tensor)
        if self._centring is not None:
            for name, tensor in tensors_under("offset.", tensors).items():
                self._centring.offsets[name].copy_(tensor)
        self._phase.restore(tensors_under("phase.", tensors))
