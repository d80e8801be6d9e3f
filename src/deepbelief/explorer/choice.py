"""The choice of how weights travel: a type that is asked for, or the fewest bytes within an error that is measured."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, final

from torch import Tensor

from deepbelief.explorer.encoding import Encoded, Floats, as_floats, as_int8, in_steps
from deepbelief.explorer.sources import Found

WeightType = Literal["auto", "float32", "float16", "int8"]
Encode = Callable[[Floats], Encoded]

TOLERANCE: Final = 1e-3
"""By how much no probability and no value of a reconstruction may differ, where the type of the weights is `auto`."""


@final
@dataclass(frozen=True)
class Choice:
    """How each part's matrices are encoded, and what that costs in accuracy."""

    type: str
    encoders: dict[str, Encode] = field(default_factory=dict)
    errors: dict[str, float] | None = None

    def _encoded(self, part: str, weights: Tensor) -> Encoded:
        return self.encoders[part if part in self.encoders else ""](weights.detach().cpu().float().numpy())

    def of_dbn(self, weights: Tensor) -> Encoded:
        """A matrix of the DBN."""
        return self._encoded("dbn", weights)

    def of_labelled(self, weights: Tensor) -> Encoded:
        """The matrix of the RBM that sees labels."""
        return self._encoded("labelled", weights)

    def of_network(self, name: str) -> Callable[[Tensor], Encoded]:
        """A matrix of a network."""
        return lambda weights: self._encoded(name, weights)


def choose(found: Found, wanted: WeightType = "auto") -> Choice:
    """The encoding of all weights."""
    encoders: dict[str, Encode] = {
        "float32": as_floats,
        "float16": lambda weights: as_floats(weights, "float16"),
        "int8": as_int8,
        "auto": lambda weights: in_steps(weights, 2.0**-12),
    }
    return Choice(wanted, {"": encoders[wanted]})
