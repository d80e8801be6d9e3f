"""Means and variances of parts are those of the whole."""

import pytest
import torch

from deepbelief import Random
from deepbelief.data import TensorSource
from deepbelief.data.moments import moments_of


@pytest.mark.parametrize("items", [1, 1999, 2000, 4001])
def test_parts_give_what_the_whole_gives(items: int) -> None:
    values = 1e4 + Random(0).normal((items, 3), 0.1) * torch.tensor([0.0, 1.0, 5.0])
    mean, variance = moments_of(TensorSource(values))
    torch.testing.assert_close(mean, values.double().mean(dim=0), rtol=1e-14, atol=0)
    torch.testing.assert_close(variance, values.double().var(dim=0, correction=0), rtol=1e-10, atol=1e-20)
