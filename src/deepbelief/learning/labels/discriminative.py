"""The exact gradient of log p(y | v), which an RBM with labels has in closed form."""

from typing import final

import torch
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.learning.rbm.statistics import Statistics, draw_kept
from deepbelief.models.labelled import LabelledRBM
from deepbelief.randomness import Random
from deepbelief.system.products import product


@final
class Discriminative:
    """Sums over a batch of the gradient of log p(y | v) (Larochelle & Bengio 2008).

    Let o_k = v W + U_k be the field on the hidden units if the label were k, s_k = E[h | o_k], and the error
    e_k = [k = y] - p(k | v). For each item the gradient is e_k s_k along U_k, D = sum over k of e_k s_k along the
    hidden biases, v^T D along W and e along the label's biases; it takes two products and `classes` passes over the
    hidden units.

    With `dropout` each hidden unit sees, for each item anew, neither v nor y with that probability, so that it has no
    say in p(y | v); what the others say counts 1 / (1 - dropout) times, so that on the average all is as without.

    Args:
        model: not changed.
        batch_size: the largest batch.
        dropout: of the hidden units, from 0 to below 1.

    Raises:
        SettingsError: the hidden units have parameters besides their biases.
    """

    def __init__(self, model: LabelledRBM, batch_size: int, dropout: float = 0.0) -> None:
        rbm, hidden = model.rbm, model.rbm.hidden
        if [name for name, _ in hidden.named_parameters()] != ["bias"]:
            raise SettingsError(
                f"{type(hidden).__name__} hidden units have parameters that log p(y | v) has no closed gradient for: "
                "give Bernoulli hidden units."
            )
        self._model, self._dropout = model, dropout
        self._variable = hidden.variable_of_each()
        like = rbm.weights.detach()
        self._field, self._slope = (like.new_empty(batch_size, hidden.size) for _ in range(2))
        self._of_label = like.new_empty(model.classes, batch_size, hidden.size)
        self._logits = like.new_empty(batch_size, model.classes)
        self._weights, self._visible = torch.empty_like(like), like.new_zeros(rbm.visible.size)
        self._hidden = like.new_empty(hidden.size)
        self.loss = like.new_empty(())
        """-log p(y | v) summed over the latest batch, in nats."""

    @torch.no_grad()
    def statistics(self, joined: Tensor, random: Random) -> Statistics:
        """Sums of a batch [v, one-hot y], shape (batch, values + classes); valid until the next call."""
        model, n, width = self._model, len(joined), self._model.values
        values, labels = joined[:, :width], joined[:, width:]
        field = product(values, model.rbm.weights[:width], out=self._field[:n])
        kept = None
        if self._dropout:
            kept = draw_kept(model.rbm.hidden, self._variable, field, self._dropout, random).to(field.dtype)
        log_p = self._log_posterior(field, kept)
        self.loss.copy_(-(log_p * labels).sum())
        error = labels - log_p.exp()
        return self._gradient(values, error, kept)

    def _log_posterior(self, field: Tensor, kept: Tensor | None) -> Tensor:
        """log p(k | v), (batch, classes); leaves s_k in `_of_label`."""
        rbm, n = self._model.rbm, len(field)
        logits = self._logits[:n]
        if kept is not None:
            field.mul_(kept)
        for label, own in enumerate(rbm.weights[self._model.values :]):
            buffer = self._of_label[label, :n]
            if kept is None:
                torch.add(field, own, out=buffer)
            else:
                torch.addcmul(field, kept, own, out=buffer)
            logits[:, label] = rbm.hidden.log_partition(buffer)
            rbm.hidden.mean_(buffer)
        # A unit that sees nothing says the same for every label, and so nothing.
        return logits.div_(1 - self._dropout).add_(rbm.visible.bias[self._model.values :]).log_softmax(dim=1)

    def _gradient(self, values: Tensor, error: Tensor, kept: Tensor | None) -> Statistics:
        n, width = len(values), self._model.values
        share = error / (1 - self._dropout)
        slope = self._slope[:n].zero_()
        for label in range(self._model.classes):
            means = self._of_label[label, :n]
            if kept is not None:
                means.mul_(kept)
            slope.addcmul_(means, share[:, label : label + 1])
            torch.mv(means.T, share[:, label], out=self._weights[width + label])
        product(values.T, slope, out=self._weights[:width])
        torch.sum(error, dim=0, out=self._visible[width:])
        return Statistics(
            weights=self._weights,
            visible=self._visible,
            hidden=torch.sum(slope, dim=0, out=self._hidden),
            batch_size=n,
        )


@torch.no_grad()
def combine(first: Statistics, second: Statistics, weight: float) -> Statistics:
    """Sums along the first objective + weight times the second, written over the first.

    At most one of them may have sums for parameters besides weights and biases.
    """
    first.weights.add_(second.weights, alpha=weight)
    first.hidden.add_(second.hidden, alpha=weight)
    return Statistics(
        weights=first.weights,
        visible=torch.add(first.visible, second.visible, alpha=weight),
        hidden=first.hidden,
        batch_size=first.batch_size,
        further={**first.further, **{name: weight * sums for name, sums in second.further.items()}},
    )
