"""The gradient of an RBM's log-likelihood as a difference of sufficient statistics: data minus model."""

import copy
from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from deepbelief.models.rbm import RBM
from deepbelief.models.units import Units
from deepbelief.randomness import Random
from deepbelief.system.processes import ALONE, Share


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


@dataclass(frozen=True)
class Phases:
    """Both phases of one batch of n items beside m states of the model; views of kept memory."""

    data: Tensor  # (n, visible): v
    positive: Tensor  # (n, hidden): the field v W, for E[h | v] to be written over it
    model: Tensor  # (m, visible): v', to be filled
    negative: Tensor  # (m, hidden): E[h | v'], to be filled
    kept_positive: Tensor | None  # (n, hidden): which hidden units take part, 0 or 1; None: all
    kept_negative: Tensor | None  # (m, hidden)
    known: Tensor | None = None  # (n, visible): which visible units take part, 0 or 1; None: all


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
    """

    def __init__(
        self,
        rbm: RBM,
        data_rows: int,
        model_rows: int,
        products: torch.dtype | None = None,
        regularisation: Regularisation | None = None,
        missing: bool = False,
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
        self._weights, self._sum = torch.empty_like(rbm.weights), rbm.weights.new_empty(hidden)
        self._product = self._weights if products == rbm.weights.dtype else torch.empty_like(like)

    def load(
        self, visible: Tensor, model_rows: int, random: Random, data: Share | None = None, model: Share | None = None
    ) -> Phases:
        """Put the data in place; `data` and `model` say which rows of a batch and of all chains these are, if parts."""
        if self.rbm is not self._master:
            for narrow, wide in zip(self.rbm.parameters(), self._master.parameters(), strict=True):
                narrow.copy_(wide)
            if self._regularisation.dropout:
                self.rbm.weights.div_(self._regularisation.kept)
        n, data_rows = len(visible), self._data_rows
        of_data, of_model = data or ALONE.share(n), model or ALONE.share(model_rows)
        self._whole, self._ratio = of_data.whole, of_data.whole / max(1, of_model.whole)
        # Side by side, both phases' statistics need one product, [v; v']^T [p; -p'], and cancel inside it.
        self._rows = slice(data_rows - n, data_rows + model_rows)
        states, means = self._states[self._rows], self._means[self._rows]
        values, self._known_here = states[:n].copy_(visible), None
        if self._known is not None:
            self._known_here = self._known[:n].copy_(~values.isnan())
            values.nan_to_num_(nan=0.0)
        field, regularisation = torch.mm(values, self.rbm.weights, out=means[:n]), self._regularisation
        self._pull = regularisation.pull(self.rbm.hidden, field, of_data) if regularisation.sparsity_cost else None
        kept = None
        if self._kept is not None:
            kept = self._kept[self._rows]
            of_chains = slice(of_data.whole + of_model.rows.start, of_data.whole + of_model.rows.stop)
            with random.part_of(of_data.whole + of_model.whole, of_data.rows, of_chains):
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

    def statistics(self, n: int, visible: Tensor, squared_error: Tensor | None, model_is_mean: bool) -> Statistics:
        """The difference of both phases' sums; the model's states, however many, count as much as the n data."""
        states, means = self._states[self._rows], self._means[self._rows]
        further = self._further(n, states, means, model_is_mean)
        data_hidden = means[:n]
        if self._pull is not None:
            data_hidden = data_hidden.clone()  # the pull is no part of E[h | v]
            means[:n].add_(self._pull)
        means[n:].mul_(-self._ratio)
        product = torch.mm(states.T, means, out=self._product)
        return Statistics(
            weights=product if product is self._weights else self._weights.copy_(product),
            visible=visible,
            hidden=torch.sum(means, dim=0, dtype=self._sum.dtype, out=self._sum),
            batch_size=self._whole,
            squared_error=squared_error,
            further=further,
            data_visible=states[:n],
            data_hidden=data_hidden,
        )

    def _further(self, n: int, states: Tensor, means: Tensor, model_is_mean: bool) -> dict[str, Tensor]:
        # Of the parameters' own type, whatever that of the products: near the end the two sums almost cancel.
        visible, hidden, share = self._master.visible, self._master.hidden, self._ratio
        known, found = self._known_here, dict[str, Tensor]()
        for side, data, model in (
            (
                "visible",
                visible.further_statistics(states[:n], False, known),
                visible.further_statistics(states[n:], model_is_mean, known),
            ),
            ("hidden", hidden.further_statistics(means[:n], True), hidden.further_statistics(means[n:], True)),
        ):
            found |= {f"{side}.{name}": data[name] - share * model[name] for name in data}
        return found


def keep(values: Tensor, kept: Tensor | None) -> Tensor:
    """The values of the units that take part, 0 for the others; in place."""
    return values if kept is None else values.mul_(kept)


def draw_kept(units: Units, variable: Tensor, like: Tensor, dropout: float, random: Random) -> Tensor:
    """Which units stay, True or False, in the shape of `like`; those of a categorical variable go together.

    `variable` is `units.variable_of_each()`, which is made once, not at every step.
    """
    one_each = like.new_empty(len(like), len(units.variable_sizes))
    return (random.dropout_mask(one_each, dropout) > 0)[:, variable]
