"""The Restricted Boltzmann Machine: two layers of units, every visible unit joined to every hidden unit."""

from typing import final

from torch import Tensor, nn

from deepbelief.errors import SettingsError
from deepbelief.randomness import Random
from deepbelief.units import Bernoulli, Units


@final
class RBM(nn.Module):
    """p(v, h) = exp(-E(v, h)) / Z with E(v, h) = E_v(v) + E_h(h) - v W h (Smolensky 1986; Hinton 2002).

    Any kind of units may stand on either side, unless both are without bounds. `weights` is W, shape (visible, hidden);
    all other parameters belong to the units. The weights start from N(0, std^2); without a `weight_std` it is Xavier's,
    sqrt(2 / (visible + hidden)) (Glorot & Bengio 2010).

    Raises:
        SettingsError: both kinds of units are unbounded, which has no joint distribution.

    >>> import torch
    >>> rbm = RBM(Bernoulli(784), Bernoulli(300), Random(0), weight_std=0.1)
    >>> rbm.hidden_mean(torch.rand(5, 784)).shape
    torch.Size([5, 300])
    """

    def __init__(self, visible: Units, hidden: Units, random: Random, weight_std: float | None = None) -> None:
        super().__init__()
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

    def hidden_mean(self, visible: Tensor) -> Tensor:
        """E[h | v] = hidden.mean(v W): (batch, visible) -> (batch, hidden)."""
        return self.hidden.mean(visible @ self.weights)

    def visible_mean(self, hidden: Tensor) -> Tensor:
        """E[v | h] = visible.mean(h W^T): (batch, hidden) -> (batch, visible)."""
        return self.visible.mean(hidden @ self.weights.T)

    def sample_hidden(self, visible: Tensor, random: Random) -> Tensor:
        """h ~ p(h | v): (batch, visible) -> (batch, hidden)."""
        return self.hidden.sample(visible @ self.weights, random)

    def sample_visible(self, hidden: Tensor, random: Random) -> Tensor:
        """v ~ p(v | h): (batch, hidden) -> (batch, visible)."""
        return self.visible.sample(hidden @ self.weights.T, random)

    def energy(self, visible: Tensor, hidden: Tensor) -> Tensor:
        """E(v, h) in nats, shape (batch,)."""
        interaction = ((visible @ self.weights) * hidden).sum(dim=-1)
        return self.visible.energy(visible) + self.hidden.energy(hidden) - interaction

    def free_energy(self, visible: Tensor) -> Tensor:
        """F(v) = E_v(v) - log sum_h exp(v W h - E_h(h)) in nats, shape (batch,): p(v) = exp(-F(v)) / Z."""
        return self.visible.energy(visible) - self.hidden.log_partition(visible @ self.weights)

    def reconstruct(self, visible: Tensor, steps: int = 1) -> Tensor:
        """`steps` passes up and down through means, shape (batch, visible); differentiable, without sampling."""
        for _ in range(steps):
            visible = self.visible_mean(self.hidden_mean(visible))
        return visible

    def extra_repr(self) -> str:
        """Sizes for `print`."""
        return f"{self.visible.size} visible, {self.hidden.size} hidden"


def bernoulli_rbm(visible: int, hidden: int, random: Random, weight_std: float | None = None) -> RBM:
    """An RBM with binary units on both sides."""
    return RBM(Bernoulli(visible), Bernoulli(hidden), random, weight_std)
