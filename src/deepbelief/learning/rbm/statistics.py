"""The gradient of an RBM's log-likelihood as a difference of sufficient statistics: data minus model."""

import copy
from dataclasses import dataclass, field
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.learning.fused import Fused
from deepbelief.learning.rbm.phases import Phases, Subtraction
from deepbelief.models.rbm import RBM
from deepbelief.models.units import Units
from deepbelief.randomness import Random
from deepbelief.system.compilation import Compiler
from deepbelief.system.processes import ALONE, Share
from deepbelief.system.products import product


@dataclass(frozen=True)
class Statistics:
    """Sums over a batch, data minus model; where processes share the batch, over the rows that are here at first.

    Divided by the batch size they are the gradient of the mean log-likelihood along every parameter of the RBM.
    """

    weights: Tensor  # (visible, hidden): v^T p - v'^T p'
    visible: Tensor  # (visible,): v - v'
    hidden: Tensor  # (hidden,): p - p'
    batch_size: int  # of all processes together
    squared_error: Tensor | None = None  # (): sum of (v - E[v' | h])^2 after one step; None where that rebuilds no data
    further: dict[str, Tensor] = field(default_factory=dict)  # for parameters besides weights and biases, by name
    data_visible: Tensor | None = None  # (batch, visible): v; of the rows that are here
    data_hidden: Tensor | None = None  # (batch, hidden): p; of the rows that are here

    def by_parameter(self) -> dict[str, Tensor]:
        """All sums under the names of the RBM's parameters."""
        return {"weights": self.weights, "visible.bias": self.visible, "hidden.bias": self.hidden, **self.further}

    def add_up(self, share: Share) -> None:
        """Make the sums, in place, those over the rows of all processes."""
        errors = [] if self.squared_error is None else [self.squared_error]
        share.processes.add_up([*self.by_parameter().values(), *errors])


@dataclass(frozen=True)
class Regularisation:
    """What changes the hidden units' part in the statistics; `RBMSettings` says what it means."""

    dropout: float = 0.0
    sparsity_target: float = 0.0
    sparsity_cost: float = 0.0

    @property
    def kept(self) -> float:
        """The share of the hidden units that dropout leaves."""
        return 1 - self.dropout

    def pull(self, hidden: Units, field: Tensor, share: Share | None = None) -> Tensor:
        """-d/dfield of cost * sum_j (target - mean over the batch of E[h_j])^2, times the batch: (batch, hidden).

        What acts on the field acts on the statistics as E[h | v] does, and is added to it. With a share the mean is
        over the rows of all processes.
        """
        share = share or ALONE.share(len(field))
        with torch.enable_grad():
            leaf = field.detach().clone().requires_grad_()
            activity = share.mean(hidden.mean(leaf))
            penalty = self.sparsity_cost * ((activity - self.sparsity_target) ** 2).sum()
            (slope,) = torch.autograd.grad(penalty, leaf)
        return slope.mul_(-share.whole)


@final
class Narrow:
    """The weights in the type of the products, where that is another than the parameters', for whoever updates both.

    Args:
        weights: (visible, hidden), in the type of the products.
    """

    def __init__(self, weights: Tensor) -> None:
        self.weights: Final = weights
        self.are_updated = False
        """Whether updates write the weights in both types, and take statistics along them in that of the products."""
        self.are_new = False
        """Whether they are those of the parameters now."""


@final
class Workspace:
    """Memory for both phases of a batch, taken once: to take and give it back at every step costs as much as a product.

    Args:
        rbm: the model; not changed.
        data_rows: the largest batch.
        model_rows: the most states of the model at once.
        products: the type of the matrix products; where it is another than the parameters', they are done on a copy of
            the RBM that is brought up to date at each step, and the parameters and their updates stay as they are.
        regularisation: dropout and sparsity of the hidden units. With dropout the RBM that is seen here has the weights
            W / (1 - dropout), and the statistics are its gradient.
        missing: whether values of the data may be missing (NaN). Each item then has an RBM of its own, of the units
            that are known, and there is one state of the model for each item (Salakhutdinov, Mnih & Hinton 2007).
        compiler: compiles the element-wise work; None: nothing is compiled.
    """

    def __init__(
        self,
        rbm: RBM,
        data_rows: int,
        model_rows: int,
        products: torch.dtype | None = None,
        regularisation: Regularisation | None = None,
        missing: bool = False,
        compiler: Compiler | None = None,
    ) -> None:
        self._master, self._data_rows = rbm, data_rows
        self._regularisation = regularisation or Regularisation()
        self.rbm = rbm
        products = products or rbm.weights.dtype
        if products != rbm.weights.dtype or self._regularisation.dropout:
            self.rbm = copy.deepcopy(rbm).to(products)
        (visible, hidden), like = rbm.weights.shape, self.rbm.weights
        self._states = like.new_empty(data_rows + model_rows, visible)
        self._means = like.new_empty(data_rows + model_rows, hidden)
        self._kept = torch.empty_like(self._means) if self._regularisation.dropout else None
        self._known = like.new_empty(data_rows, visible) if missing else None
        self._variable = rbm.hidden.variable_of_each()
        self._weights = torch.empty_like(rbm.weights)
        self._product = self._weights if products == rbm.weights.dtype else torch.empty_like(like)
        self._sums = [torch.empty_like(units.bias) for units in (rbm.visible, rbm.hidden)]
        self._scratch = [torch.empty_like(one) for one in self._sums]
        self._minus_ratio = rbm.weights.new_empty(())
        self.compiler = compiler if rbm.visible.replayable and rbm.hidden.replayable else None
        pairs = zip(self.rbm.parameters(), rbm.parameters(), strict=True)
        self._copies = [pair for pair in pairs if pair[1] is not rbm.weights]
        copied = self.rbm is not rbm and not self._regularisation.dropout
        self.narrow = Narrow(self.rbm.weights) if copied else None
        """None where the products have the type of the parameters, or the weights are more than copied."""
        self._subtractions: dict[tuple[bool, bool, bool], Fused] = {}

    def load(
        self, visible: Tensor, model_rows: int, random: Random, data: Share | None = None, model: Share | None = None
    ) -> Phases:
        """Put the data in place; `data` and `model` say which rows of a batch and of all chains these are, if parts."""
        if self.rbm is not self._master:
            for copied, parameter in self._copies:
                copied.copy_(parameter)
            if self.narrow is None or not self.narrow.are_new:
                self.rbm.weights.copy_(self._master.weights)
            if self.narrow is not None:
                self.narrow.are_new = False
            if self._regularisation.dropout:
                self.rbm.weights.div_(self._regularisation.kept)
        n, data_rows = visible.shape[0], self._data_rows
        self._whole, chains = n if data is None else data.whole, model_rows if model is None else model.whole
        self._minus_ratio.fill_(-self._whole / max(1, chains))
        # Side by side, both phases' statistics need one product, [v; v']^T [p; -p'], and cancel inside it.
        self._rows = slice(data_rows - n, data_rows + model_rows)
        states, means = self._states[self._rows], self._means[self._rows]
        values, self._known_here = states[:n].copy_(visible), None
        if self._known is not None:
            self._known_here = self._known[:n].copy_(~values.isnan())
            values.nan_to_num_(nan=0.0)
        field, regularisation = product(values, self.rbm.weights, out=means[:n]), self._regularisation
        self._pull = regularisation.pull(self.rbm.hidden, field, data) if regularisation.sparsity_cost else None
        kept = None
        if self._kept is not None:
            kept = self._kept[self._rows]
            of_data, of_model = (data or ALONE.share(n)).rows, (model or ALONE.share(model_rows)).rows
            of_chains = slice(self._whole + of_model.start, self._whole + of_model.stop)
            with random.part_of(self._whole + chains, of_data, of_chains):
                kept.copy_(draw_kept(self.rbm.hidden, self._variable, kept, regularisation.dropout, random))
        return Phases(
            data=values,
            positive=means[:n],
            model=states[n:],
            negative=means[n:],
            kept_positive=None if kept is None else kept[:n],
            kept_negative=None if kept is None else kept[n:],
            known=self._known_here,
        )

    def statistics(
        self,
        phases: Phases,
        squared_error: Tensor | None = None,
        *,
        model_is_mean: bool,
        positive_is_field: bool = False,
        negative_is_field: bool = False,
        activity: Tensor | None = None,
    ) -> Statistics:
        """The difference of both phases' sums; the model's states, however many, count as much as the data.

        Args:
            phases: what `load` gave, filled.
            squared_error: for `Statistics`.
            model_is_mean: whether the model's states are means.
            positive_is_field, negative_is_field: whether a side has the hidden units' field, and not yet their means.
            activity: where the mean of E[h | v'] over the hidden units goes, (m,).
        """
        kind = (model_is_mean, positive_is_field, negative_is_field)
        if kind not in self._subtractions:
            units = (self.rbm.visible, self.rbm.hidden, self._master.visible, self._master.hidden)
            self._subtractions[kind] = Fused(
                Subtraction(*kind), *units, compiler=self.compiler, scratch=len(self._scratch)
            )
        data_hidden = phases.positive if self._pull is None else torch.empty_like(phases.positive)
        further = self._subtractions[kind](
            *phases,
            self._pull,
            None if self._pull is None else data_hidden,
            activity,
            self._minus_ratio,
            *self._sums,
            *self._scratch,
        )
        sums = product(self._states[self._rows].T, self._means[self._rows], out=self._product)
        stays = sums is self._weights or (self.narrow is not None and self.narrow.are_updated)
        return Statistics(
            weights=sums if stays else self._weights.copy_(sums),
            visible=self._sums[0],
            hidden=self._sums[1],
            batch_size=self._whole,
            squared_error=squared_error,
            further=further or {},
            data_visible=phases.data,
            data_hidden=data_hidden,
        )


def draw_kept(units: Units, variable: Tensor, like: Tensor, dropout: float, random: Random) -> Tensor:
    """Which units stay, True or False, in the shape of `like`; those of a categorical variable go together.

    `variable` is `units.variable_of_each()`, which is made once, not at every step.
    """
    one_each = like.new_empty(len(like), len(units.variable_sizes))
    return (random.dropout_mask(one_each, dropout) > 0)[:, variable]
