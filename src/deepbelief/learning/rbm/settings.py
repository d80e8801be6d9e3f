"""How an RBM learns, as values that are checked when they are made."""

import math
from collections.abc import Sequence
from typing import Self, final

from pydantic import Field, model_validator

from deepbelief.data import Source
from deepbelief.errors import SettingsError
from deepbelief.learning.course import NOTHING_TO_MEASURE
from deepbelief.learning.rbm.statistics import Regularisation
from deepbelief.models.units import Units
from deepbelief.settings import settings_dataclass
from deepbelief.system.processes import Processes


@final
@settings_dataclass
class Tempering:
    """Markov chains that move freely, so that none is caught at one kind of image; they need `persistent_chains`.

    With `temperatures` above 1 each chain is at this number of temperatures (`ParallelTempering`), with `trajectory` it
    swaps with the RBM's own earlier states (`TrajectoryTempering`, which also knows log Z, and halves the learning rate
    where updates are too large for the chains to follow); with neither there is no tempering.
    """

    temperatures: int = Field(default=1, ge=1)
    trajectory: bool = False

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.temperatures > 1 and self.trajectory:
            raise ValueError("temperatures and trajectory are two ways to temper: set one of them")
        return self

    @property
    def is_on(self) -> bool:
        """Whether there is any."""
        return self.temperatures > 1 or self.trajectory


@final
@settings_dataclass
class RBMSettings:
    """Contrastive divergence (Hinton 2002) and what others have made of it; the defaults are the reference study's.

    Rates: at epoch e = 1, 2, ... the learning rate is `learning_rate / (1 + learning_rate_decay (e - 1))`, times
    1 - (e - 1) / epochs where `learning_rate_to_zero` is set, and the momentum `initial_momentum` up to epoch
    `momentum_switch` and `final_momentum` after it.

    Negative phase: `gibbs_steps` steps at each update, or ceil(gibbs_steps e / epochs) where `growing_gibbs_steps` is
    set, from the data. Each step samples the visible units; without `visible_samples` CD takes their means, as is usual
    for grey images with k = 1, and which is biased the more the larger k (`ContrastiveDivergence`). With
    `persistent_chains` above 0 this number of Markov chains, which begin at items from all over the data, go on from
    batch to batch (PCD, Tieleman 2008), and `tempering` lets them move freely. With `clamp_labels`, which needs a
    `Labelled` source, each of these chains keeps one label, as often as the label occurs: what is learnt then is
    p(v | y), from which items of a class are drawn, and no chain has to find its way from class to class.

    Gradient: `weight_decay` (L2) and `l1` pull at the weights: -weight_decay W - l1 sign(W). `centring` takes the
    centred gradient (`Centring`). `sparsity_cost` above 0 takes the slope of
    sparsity_cost sum_j (sparsity_target - mean over the batch of E[h_j | v])^2 away, along weights and hidden biases
    (Lee, Ekanadham & Ng 2008). With `dropout`, each hidden unit is absent with that probability, for each item anew
    (Srivastava et al. 2014). Those that are there learn with the weights W / (1 - dropout), so that a layer sends as
    much on average as it does with all its units and W, which are the RBM's at any time. `max_gradient_norm` above 0
    shortens the gradient to that Euclidean norm; where it is left out it is 1 if units of either side may have values
    above 1, and there is no limit if none may.

    Data: with `binarise`, values in [0, 1] are probabilities, and binary states are drawn each time they are seen. With
    `visible_bias_from_data`, visible biases that are all 0 start where the units alone have the means of the data, for
    binary units at the log-odds (Hinton 2012): else half of them are on at first, however rare they are in the data.

    Records: with `batch_statistics` they also tell how error and updates vary over the batches of an epoch.

    Early stopping: with a `patience` above 0, a layer ends after this number of epochs without a better value on
    held-out data and goes back to the best.
    """

    epochs: int = Field(default=50, ge=1)
    batch_size: int = Field(default=128, ge=1)
    learning_rate: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    learning_rate_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    learning_rate_to_zero: bool = False
    initial_momentum: float = Field(default=0.5, ge=0, lt=1)
    final_momentum: float = Field(default=0.95, ge=0, lt=1)
    momentum_switch: int = Field(default=5, ge=0)
    weight_decay: float = Field(default=0.0001, ge=0, allow_inf_nan=False)
    l1: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    gibbs_steps: int = Field(default=1, ge=1)
    growing_gibbs_steps: bool = False
    visible_samples: bool = True
    persistent_chains: int = Field(default=0, ge=0)
    tempering: Tempering = Tempering()
    clamp_labels: bool = False
    centring: bool = False
    sparsity_target: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    sparsity_cost: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    max_gradient_norm: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    binarise: bool = False
    visible_bias_from_data: bool = True
    batch_statistics: bool = False
    patience: int = Field(default=0, ge=0)
    shuffle: bool = True
    drop_last: bool = False

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.tempering.is_on and not self.persistent_chains:
            raise ValueError("tempering needs chains: set persistent_chains above 0")
        if self.tempering.is_on and (self.dropout or self.sparsity_cost):
            raise ValueError("dropout and sparsity go with CD and PCD: leave tempering out")
        if self.clamp_labels and (self.tempering.is_on or not self.persistent_chains):
            raise ValueError("clamp_labels is for persistent chains: set persistent_chains above 0, without tempering")
        return self

    @property
    def regularisation(self) -> Regularisation:
        """What changes the hidden units' part."""
        return Regularisation(self.dropout, self.sparsity_target, self.sparsity_cost)

    def check_items(self, source: Source, held_out: Source | None) -> None:
        """Raise an error if these settings do not go with these items.

        Raises:
            SettingsError: there is a patience and nothing to measure, or no whole batch.
        """
        if self.patience and held_out is None:
            raise SettingsError(NOTHING_TO_MEASURE)
        if self.drop_last and len(source) < self.batch_size:
            raise SettingsError(f"{len(source)} images fill no batch of {self.batch_size}: make batch_size smaller.")

    def check_processes(self, processes: Processes, units: Sequence[Units]) -> None:
        """Raise an error if several processes cannot learn together by these settings, with these units.

        Raises:
            SettingsError: there is tempering, fewer chains than processes, or units that draw as many numbers as their
                values say.
        """
        if processes.count == 1:
            return
        if self.tempering.is_on:
            raise SettingsError("tempering is for one process: leave it out, or start without torchrun.")
        if 0 < self.persistent_chains < processes.count:
            raise SettingsError(
                f"{processes.count} processes cannot share {self.persistent_chains} chains: set persistent_chains to "
                f"{processes.count} or more."
            )
        if not all(one.replayable for one in units):
            raise SettingsError("counts of words are learnt by one process: start without torchrun.")

    def images_per_epoch(self, n: int) -> int:
        """How many of n images an epoch uses."""
        return n - n % self.batch_size if self.drop_last else n

    def values_computed(self, n: int, units: int) -> float:
        """How many values of units the Gibbs steps of a training on n images compute, of an RBM with so many units."""
        chains = (self.persistent_chains or self.batch_size) / self.batch_size  # for each image
        return self.epochs * self.images_per_epoch(n) * chains * self.gibbs_steps * units

    def learning_rate_at(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 1."""
        rate = self.learning_rate / (1.0 + self.learning_rate_decay * (epoch - 1))
        return rate * (1 - (epoch - 1) / self.epochs) if self.learning_rate_to_zero else rate

    def momentum_at(self, epoch: int) -> float:
        """The momentum of an epoch, counted from 1."""
        return self.initial_momentum if epoch <= self.momentum_switch else self.final_momentum

    def gibbs_steps_at(self, epoch: int) -> int:
        """The k of CD-k at an epoch, counted from 1."""
        return math.ceil(self.gibbs_steps * epoch / self.epochs) if self.growing_gibbs_steps else self.gibbs_steps
