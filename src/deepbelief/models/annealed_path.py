"""The annealed path of distributions from independent units to an RBM, for estimating Z and tempered Markov chains."""

from collections.abc import Iterable
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike, as_batch
from deepbelief.models.rbm import RBM
from deepbelief.models.units import Units
from deepbelief.randomness import Random
from deepbelief.system.products import product

BASE_RATE_ITEMS: Final = 10_000
"""The number of evenly spaced items of the data that are enough to estimate its means."""


@torch.no_grad()
def base_rate_bias(units: Units, batches: Iterable[TensorLike]) -> Tensor:
    """The visible biases of the base-rate model: independent units with the data's means, shape (size,).

    The means are those of the data and one added item, the mean of units without bias (0.5 for binary units), so that
    no unit is always on or off (Salakhutdinov & Murray 2008 smooth in a similar way). Values that are missing (NaN) are
    left out.
    """
    total, n = units.mean(-units.bias[None])[0].double(), torch.ones_like(units.bias, dtype=torch.float64)
    for given in batches:
        batch = as_batch(given, units.bias, units.size, "the units have")
        total, n = total + batch.nansum(dim=0, dtype=torch.float64), n + (~batch.isnan()).sum(dim=0)
    return units.bias_of_mean((total / n).to(units.bias))


@final
class AnnealedPath:
    """p_beta(v, h) ~ exp(-E_beta(v, h)), beta from 0 (independent units) to 1 (the RBM).

    E_beta(v, h) = E(v, h) - (1 - beta) (a_0 - a) . v + (1 - beta) c . h + (1 - beta) v W h: weights beta W, visible
    biases from the base rates a_0 to a, hidden biases beta c, everything else as in the RBM. Only the
    fields depend on beta, so any kind of units will do. `beta` is a number, or a tensor (batch, 1), one for each row.

    Args:
        rbm: the end of the path; not copied.
        base_bias: a_0, shape (visible,), such as `base_rate_bias` gives.
    """

    def __init__(self, rbm: RBM, base_bias: Tensor) -> None:
        self.rbm, self.base_bias = rbm, base_bias

    def hidden_field(self, signal: Tensor, beta: float | Tensor) -> Tensor:
        """The field on the hidden units at beta, from v W: (batch, hidden)."""
        return torch.lerp(-self.rbm.hidden.bias, signal, beta)

    def visible_field(self, signal: Tensor, beta: float | Tensor) -> Tensor:
        """The field on the visible units at beta, from h W^T: (batch, visible)."""
        return torch.lerp(self.base_bias - self.rbm.visible.bias, signal, beta)

    def sample_hidden(self, signal: Tensor, beta: float | Tensor, random: Random) -> Tensor:
        """h ~ p_beta(h | v), from v W."""
        return self.rbm.hidden.sample(self.hidden_field(signal, beta), random)

    def sample_visible(self, hidden: Tensor, beta: float | Tensor, random: Random) -> Tensor:
        """v ~ p_beta(v | h)."""
        return self.rbm.visible.sample(self.visible_field(product(hidden, self.rbm.weights.T), beta), random)

    def step(self, signal: Tensor, beta: float | Tensor, random: Random) -> Tensor:
        """A Gibbs step at beta: h ~ p_beta(h | v) from v W, then v' ~ p_beta(v' | h)."""
        return self.sample_visible(self.sample_hidden(signal, beta, random), beta, random)

    def start(self, chains: int, random: Random) -> Tensor:
        """v ~ p_0(v), exactly: (chains, visible)."""
        zeros = self.rbm.visible.bias.new_zeros(chains, self.rbm.visible.size)
        return self.rbm.visible.sample(self.visible_field(zeros, 0.0), random)

    def log_ratio(self, visible: Tensor, signal: Tensor, low: float, high: float) -> Tensor:
        """log f_high(v) - log f_low(v), where p_beta(v) = f_beta(v) / Z_beta, from v and v W: (batch,), float64.

        Terms that do not depend on beta are left out, so that no large numbers cancel.
        """
        tilt = visible @ (self.base_bias - self.rbm.visible.bias)
        above, below = (self.rbm.hidden.log_partition(self.hidden_field(signal, beta)) for beta in (high, low))
        return (above - below).double() - (high - low) * tilt.double()

    def slope(self, visible: Tensor, hidden: Tensor, signal: Tensor) -> Tensor:
        """dE_beta(v, h) / dbeta, in which E_beta is linear, from v, h and v W: (batch,)."""
        tilt = visible @ (self.base_bias - self.rbm.visible.bias)
        return tilt - hidden @ self.rbm.hidden.bias - (signal * hidden).sum(dim=-1)

    @torch.no_grad()
    def log_z0(self) -> float:
        """log Z_0, in closed form."""
        visible, hidden = self.rbm.visible, self.rbm.hidden
        no_signal = (visible.bias.new_zeros(1, visible.size), hidden.bias.new_zeros(1, hidden.size))
        of_visible = visible.log_partition(self.visible_field(no_signal[0], 0.0))
        return float((of_visible + hidden.log_partition(self.hidden_field(no_signal[1], 0.0))).double())
