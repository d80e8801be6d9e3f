"""One-hot units."""

from typing import Final, final

import torch
from torch import Tensor

from deepbelief.errors import DataError, SettingsError
from deepbelief.models.units.base import Units
from deepbelief.randomness import Random

_ROUNDED: Final = 0.01  # how far the sum of rounded probabilities may be from 1


@final
class Categorical(Units):
    """Groups of units of which exactly one is 1: p(x_gc = 1 | field) = softmax over c of (a_gc + field_gc).

    A group is one variable with `categories` values, such as a label (Salakhutdinov, Mnih & Hinton 2007); the values
    of the groups lie one after the other, which makes groups x categories units. E(x) = -a . x.

    >>> import torch
    >>> Categorical(groups=2, categories=3).mean(torch.zeros(1, 6)).tolist()[0][:3]
    [0.3333333432674408, 0.3333333432674408, 0.3333333432674408]
    """

    bounded = grey = True
    lowest, highest = 0, 1
    takes = "a group of Categorical units takes one-hot values, or probabilities that sum to 1"
    advice = "encode categories by torch.nn.functional.one_hot"
    arguments = ("groups", "categories")

    def __init__(self, groups: int, categories: int) -> None:
        super().__init__(groups * categories)
        if categories < 2:
            raise SettingsError(f"a categorical variable needs at least 2 categories, not {categories}.")
        self.groups, self.categories = groups, categories

    def _grouped(self, values: Tensor) -> Tensor:
        return values.reshape(*values.shape[:-1], self.groups, self.categories)

    def mean(self, field: Tensor) -> Tensor:
        """The probabilities of the categories, shape (batch, size)."""
        return self._grouped(field + self.bias).softmax(dim=-1).flatten(-2)

    @torch.no_grad()
    def sample(self, field: Tensor, random: Random) -> Tensor:
        """One category of each group, as one-hot values, shape (batch, size)."""
        cumulative = self._grouped(self.mean(field)).to(torch.promote_types(field.dtype, torch.float32)).cumsum(dim=-1)
        # Uniform from 0 to the sum itself, which is 1 only up to rounding, so that the last category is the limit.
        threshold = random.uniform_(torch.empty_like(cumulative[..., :1])) * cumulative[..., -1:]
        chosen = (cumulative <= threshold).sum(dim=-1, keepdim=True).clamp_(max=self.categories - 1)
        return torch.zeros_like(cumulative).scatter_(-1, chosen, 1.0).flatten(-2).to(field.dtype)

    def log_partitions(self, field: Tensor) -> Tensor:
        """log sum_c exp(a_gc + field_gc), shape (batch, groups)."""
        return self._grouped(field + self.bias).logsumexp(dim=-1)

    def bias_of_mean(self, mean: Tensor) -> Tensor:
        """log of the mean."""
        return torch.log(mean)

    def check_values(self, values: Tensor, item: int = 0, position: int = 0) -> None:
        """`DataError` unless the values of each group are from 0 to 1 and sum to 1 (to within 0.01)."""
        super().check_values(values, item, position)
        sums = self._grouped(values).sum(dim=-1, dtype=torch.promote_types(values.dtype, torch.float32))
        broken = ((sums - 1).abs() > _ROUNDED).nonzero()
        if len(broken):
            row, group = broken[0].tolist()
            first = position + group * self.categories
            raise DataError(
                f"item {item + row} has values that sum to {float(sums[row, group]):g} at positions {first} to "
                f"{first + self.categories - 1}, but {self.takes}: leave items with missing values out."
            )

    @property
    def variable_sizes(self) -> list[int]:
        """All categories of a group are one variable."""
        return [self.categories] * self.groups

    @property
    def states(self) -> int:
        """categories^groups."""
        return int(self.categories**self.groups)

    def state(self, numbers: Tensor) -> Tensor:
        """The digits of the numbers to base `categories`, most significant first, each as one-hot values."""
        powers = self.categories ** torch.arange(self.groups - 1, -1, -1, device=numbers.device)
        digits = numbers[:, None] // powers % self.categories
        return torch.nn.functional.one_hot(digits, self.categories).flatten(1).to(self.bias.dtype)

    def extra_repr(self) -> str:
        """Groups and categories for `print`."""
        return f"{self.groups} groups of {self.categories}"
