"""The base class of all kinds of units."""

import copy
import math
from abc import ABC, abstractmethod
from typing import Any, Self

import torch
from torch import Tensor, nn

from deepbelief.arrays import check_range
from deepbelief.errors import SettingsError
from deepbelief.randomness import Random


class Units(nn.Module, ABC):
    """The values x of one layer, an exponential family: p(x | field) = exp(field . x - E(x)) / sum over x.

    The *field* is the input from the other layer: v W for hidden units, h W^T for visible units, shape (batch, size).
    The units' own energy E(x) is -a . x with the biases a, plus what the kind of units adds. So a field acts as a
    change of the biases, and the mean of x is the gradient of `log_partition` in the field, for every kind.

    Each kind of units is one final class with these methods; no other code depends on the kind.
    """

    bounded: bool
    """Whether |x| is bounded. Unbounded units cannot be on both sides: the energy could then fall without limit."""

    real = False
    """Whether the values are real numbers on a scale of their own, as opposed to states or counts."""

    grey = False
    """Whether values between the states are taken as their probabilities, as grey values are of black and white."""

    replayable = True
    """Whether to draw values reads nothing back from the device, so that CUDA can replay a step of learning."""

    lowest, highest = -math.inf, math.inf
    """The limits of a value."""

    takes, advice = "", ""
    """What values the units take, and what to do where the data have others; both for messages."""

    arguments: tuple[str, ...] = ("size",)
    """The names of the arguments of `__init__`; the units keep each of them as an attribute of that name."""

    def __init__(self, size: int) -> None:
        super().__init__()
        if size < 1:
            raise SettingsError(f"{type(self).__name__} needs at least 1 unit, not {size}.")
        self.size = size
        self.bias = nn.Parameter(torch.zeros(size))

    @abstractmethod
    def mean(self, field: Tensor) -> Tensor:
        """E[x | field], shape (batch, size); differentiable."""

    def mean_(self, field: Tensor) -> Tensor:
        """`mean`, written over the field; for learning, which needs no gradient through it."""
        return field.copy_(self.mean(field))

    @abstractmethod
    def sample(self, field: Tensor, random: Random) -> Tensor:
        """x ~ p(x | field), shape (batch, size)."""

    @torch.no_grad()
    def sample_(self, field: Tensor, random: Random, out: Tensor) -> Tensor:
        """`sample`, written to `out`; the means are written over the field."""
        out.copy_(self.sample(field, random))
        self.mean_(field)
        return out

    def mean_for(self, items: Tensor, field: Tensor) -> Tensor:
        """`mean` for each of these items, (batch, size): units whose values have a fixed sum keep that of the item."""
        return self.mean(field)

    def mean_for_(self, items: Tensor, field: Tensor) -> Tensor:
        """`mean_` for each of these items, as `mean_for`."""
        return self.mean_(field)

    def sample_for_(self, items: Tensor, field: Tensor, random: Random, out: Tensor) -> Tensor:
        """`sample_` for each of these items, as `mean_for`."""
        return self.sample_(field, random, out)

    def energy(self, values: Tensor) -> Tensor:
        """E(x) in nats, shape (batch,): -sum_i a_i x_i, unless the kind of units adds something."""
        return -(values @ self.bias)

    @abstractmethod
    def log_partitions(self, field: Tensor) -> Tensor:
        """log of the sum (or integral) of exp(field . x - E(x)) over each variable's values: (batch, variables)."""

    def log_partition(self, field: Tensor) -> Tensor:
        """log of the sum (or integral) over all x of exp(field . x - E(x)), shape (batch,)."""
        return self.log_partitions(field).sum(dim=-1)

    @abstractmethod
    def bias_of_mean(self, mean: Tensor) -> Tensor:
        """The biases that give this mean where the field is 0, shape (size,)."""

    def check_values(self, values: Tensor, item: int = 0, position: int = 0) -> None:
        """Raise a `DataError` that names the first of these values, (batch, size), that the units cannot take.

        Args:
            values: in the type of the units' parameters.
            item: number of the first item, counted from 0, for the message.
            position: number of the first unit, for the message.
        """
        limits = self.lowest, self.highest
        check_range(values, *limits, wanted=self.takes, advice=self.advice, item=item, position=position)

    def check_states(self, values: Tensor) -> None:
        """Raise a `SettingsError` if values that can be learnt from, (batch, size), have no likelihood here."""

    def further_statistics(self, values: Tensor, are_means: bool, known: Tensor | None = None) -> dict[str, Tensor]:
        """-dE/dparameter summed over the batch, for each parameter except the biases, for which it is the sum of x.

        With `are_means` the values are means, and it is the expectation under the distributions with these means. Where
        `known`, (batch, size), is 0 and not 1, a unit is absent from the sum; its value is 0.
        """
        return {}

    def constrain_(self) -> None:
        """Bring the parameters back within their limits after an update."""

    @property
    def variable_sizes(self) -> list[int]:
        """How many values each variable has; given the field, the variables are independent."""
        return [1] * self.size

    def variable_of_each(self) -> Tensor:
        """The number of the variable that each value belongs to, shape (size,), int64."""
        return torch.repeat_interleave(torch.tensor(self.variable_sizes)).to(self.bias.device)

    @property
    def are_real(self) -> Tensor:
        """Which values are `real`: bool, (size,)."""
        return torch.full((self.size,), self.real, device=self.bias.device)

    def without_bias(self) -> Self:
        """A copy whose biases are 0 and not a parameter; `Joint` holds the biases of all its parts itself."""
        units = copy.deepcopy(self)
        del units.bias
        units.register_buffer("bias", torch.zeros_like(self.bias), persistent=False)
        return units

    @property
    def states(self) -> int | None:
        """The number of states of the whole layer; None if there are infinitely many."""
        return None

    def state(self, numbers: Tensor) -> Tensor:
        """The states with these numbers, 0 to `states` - 1: (batch,) int64 -> (batch, size); for enumeration."""
        raise SettingsError(
            f"{type(self).__name__} units have no list of values; one side must be binary or categorical."
        )

    @property
    def description(self) -> dict[str, Any]:
        """The kind and the arguments to make such units again, for a checkpoint (JSON values)."""
        return {"kind": type(self).__name__} | {name: getattr(self, name) for name in self.arguments}

    def extra_repr(self) -> str:
        """Number of units for `print`."""
        return f"{self.size}"
