"""Both phases of one batch, and the element-wise part of the difference between them."""

from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from torch import Tensor

from deepbelief.models.units import Units


class Phases(NamedTuple):
    """Both phases of one batch of n items beside m states of the model; views of kept memory."""

    data: Tensor  # (n, visible): v
    positive: Tensor  # (n, hidden): the field v W, which becomes E[h | v]
    model: Tensor  # (m, visible): v', to be filled
    negative: Tensor  # (m, hidden): the field v' W, to be filled, which becomes E[h | v']
    kept_positive: Tensor | None  # (n, hidden): which hidden units take part, 0 or 1; None: all
    kept_negative: Tensor | None  # (m, hidden)
    known: Tensor | None = None  # (n, visible): which visible units take part, 0 or 1; None: all


def keep(values: Tensor, kept: Tensor | None) -> Tensor:
    """The values of the units that take part, 0 for the others; in place."""
    return values if kept is None else values.mul_(kept)


@final
@dataclass(frozen=True)
class Subtraction:
    """The element-wise part of data minus model, in place: means p and p', and the sums of v - r v' and p - r p'.

    r is the number of data for each state of the model. `positive` ends as p plus a pull, if there is one, and
    `negative` as -r p', so that one product of the stacked matrices gives the statistics along the weights.

    Args:
        model_is_mean: whether the model's states are means.
        positive_is_field, negative_is_field: whether a side has the hidden units' field, and not yet their means.
    """

    model_is_mean: bool
    positive_is_field: bool
    negative_is_field: bool

    def __call__(
        self, visible: Units, hidden: Units, wide_visible: Units, wide_hidden: Units, *tensors: Tensor | None
    ) -> dict[str, Tensor]:
        """The statistics of parameters besides weights and biases, by name.

        The units are those of the products and those of the parameters. The tensors are the fields of `Phases`; the
        pull, or None; where p goes if there is a pull; where the means of p' over the units go, or None; -r; the sums
        along the visible and the hidden biases; memory for a sum of each of these.
        """
        phases = Phases(*tensors[:7])  # type: ignore[arg-type]
        pull, data_hidden, activity, minus_ratio, visible_sum, hidden_sum, *scratch = tensors[7:]
        assert minus_ratio is not None and visible_sum is not None and hidden_sum is not None
        for means, is_field, kept in (
            (phases.positive, self.positive_is_field, phases.kept_positive),
            (phases.negative, self.negative_is_field, phases.kept_negative),
        ):
            keep(hidden.mean_(means) if is_field else means, kept)
        further = self._further(wide_visible, wide_hidden, phases, minus_ratio)
        if pull is not None and data_hidden is not None:
            data_hidden.copy_(phases.positive)  # the pull is no part of E[h | v]
            phases.positive.add_(pull)
        if activity is not None:
            activity.copy_(phases.negative.mean(dim=1))
        _subtract(phases.data, phases.model, minus_ratio, visible_sum, scratch[0])
        _subtract(phases.positive, phases.negative, minus_ratio, hidden_sum, scratch[1])
        phases.negative.mul_(minus_ratio)
        return further

    def _further(self, visible: Units, hidden: Units, phases: Phases, minus_ratio: Tensor) -> dict[str, Tensor]:
        # Of the parameters' own type, whatever that of the products: near the end the two sums almost cancel.
        found, known, is_mean = dict[str, Tensor](), phases.known, self.model_is_mean
        for side, data, model in (
            (
                "visible",
                visible.further_statistics(phases.data, False, known),
                visible.further_statistics(phases.model, is_mean, known),
            ),
            (
                "hidden",
                hidden.further_statistics(phases.positive, True),
                hidden.further_statistics(phases.negative, True),
            ),
        ):
            found |= {f"{side}.{name}": data[name] + minus_ratio * model[name] for name in data}
        return found


def _subtract(data: Tensor, model: Tensor, minus_ratio: Tensor, out: Tensor, scratch: Tensor | None) -> None:
    """The sum of the data over the batch less that of the model's states."""
    torch.sum(data, dim=0, dtype=out.dtype, out=out)
    out.add_(torch.sum(model, dim=0, dtype=out.dtype, out=scratch).mul_(minus_ratio))
