"""The Deep Belief Network: a stack of RBMs, each reading the hidden layer of the one below."""

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import final

from torch import Tensor, nn

from deepbelief.arrays import TensorLike, as_batch
from deepbelief.errors import SettingsError
from deepbelief.models.missing import without_missing
from deepbelief.models.rbm import RBM
from deepbelief.models.standardisation import Standardisation
from deepbelief.models.units import Bernoulli, Units
from deepbelief.randomness import Random, as_random


@final
class DBN(nn.Module):
    """A stack of RBMs (Hinton, Osindero & Teh 2006); layer 0 is the visible layer, layer l the l-th hidden one.

    All passes use means (probabilities), are deterministic and differentiable. With a `standardisation` the visible
    layer of the first RBM sees standardised values; `encode` takes and `decode` returns values on the original scale.

    Inputs are tensors of any type, NumPy arrays or lists; they are converted to the weights' type. Outputs are tensors.
    NaN is a value that is missing: it sends nothing up.

    >>> dbn = DBN.from_sizes([784, 300, 300, 700], Random(0))
    >>> import torch
    >>> dbn.encode(torch.rand(5, 784)).shape
    torch.Size([5, 700])
    """

    def __init__(self, rbms: Sequence[RBM], standardisation: Standardisation | None = None) -> None:
        super().__init__()
        if not rbms:
            raise SettingsError("a DBN needs at least one RBM.")
        for below, above in pairwise(rbms):
            if below.hidden.size != above.visible.size:
                raise SettingsError(
                    f"an RBM with {above.visible.size} visible units cannot stand on one with {below.hidden.size} "
                    "hidden units: make the two numbers equal."
                )
            if below.hidden.description != above.visible.description:
                raise SettingsError(
                    f"an RBM that sees {type(above.visible).__name__} units cannot stand on one with "
                    f"{type(below.hidden).__name__} hidden units: give both the same kind."
                )
        self.rbms = nn.ModuleList(rbms)
        self.standardisation = standardisation

    @classmethod
    def from_sizes(cls, sizes: Sequence[int], random: Random | int, weight_std: float | None = None) -> "DBN":
        """A DBN of binary units; `sizes` counts from the visible layer up."""
        if len(sizes) < 2:
            raise SettingsError(f"a DBN needs a visible and a hidden size, such as [784, 300], not {list(sizes)}.")
        return cls.from_units([Bernoulli(size) for size in sizes], random, weight_std)

    @classmethod
    def from_units(cls, layers: Sequence[Units], random: Random | int, weight_std: float | None = None) -> "DBN":
        """A DBN of any kinds of units, from the visible layer up, such as [Gaussian(784), Bernoulli(500)]."""
        random = as_random(random)
        if len(layers) < 2:
            raise SettingsError("a DBN needs a visible and a hidden layer, such as [Gaussian(784), Bernoulli(500)].")
        # A layer between two RBMs is hidden in one and visible in the other, with separate parameters for each role.
        return cls([RBM(copy.deepcopy(low), copy.deepcopy(high), random, weight_std) for low, high in pairwise(layers)])

    @property
    def sizes(self) -> list[int]:
        """Numbers of units from the visible layer up."""
        return [self.layer(1).visible.size, *(self.layer(number).hidden.size for number in range(1, len(self) + 1))]

    def __len__(self) -> int:
        """Number of RBMs, which is the number of hidden layers."""
        return len(self.rbms)

    def layer(self, number: int) -> RBM:
        """The RBM whose hidden units are layer `number`, counted from 1."""
        if not 1 <= number <= len(self.rbms):
            raise SettingsError(f"this DBN has layers 1 to {len(self.rbms)}, not {number}.")
        rbm = self.rbms[number - 1]
        assert isinstance(rbm, RBM)
        return rbm

    def _standardised(self, visible: TensorLike) -> Tensor:
        first = self.layer(1)
        values = as_batch(visible, first.weights, first.visible.size, "the DBN sees")
        return values if self.standardisation is None else self.standardisation(values)

    def layer_number(self, layer: int | None) -> int:
        """A layer's number, counted from the visible one, which is 0; None and -1 are the top."""
        number = len(self) if layer is None or layer == -1 else layer
        if not 0 <= number <= len(self):
            raise SettingsError(f"this DBN has layers 1 to {len(self)}, not {layer}.")
        return number

    def encode(self, visible: TensorLike, layer: int | None = None) -> Tensor:
        """Up to hidden layer `layer` (None or -1: the top one): (batch, visible) -> (batch, units of the layer)."""
        values, top = self._standardised(visible), self.layer_number(layer)
        values = without_missing(values) if top else values
        for number in range(1, top + 1):
            values = self.layer(number).hidden_mean(values)
        return values

    forward = encode  # to the top, so that a DBN can be part of a `torch.nn.Sequential`

    def encode_all(self, visible: TensorLike, layer: int | None = None) -> list[Tensor]:
        """The means of every hidden layer from layer 1 up to `layer` (the top one if None), each computed once."""
        values = [without_missing(self._standardised(visible))]
        for number in range(1, self.layer_number(layer) + 1):
            values.append(self.layer(number).hidden_mean(values[-1]))
        return values[1:]

    def decode(self, hidden: TensorLike, layer: int | None = None) -> Tensor:
        """From hidden layer `layer` (the top one if None) down: (batch, units of the layer) -> (batch, visible)."""
        top = self.layer_number(layer)
        units = self.layer(top).hidden if top else self.layer(1).visible
        values = as_batch(hidden, self.layer(1).weights, units.size, f"layer {top} has")
        for number in range(top, 0, -1):
            values = self.layer(number).visible_mean(values)
        return values if self.standardisation is None else self.standardisation.undo(values)

    def reconstruct(self, visible: TensorLike, steps: int = 1, layer: int | None = None) -> Tensor:
        """`steps` times up to `layer` (the top one if None) and back down: (batch, visible) -> (batch, visible)."""
        values = as_batch(visible, self.layer(1).weights, self.layer(1).visible.size, "the DBN sees")
        for _ in range(steps):
            values = self.decode(self.encode(values, layer), layer)
        return values
