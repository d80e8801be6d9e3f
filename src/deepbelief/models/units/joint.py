"""Several kinds of units side by side."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from deepbelief.errors import SettingsError
from deepbelief.models.units.base import Units
from deepbelief.randomness import Random


@final
class Joint(Units):
    """Units of several kinds in one layer, such as pixels and a label: E(x) = sum over the parts of E_part(x_part).

    Fields and values lie one part after the other. `bias` holds the biases of all of them; other parameters stay with
    the parts, which have no biases of their own here.

    Raises:
        SettingsError: there are no parts.

    >>> import torch
    >>> from deepbelief.models.units import Bernoulli, Categorical
    >>> Joint(Bernoulli(2), Categorical(1, 4)).mean(torch.zeros(1, 6)).tolist()
    [[0.5, 0.5, 0.25, 0.25, 0.25, 0.25]]
    """

    def __init__(self, *parts: Units) -> None:
        if not parts:
            raise SettingsError(
                "joint units need at least one part, such as Joint(Bernoulli(784), Categorical(1, 10))."
            )
        super().__init__(sum(part.size for part in parts))
        self.parts = nn.ModuleList(part.without_bias() for part in parts)
        self.bias = nn.Parameter(torch.cat([part.bias.detach() for part in parts]))
        for name in ("bounded", "grey", "replayable"):
            setattr(self, name, all(getattr(part, name) for part in parts))
        self.lowest, self.highest = min(part.lowest for part in parts), max(part.highest for part in parts)

    def _parts(self) -> Sequence[Units]:
        return self.parts  # type: ignore[return-value]  # a ModuleList is typed as holding any modules

    def _split(self, values: Tensor) -> tuple[Tensor, ...]:
        return torch.split(values, [part.size for part in self._parts()], dim=-1)

    def _each(self, values: Tensor) -> Iterator[tuple[Units, Tensor]]:
        """Each part with its own of these values or fields."""
        return zip(self._parts(), self._split(values), strict=True)

    def mean(self, field: Tensor) -> Tensor:
        """The means of the parts, shape (batch, size)."""
        return torch.cat([part.mean(own) for part, own in self._each(field + self.bias)], dim=-1)

    @torch.no_grad()
    def mean_(self, field: Tensor) -> Tensor:
        for part, own in self._each(field.add_(self.bias)):
            part.mean_(own)
        return field

    @torch.no_grad()
    def sample(self, field: Tensor, random: Random) -> Tensor:
        """Values of all parts drawn given the field, shape (batch, size)."""
        return torch.cat([part.sample(own, random) for part, own in self._each(field + self.bias)], dim=-1)

    @torch.no_grad()
    def sample_(self, field: Tensor, random: Random, out: Tensor) -> Tensor:
        for (part, own), to in zip(self._each(field.add_(self.bias)), self._split(out), strict=True):
            part.sample_(own, random, to)
        return out

    def mean_for(self, items: Tensor, field: Tensor) -> Tensor:
        """Those of the parts, (batch, size)."""
        both = zip(self._split(items), self._each(field + self.bias), strict=True)
        return torch.cat([part.mean_for(item, own) for item, (part, own) in both], dim=-1)

    @torch.no_grad()
    def mean_for_(self, items: Tensor, field: Tensor) -> Tensor:
        for item, (part, own) in zip(self._split(items), self._each(field.add_(self.bias)), strict=True):
            part.mean_for_(item, own)
        return field

    @torch.no_grad()
    def sample_for_(self, items: Tensor, field: Tensor, random: Random, out: Tensor) -> Tensor:
        parts = zip(self._split(items), self._each(field.add_(self.bias)), self._split(out), strict=True)
        for item, (part, own), to in parts:
            part.sample_for_(item, own, random, to)
        return out

    def check_states(self, values: Tensor) -> None:
        """Each part checks its values."""
        for part, own in self._each(values):
            part.check_states(own)

    def energy(self, values: Tensor) -> Tensor:
        """Sum of the parts' energies, shape (batch,)."""
        further = torch.stack([part.energy(own) for part, own in self._each(values)])
        return further.sum(dim=0) - values @ self.bias

    def log_partitions(self, field: Tensor) -> Tensor:
        """Those of the parts, one after the other."""
        return torch.cat([part.log_partitions(own) for part, own in self._each(field + self.bias)], dim=-1)

    def bias_of_mean(self, mean: Tensor) -> Tensor:
        """The biases of the parts, one after the other."""
        return torch.cat([part.bias_of_mean(own) for part, own in self._each(mean)], dim=-1)

    def check_values(self, values: Tensor, item: int = 0, position: int = 0) -> None:
        """Each part checks its values."""
        for part, own in self._each(values):
            part.check_values(own, item, position)
            position += part.size

    def further_statistics(self, values: Tensor, are_means: bool, known: Tensor | None = None) -> dict[str, Tensor]:
        """Those of the parts, named parts.0.name and so on."""
        of_parts = [None] * len(self.parts) if known is None else self._split(known)
        return {
            f"parts.{number}.{name}": sums
            for number, ((part, own), there) in enumerate(zip(self._each(values), of_parts, strict=True))
            for name, sums in part.further_statistics(own, are_means, there).items()
        }

    def constrain_(self) -> None:
        """Each part constrains its parameters."""
        for part in self._parts():
            part.constrain_()

    @property
    def variable_sizes(self) -> list[int]:
        """Those of the parts, one after the other."""
        return [size for part in self._parts() for size in part.variable_sizes]

    @property
    def are_real(self) -> Tensor:
        """Those of the parts, one after the other."""
        return torch.cat([part.are_real for part in self._parts()])

    @property
    def states(self) -> int | None:
        """The product of the parts' numbers of states."""
        counts = [part.states for part in self._parts()]
        finite = [count for count in counts if count is not None]
        return math.prod(finite) if len(finite) == len(counts) else None

    def state(self, numbers: Tensor) -> Tensor:
        """The states of the parts; the state of the last part changes fastest."""
        found: list[Tensor] = []
        for part in reversed(self._parts()):
            states = part.states
            if states is None:
                return super().state(numbers)  # which refuses
            found.insert(0, part.state(numbers % states))
            numbers = numbers // states
        return torch.cat(found, dim=-1)

    @property
    def description(self) -> dict[str, Any]:
        """The kind and the parts' descriptions."""
        return {"kind": type(self).__name__, "parts": [part.description for part in self._parts()]}

    def extra_repr(self) -> str:
        """Nothing: the parts are printed by themselves."""
        return ""
