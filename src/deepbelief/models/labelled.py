"""Models of values and their labels: an RBM that sees both, alone or on top of a DBN; it classifies by free energy."""

from collections.abc import Sequence
from typing import Final, final

import torch
from torch import Tensor, nn

from deepbelief.arrays import TensorLike, as_batch
from deepbelief.data.labels import as_labels
from deepbelief.errors import SettingsError
from deepbelief.models.dbn import DBN
from deepbelief.models.rbm import RBM
from deepbelief.models.units import Bernoulli, Categorical, Joint, Units
from deepbelief.randomness import Random, as_random
from deepbelief.system.products import product


@final
class LabelledRBM(nn.Module):
    """An RBM over values v and a label y, p(v, y) = exp(-F(v, y)) / Z (Hinton et al. 2006; Larochelle & Bengio 2008).

    The visible units of `rbm` are Joint(values, Categorical(1, classes)): the last `classes` of them are the label.

    Args:
        values: the visible units beside the label; copied.
        classes: number of classes.
        hidden: the hidden units, of any kind that the RBM allows.
        random: for the initial weights.
        weight_std: as for `RBM`.

    >>> model = LabelledRBM(Bernoulli(784), 10, Bernoulli(500), Random(0))
    >>> model(torch.rand(5, 784)).exp().sum(dim=1).allclose(torch.ones(5))
    True
    """

    def __init__(
        self, values: Units, classes: int, hidden: Units, random: Random | int, weight_std: float | None = None
    ) -> None:
        super().__init__()
        self.values: Final = values.size
        self.classes: Final = classes
        self.rbm = RBM(Joint(values, Categorical(1, classes)), hidden, random, weight_std)

    def _v(self, values: TensorLike) -> Tensor:
        return as_batch(values, self.rbm.weights, self.values, "the RBM sees, beside the label,")

    def join(self, values: TensorLike, labels: TensorLike) -> Tensor:
        """[v, one-hot y], what the RBM sees: (batch, values) and (batch,) -> (batch, values + classes)."""
        given = self._v(values)
        one_hot = nn.functional.one_hot(as_labels(labels, len(given), self.classes).to(given.device), self.classes)
        return torch.cat([given, one_hot.to(given)], dim=-1)

    def log_joint(self, values: TensorLike) -> Tensor:
        """log p(v, y) of every label, up to a constant: (batch, values) -> (batch, classes).

        a_y + log sum_h exp((v W + U_y) h - E_h(h)), W and U being the weights of the values and of the labels.
        """
        field = product(self._v(values), self.rbm.weights[: self.values])
        # One label at a time: all at once would take that many times the memory.
        logs = [self.rbm.hidden.log_partition(field + label) for label in self.rbm.weights[self.values :]]
        return torch.stack(logs, dim=-1) + self.rbm.visible.bias[self.values :]

    def predict_log_proba(self, values: TensorLike) -> Tensor:
        """log p(y | v), exactly: (batch, values) -> (batch, classes); differentiable."""
        return self.log_joint(values).log_softmax(dim=-1)

    forward = predict_log_proba  # so that the model is a classifier like any other

    def clamp_label(self, labels: TensorLike) -> tuple[Tensor, Tensor]:
        """Which visible units of `rbm` the labels fix, and their values, for a sampler: both (batch, values + classes).

        The first is a mask, True at the label's units; the second holds the one-hot labels there and 0 elsewhere.
        """
        bias = self.rbm.visible.bias.detach()
        wanted = as_labels(labels, classes=self.classes)
        fixed = self.join(bias.new_zeros(len(wanted), self.values), wanted)
        known = torch.arange(len(bias), device=bias.device) >= self.values
        return known.expand_as(fixed), fixed


@final
class LabelledDBN(nn.Module):
    """A DBN whose top RBM sees the labels beside the layer below it (Hinton, Osindero & Teh 2006).

    Args:
        below: the layers below the top RBM; it decodes, and without a `recognition` it encodes, too.
        top: the RBM on top of it.
        recognition: encodes in the place of `below`, once the two have been untied (see `UpDownTraining`).

    Raises:
        SettingsError: the three do not fit together.

    >>> model = LabelledDBN.from_sizes([784, 500, 500, 2000], 10, Random(0))
    >>> model.predict_log_proba(torch.rand(5, 784)).shape
    torch.Size([5, 10])
    """

    def __init__(self, below: DBN, top: LabelledRBM, recognition: DBN | None = None) -> None:
        super().__init__()
        label = Categorical(1, top.classes)
        if top.rbm.visible.description != Joint(below.layer(len(below)).hidden, label).description:
            raise SettingsError(
                f"a top RBM over {top.values} values beside the label cannot stand on a DBN with {below.sizes[-1]} "
                "units at its top: give both the same number and kind."
            )
        if recognition is not None and recognition.sizes != below.sizes:
            raise SettingsError(
                f"a recognition stack of {recognition.sizes} does not fit layers of {below.sizes}: make them equal."
            )
        self.below, self.top, self.recognition = below, top, recognition
        self.classes: Final = top.classes

    @classmethod
    def from_sizes(
        cls, sizes: Sequence[int], classes: int, random: Random | int, weight_std: float | None = None
    ) -> "LabelledDBN":
        """A model of binary units and a label; `sizes` counts from the visible layer up to the top RBM's hidden one."""
        random = as_random(random)
        if len(sizes) < 3:
            raise SettingsError(
                f"a labelled DBN needs a visible and two hidden sizes, such as [784, 500, 2000], not {list(sizes)}; "
                "for one hidden layer take LabelledRBM."
            )
        below = DBN.from_sizes(sizes[:-1], random, weight_std)
        return cls(below, LabelledRBM(Bernoulli(sizes[-2]), classes, Bernoulli(sizes[-1]), random, weight_std))

    def encode(self, visible: TensorLike) -> Tensor:
        """The means of the layer that the top RBM sees: (batch, visible) -> (batch, top.values)."""
        return (self.below if self.recognition is None else self.recognition).encode(visible)

    def predict_log_proba(self, visible: TensorLike) -> Tensor:
        """log p(y | v) with the layers below at their means: (batch, visible) -> (batch, classes); differentiable."""
        return self.top.predict_log_proba(self.encode(visible))

    forward = predict_log_proba  # so that the model is a classifier like any other

    def clamp_label(self, labels: TensorLike) -> tuple[Tensor, Tensor]:
        """`LabelledRBM.clamp_label` of the top RBM; `below.decode` passes its samples down."""
        return self.top.clamp_label(labels)
