"""An RBM that is trained by itself."""

import math

import pytest
import torch

from deepbelief import RBM, Bernoulli, Categorical, Random, RBMSettings, RBMTraining
from deepbelief.errors import DataError, SettingsError
from deepbelief.learning.rbm.monitors import pseudo_likelihood
from deepbelief.models.units import Joint


def test_it_is_layer_1_and_its_data_are_checked() -> None:
    rbm, settings = RBM(Bernoulli(4), Bernoulli(3), Random(0)), RBMSettings(epochs=2, batch_size=5)
    items = torch.rand(20, 4)
    records = list(RBMTraining(rbm, items, settings, held_out=items[:5]).epochs())
    assert [(record.layer, record.epoch, record.score_name) for record in records] == [
        (1, 1, "pseudo-likelihood"),
        (1, 2, "pseudo-likelihood"),
    ]
    with pytest.raises(SettingsError, match="the RBM sees 4 values, the data have 5"):
        RBMTraining(rbm, torch.rand(20, 5), settings)
    with pytest.raises(SettingsError, match="the RBM sees 4 values, the held-out data have 5"):
        RBMTraining(rbm, items, settings, held_out=torch.rand(20, 5))
    with pytest.raises(DataError, match="item 0 has the value 2"):
        RBMTraining(rbm, items + 2 - items, settings)
    with pytest.raises(SettingsError, match="early stopping needs held-out items"):
        RBMTraining(rbm, items, RBMSettings(patience=2))


def test_pseudo_likelihood_of_variables_with_different_numbers_of_values() -> None:
    """Of a binary unit and a group of three, without weights: the mean of their log-probabilities."""
    rbm = RBM(Joint(Bernoulli(1), Categorical(1, 3)), Bernoulli(2), Random(0), weight_std=0.0).double()
    with torch.no_grad():
        rbm.visible.bias.copy_(torch.tensor([0.4, 1.0, -0.5, 0.2]))
    items = torch.tensor([[1.0, 0.0, 1.0, 0.0]], dtype=torch.float64).repeat(20_000, 1)
    binary = -math.log1p(math.exp(-0.4))
    group = -0.5 - math.log(math.exp(1.0) + math.exp(-0.5) + math.exp(0.2))
    found = pseudo_likelihood(rbm, items, Random(1))
    assert found == pytest.approx((binary + group) / 2, abs=0.02)
