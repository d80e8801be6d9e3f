"""The kinds of units: how the values of one layer are distributed, given the field from the other layer."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from deepbelief.models.units.base import Units
from deepbelief.models.units.bernoulli import Bernoulli
from deepbelief.models.units.categorical import Categorical
from deepbelief.models.units.gaussian import Gaussian
from deepbelief.models.units.joint import Joint
from deepbelief.models.units.relu import ReLU
from deepbelief.models.units.replicated_softmax import ReplicatedSoftmax

__all__ = ["Bernoulli", "Categorical", "Gaussian", "Joint", "ReLU", "ReplicatedSoftmax", "Units", "make_units"]

_KINDS: Final[dict[str, Callable[..., Units]]] = {
    kind.__name__: kind for kind in (Bernoulli, Categorical, Gaussian, Joint, ReLU, ReplicatedSoftmax)
}


def make_units(description: Mapping[str, Any]) -> Units:
    """New units of the kind and size that a `description` gives."""
    arguments = dict(description)
    parts = [make_units(part) for part in arguments.pop("parts", ())]
    return _KINDS[arguments.pop("kind")](*parts, **arguments)
