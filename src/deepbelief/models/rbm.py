"""The Restricted Boltzmann Machine: two layers of units, every visible unit connected to every hidden unit."""

from typing import final

from torch import Tensor, nn

from deepbelief.arrays import TensorLike, as_batch
from deepbelief.errors import SettingsError
from deepbelief.models.units import Bernoulli, Units
from deepbelief.randomness import Random, as_random
from deepbelief.system.products import product


@final
class RBM(nn.Module):
    """p(v, h) = exp(-E(v, h)) / Z with E(v, h) = E_v(v) + E_h(h) - v W h (Smolensky 1986; Hinton 2002).

    Any kind of units can be on either side, unless both are unbounded. `weights` is W, shape (visible, hidden); all
    other parameters belong to the units. The initial weights are from N(0, weight_std^2); by default `weight_std` is
    Xavier's, sqrt(2 / (visible + hidden)) (Glorot & Bengio 2010).

    Inputs are tensors of any type, NumPy arrays or lists; they are converted to the weights' type. Outputs are tensors.

    Raises:
        SettingsError: both kinds of units are unbounded, which has no joint distribution; or both sides are one object.

    >>> import torch
    >>> rbm = RBM(Bernoulli(784), Bernoulli(300), Random(0), weight_std=0.1)
    >>> rbm.hidden_mean(torch.rand(5, 784)).shape
    torch.Size([5, 300])
    """

    def __init__(self, visible: Units, hidden: Units, random: Random | int, weight_std: float | None = None) -> None:
        super().__init__()
        random = as_random(random)
        if visible is hidden:
            raise SettingsError("the same units cannot be on both sides: give each side units of its own.")
        if not (visible.bounded or hidden.bounded):
            raise SettingsError(
                f"{type(visible).__name__} visible and {type(hidden).__name__} hidden units make no RBM: both can grow "
                "without limit, and with strong enough weights their joint energy falls without end, so that there is "
                "no distribution. Make one side Bernoulli or Categorical."
            )
        self.visible = visible
        self.hidden = hidden
        std = weight_std if weight_std is not None else (2.0 / (visible.size + hidden.size)) ** 0.5
        self.weights = nn.Parameter(random.normal((visible.size, hidden.size), std))
        self.to(random.device)

    def _v(self, visible: TensorLike) -> Tensor:
        return as_batch(visible, self.weights, self.visible.size, "the RBM sees")

    def _h(self, hidden: TensorLike) -> Tensor:
        return as_batch(hidden, self.weights, self.hidden.size, "the RBM's hidden layer has")

    def hidden_mean(self, visible: TensorLike) -> Tensor:
        """E[h | v] = hidden.mean(v W): (batch, visible) -> (batch, hidden)."""
        return self.hidden.mean(product(self._v(visible), self.weights))

    forward = hidden_mean  # so that RBMs can be layers of a `torch.nn.Sequential`

    def visible_mean(self, hidden: TensorLike) -> Tensor:
        """E[v | h] = visible.mean(h W^T): (batch, hidden) -> (batch, visible)."""
        return self.visible.mean(product(self._h(hidden), self.weights.T))

    def sample_hidden(self, visible: TensorLike, random: Random | int) -> Tensor:
        """h ~ p(h | v): (batch, visible) -> (batch, hidden)."""
        return self.hidden.sample(product(self._v(visible), self.weights), as_random(random, self.weights.device))

    def sample_visible(self, hidden: TensorLike, random: Random | int) -> Tensor:
        """v ~ p(v | h): (batch, hidden) -> (batch, visible)."""
        return self.visible.sample(product(self._h(hidden), self.weights.T), as_random(random, self.weights.device))

    def energy(self, visible: TensorLike, hidden: TensorLike) -> Tensor:
        """E(v, h) in nats, shape (batch,)."""
        v, h = self._v(visible), self._h(hidden)
        return self.visible.energy(v) + self.hidden.energy(h) - (product(v, self.weights) * h).sum(dim=-1)

    def free_energy(self, visible: TensorLike) -> Tensor:
        """F(v) = E_v(v) - log sum_h exp(v W h - E_h(h)) in nats, shape (batch,): p(v) = exp(-F(v)) / Z."""
        v = self._v(visible)
        return self.visible.energy(v) - self.hidden.log_partition(product(v, self.weights))

    def reconstruct(self, visible: TensorLike, steps: int = 1) -> Tensor:
        """`steps` passes up and down through means, shape (batch, visible); differentiable, without sampling."""
        values = self._v(visible)
        for _ in range(steps):
            field = product(self.hidden_mean(values), self.weights.T)
            values = self.visible.mean_for(values, field)
        return values

    def extra_repr(self) -> str:
        """Sizes for `print`."""
        return f"{self.visible.size} visible, {self.hidden.size} hidden"


def bernoulli_rbm(visible: int, hidden: int, random: Random | int, weight_std: float | None = None) -> RBM:
    """An RBM with binary units on both sides."""
    return RBM(Bernoulli(visible), Bernoulli(hidden), random, weight_std)
