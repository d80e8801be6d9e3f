"""How an RBM learns, as values that are checked when they are made."""

import math
from typing import final

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@final
@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class CDSettings:
    """Contrastive divergence (Hinton 2002) with momentum and weight decay; the defaults are the reference study's.

    At epoch e = 1, 2, ... the learning rate is `learning_rate / (1 + learning_rate_decay (e - 1))`, the momentum
    `initial_momentum` up to epoch `momentum_switch` and `final_momentum` after it, and the number of Gibbs steps
    `gibbs_steps`, or ceil(gibbs_steps e / epochs) where `growing_gibbs_steps` is set. With `persistent_chains` above 0,
    so many Markov chains go on from batch to batch: persistent CD (Tieleman 2008).
    """

    epochs: int = Field(default=50, ge=1)
    batch_size: int = Field(default=128, ge=1)
    learning_rate: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    learning_rate_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    initial_momentum: float = Field(default=0.5, ge=0, lt=1)
    final_momentum: float = Field(default=0.95, ge=0, lt=1)
    momentum_switch: int = Field(default=5, ge=0)
    weight_decay: float = Field(default=0.0001, ge=0, allow_inf_nan=False)
    gibbs_steps: int = Field(default=1, ge=1)
    growing_gibbs_steps: bool = False
    persistent_chains: int = Field(default=0, ge=0)
    shuffle: bool = True
    drop_last: bool = False

    def images_per_epoch(self, n: int) -> int:
        """How many of n images an epoch uses."""
        return n - n % self.batch_size if self.drop_last else n

    def learning_rate_at(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 1."""
        return self.learning_rate / (1.0 + self.learning_rate_decay * (epoch - 1))

    def momentum_at(self, epoch: int) -> float:
        """The momentum of an epoch, counted from 1."""
        return self.initial_momentum if epoch <= self.momentum_switch else self.final_momentum

    def gibbs_steps_at(self, epoch: int) -> int:
        """The k of CD-k at an epoch, counted from 1."""
        return math.ceil(self.gibbs_steps * epoch / self.epochs) if self.growing_gibbs_steps else self.gibbs_steps
