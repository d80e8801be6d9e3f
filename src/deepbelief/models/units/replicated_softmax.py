"""Counts of words."""

import math
from functools import cached_property
from itertools import combinations_with_replacement
from typing import final

import torch
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.models.units.base import Units
from deepbelief.randomness import Random


@final
class ReplicatedSoftmax(Units):
    """How often each word occurs in a document, x, where D = sum_w x_w words are drawn from one softmax distribution.

    p(x | field) is multinomial: D draws with the probabilities softmax(a + field) (Salakhutdinov & Hinton 2009). In
    E(x) = -a . x - log(D! / prod_w x_w!) the second term counts the orders of the same words.

    An RBM learns from documents of any length: each has a softmax unit for each of its words, all with the same
    weights, and what the model makes of a document in learning has as many words as it. Where nothing says how long,
    as in sampling and for likelihoods, a document has `length` words. The paper multiplies the biases of the hidden
    units by D; here weights do that: to add the same to all weights of a hidden unit adds D times it to its field.

    Counts need not be whole numbers to be learnt from.

    Args:
        words: how many there are.
        length: D, of documents that the model makes up.

    Raises:
        SettingsError: there is no word, or no place for one.

    >>> ReplicatedSoftmax(words=4, length=8).mean(torch.zeros(1, 4)).tolist()
    [[2.0, 2.0, 2.0, 2.0]]
    """

    bounded = True
    replayable = False
    lowest = 0
    takes, advice = "ReplicatedSoftmax units take counts from 0 up", "count the words of each document"
    arguments = ("words", "length")

    def __init__(self, words: int, length: int) -> None:
        super().__init__(words)
        if length < 1:
            raise SettingsError(f"a document has at least 1 word, not {length}.")
        self.words, self.length = words, length

    def mean(self, field: Tensor) -> Tensor:
        """D softmax(a + field), shape (batch, words)."""
        return self.length * (field + self.bias).softmax(dim=-1)

    def mean_for(self, items: Tensor, field: Tensor) -> Tensor:
        """D softmax(a + field), with D of each of these documents."""
        return items.sum(dim=-1, keepdim=True) * (field + self.bias).softmax(dim=-1)

    def mean_for_(self, items: Tensor, field: Tensor) -> Tensor:
        return field.copy_(self.mean_for(items, field))

    @torch.no_grad()
    def sample(self, field: Tensor, random: Random) -> Tensor:
        """Counts of D words drawn given the field, shape (batch, words)."""
        return self._drawn(field, field.new_full((len(field),), self.length), random)

    @torch.no_grad()
    def sample_for_(self, items: Tensor, field: Tensor, random: Random, out: Tensor) -> Tensor:
        """Counts of as many words as each of these documents has."""
        out.copy_(self._drawn(field, items.sum(dim=-1).round(), random))
        self.mean_for_(items, field)
        return out

    def _drawn(self, field: Tensor, lengths: Tensor, random: Random) -> Tensor:
        wide = torch.promote_types(field.dtype, torch.float32)
        cumulative = (field + self.bias).to(wide).softmax(dim=-1).cumsum(dim=-1)
        places = torch.arange(int(lengths.max()) if len(lengths) else 0, device=field.device)
        # Uniform from 0 to the sum itself, which is 1 only up to rounding, so that the last word is the limit.
        thresholds = random.uniform_(cumulative.new_empty(len(field), len(places))) * cumulative[:, -1:]
        drawn = torch.searchsorted(cumulative, thresholds, right=True).clamp_(max=self.words - 1)
        present = (places < lengths[:, None]).to(wide)
        return torch.zeros_like(cumulative).scatter_add_(1, drawn, present).to(field.dtype)

    def energy(self, values: Tensor) -> Tensor:
        """-a . x - log(D! / prod_w x_w!), shape (batch,)."""
        orders = torch.lgamma(values.sum(dim=-1) + 1) - torch.lgamma(values + 1).sum(dim=-1)
        return -(values @ self.bias) - orders

    def log_partitions(self, field: Tensor) -> Tensor:
        """D log sum_w exp(a_w + field_w), shape (batch, 1): the words of a document are one variable."""
        return self.length * (field + self.bias).logsumexp(dim=-1, keepdim=True)

    def bias_of_mean(self, mean: Tensor) -> Tensor:
        """log of the mean."""
        return torch.log(mean)

    def check_states(self, values: Tensor) -> None:
        """`SettingsError` unless each document has `length` words."""
        lengths = values.sum(dim=-1)
        other = ((lengths != self.length) & ~lengths.isnan()).nonzero()
        if len(other):
            row = int(other[0])
            raise SettingsError(
                f"item {row} has {float(lengths[row]):g} words, and log Z is of documents of {self.length}: "
                "measure items of one length, with the `length` of the visible units set to it."
            )

    @property
    def variable_sizes(self) -> list[int]:
        """All words are one variable."""
        return [self.words]

    @property
    def states(self) -> int:
        """The number of ways to choose D words without an order: D + words - 1 over D."""
        return math.comb(self.length + self.words - 1, self.length)

    @cached_property
    def _documents(self) -> Tensor:
        """The words of every document in alphabetical order, (states, length)."""
        return torch.tensor(list(combinations_with_replacement(range(self.words), self.length)))

    def state(self, numbers: Tensor) -> Tensor:
        """The documents with these numbers, in alphabetical order."""
        documents = self._documents.to(numbers.device)[numbers]
        counts = self.bias.new_zeros(len(numbers), self.words)
        return counts.scatter_add_(1, documents, torch.ones_like(documents, dtype=counts.dtype))

    def extra_repr(self) -> str:
        """Words and length for `print`."""
        return f"{self.words} words, documents of {self.length}"
