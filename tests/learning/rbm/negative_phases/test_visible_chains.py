"""Where the chains of each negative phase are, as values of the visible units."""

from typing import Any

import pytest
import torch

from deepbelief.data import Labelled, TensorSource
from deepbelief.learning.rbm.negative_phases.persistent import PersistentContrastiveDivergence
from deepbelief.learning.rbm.negative_phases.tempering import ParallelTempering
from deepbelief.learning.rbm.negative_phases.trajectory import TrajectoryTempering
from deepbelief.learning.rbm.settings import RBMSettings, Tempering
from deepbelief.learning.rbm.training import RBMTraining
from deepbelief.models.labelled import LabelledRBM
from deepbelief.models.rbm import RBM
from deepbelief.models.units import Bernoulli
from deepbelief.randomness import Random

ITEMS = Random(1).uniform((20, 6))


def trained(**settings: Any) -> RBMTraining:
    rbm = RBM(Bernoulli(6), Bernoulli(4), Random(0), weight_std=1.0)
    training = RBMTraining(rbm, ITEMS, RBMSettings(epochs=3, batch_size=5, persistent_chains=7, **settings))
    list(training.epochs())
    return training


def test_of_hidden_states_it_is_the_mean() -> None:
    training = trained()
    phase = training.negative_phase
    assert isinstance(phase, PersistentContrastiveDivergence)
    assert torch.equal(training.chains[1], training.rbm.visible_mean(phase.chains).detach())


def test_of_replicas_it_is_that_of_the_coldest() -> None:
    training = trained(tempering=Tempering(temperatures=3))
    phase = training.negative_phase
    assert isinstance(phase, ParallelTempering)
    by_temperature = phase.hidden.view(3, 7, 4)
    assert not torch.equal(by_temperature[0], by_temperature[-1])
    assert torch.equal(training.chains[1], training.rbm.visible_mean(by_temperature[-1]).detach())


def test_of_visible_states_it_is_a_copy() -> None:
    training = trained(tempering=Tempering(trajectory=True))
    phase = training.negative_phase
    assert isinstance(phase, TrajectoryTempering)
    assert torch.equal(training.chains[1], phase.chains)
    assert training.chains[1] is not phase.chains


@pytest.mark.parametrize("clamped", [False, True])
def test_labels_that_are_kept_are_whole(clamped: bool) -> None:
    model = LabelledRBM(Bernoulli(6), 2, Bernoulli(4), Random(0))
    source = Labelled(TensorSource(ITEMS), torch.arange(20) % 2, 2)
    settings = RBMSettings(epochs=2, batch_size=5, persistent_chains=8, clamp_labels=clamped)
    training = RBMTraining(model.rbm, source, settings)
    list(training.epochs())
    labels = training.chains[1][:, 6:]
    assert torch.allclose(labels.sum(dim=1), torch.ones(8))
    assert bool(((labels == 0) | (labels == 1)).all()) is clamped
