"""A DBN unfolded into a network computes what the DBN and its read-out computed."""

import torch

from deepbelief.dbn import DBN
from deepbelief.feedforward import FeedForward
from deepbelief.learning.finetuning import unfold
from deepbelief.randomness import Random
from deepbelief.readout import ReadoutClassifier


def test_before_training_it_is_the_dbn_with_its_readout() -> None:
    dbn, random = DBN.from_sizes([6, 5, 4], Random(0)), Random(1)
    readout = FeedForward([4, 3], torch.relu, random)
    images = random.uniform((7, 6))
    network = unfold(dbn, 3, random, readout)
    torch.testing.assert_close(network(images), ReadoutClassifier(dbn, 2, readout)(images))
    before = dbn.layer(1).weights.clone()
    with torch.no_grad():
        network.linear(1).weight.zero_()
    assert torch.equal(before, dbn.layer(1).weights)
