"""A DBN unfolded into a network computes what the DBN and its read-out computed."""

import pytest
import torch

from deepbelief.data import TensorSource
from deepbelief.errors import SettingsError
from deepbelief.learning.backprop.finetuning import network_to_finetune
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward
from deepbelief.models.readout import ReadoutClassifier
from deepbelief.models.units import Bernoulli, Gaussian, ReLU
from deepbelief.models.views import standardise
from deepbelief.randomness import Random


def test_before_training_it_is_the_dbn_with_its_readout() -> None:
    dbn, random = DBN.from_sizes([6, 5, 4], Random(0)), Random(1)
    readout = FeedForward([4, 3], torch.relu, random)
    images = random.uniform((7, 6))
    network = network_to_finetune(dbn, 3, random, readout)
    torch.testing.assert_close(network(images), ReadoutClassifier(dbn, 2, readout)(images))
    before = dbn.layer(1).weights.clone()
    with torch.no_grad():
        network.linear(1).weight.zero_()
    assert torch.equal(before, dbn.layer(1).weights)


def test_the_first_layer_of_the_network_standardises() -> None:
    dbn, random = DBN.from_units([Gaussian(6), Bernoulli(5), Bernoulli(4)], Random(0)), Random(1)
    readout, values = FeedForward([4, 3], torch.relu, random), random.uniform((7, 6)) * 3 + 1
    standardise(dbn, TensorSource(values))
    torch.testing.assert_close(
        network_to_finetune(dbn, 3, random, readout)(values), ReadoutClassifier(dbn, 2, readout)(values)
    )


def test_a_network_of_standardised_values_becomes_one_of_the_values_themselves() -> None:
    dbn, random = DBN.from_units([Gaussian(6), Bernoulli(5)], Random(0)), Random(1)
    values = random.uniform((7, 6)) * 3 + 1
    standardise(dbn, TensorSource(values))
    assert dbn.standardisation is not None
    readout = FeedForward([5, 3], torch.relu, random)
    network = network_to_finetune(dbn, 3, random, readout, standardised=True)
    expected = ReadoutClassifier(dbn, 1, readout)(values)
    torch.testing.assert_close(network(dbn.standardisation(values)), expected)
    dbn.standardisation.fold_into(network.linear(1))
    torch.testing.assert_close(network(values), expected)


def test_hidden_units_without_a_sigmoid_do_not_unfold() -> None:
    with pytest.raises(SettingsError, match="unfolds from Bernoulli hidden units, not from"):
        network_to_finetune(DBN.from_units([Bernoulli(4), ReLU(3)], Random(0)), 2, Random(1))
