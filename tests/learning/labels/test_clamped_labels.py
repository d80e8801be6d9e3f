"""Persistent chains that keep their labels learn p(v | y); label biases are fitted afterwards."""

import math

import pytest
import torch
from torch import Tensor

from deepbelief import RBM, Labelled, LabelledDBN, LabelledRBM, Random, RBMSettings, RBMTraining
from deepbelief.data import TensorSource
from deepbelief.errors import SettingsError
from deepbelief.learning import fit_label_biases
from deepbelief.learning.rbm.negative_phases.persistent import PersistentContrastiveDivergence
from deepbelief.learning.rbm.training import _labels_of_chains
from deepbelief.models.units import Bernoulli, Categorical, Joint
from tests.small_models import all_states, randomise

one_hot = torch.nn.functional.one_hot


def labelled_rbm(seed: int = 0) -> RBM:
    return randomise(RBM(Joint(Bernoulli(2), Categorical(1, 3)), Bernoulli(3), Random(seed)), Random(seed, "weights"))


def log_conditional(rbm: RBM, items: Tensor) -> Tensor:
    """The mean log p(v | y) of items [v, y] by enumeration."""
    states = all_states(rbm.visible)
    energies, labels = rbm.free_energy(states), states[:, 2:]
    same = (items[:, None, 2:] == labels[None]).all(dim=-1)
    log_z = torch.where(same, -energies, -math.inf).logsumexp(dim=1)
    return (-rbm.free_energy(items) - log_z).mean()


@torch.no_grad()
def test_the_statistics_are_the_gradient_of_the_conditional_likelihood() -> None:
    rbm, random = labelled_rbm(), Random(1)
    labels = torch.arange(300) % 3 * (torch.arange(300) < 200)  # class 0 is the most frequent
    items = torch.cat([random.bernoulli(torch.full((300, 2), 0.7)), one_hot(labels, 3)], dim=1).double()
    with torch.enable_grad():
        names, parameters = zip(*rbm.named_parameters(), strict=True)
        exact = torch.autograd.grad(log_conditional(rbm, items), parameters)
    start = rbm.sample_hidden(items, random)
    phase = PersistentContrastiveDivergence(rbm, 300, start, 3, clamped=items[:, 2:])
    rounds = []
    for _ in range(400):
        sums = phase.statistics(items, random).by_parameter()
        rounds.append(torch.cat([sums[name].flatten() / 300 for name in names]))
    error = torch.stack(rounds).mean(dim=0) - torch.cat([one.flatten() for one in exact])
    assert error.abs().max() < 0.01
    assert dict(zip(names, exact, strict=True))["visible.bias"][2:].abs().max() < 1e-12
    assert phase.statistics(items, random).visible[2:].eq(0).all()


def test_every_class_that_occurs_has_a_chain_and_frequent_ones_have_more() -> None:
    labels = torch.tensor([4] * 60 + [1] * 39 + [0])
    chains = _labels_of_chains(Labelled(torch.zeros(100, 2), labels, 6), 23)
    assert chains.shape == (23, 6)
    assert chains.sum(dim=1).eq(1).all()
    assert chains.sum(dim=0).tolist() == [1, 9, 0, 0, 13, 0]
    assert _labels_of_chains(Labelled(torch.zeros(100, 2), labels, 6), 3).sum(dim=0).tolist() == [1, 1, 0, 0, 1, 0]
    with pytest.raises(SettingsError, match="2 persistent chains cannot keep a label of each of 3 classes"):
        _labels_of_chains(Labelled(torch.zeros(100, 2), labels, 6), 2)


def stripes(n: int = 300) -> tuple[Tensor, Tensor]:
    """Three classes of noisy patterns of eight bits."""
    labels = torch.arange(n) % 3
    patterns = torch.tensor([[1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 0, 0], [0, 1, 0, 0, 1, 0, 1, 1]])
    return (patterns[labels] - Random(0).bernoulli(torch.full((n, 8), 0.08))).abs(), labels


@pytest.mark.parametrize("binarise", [False, True])
def test_a_class_is_learnt_and_told_from_the_others(binarise: bool) -> None:
    values, labels = stripes()
    model = LabelledRBM(Bernoulli(8), 3, Bernoulli(20), Random(1))
    settings = RBMSettings(
        epochs=30, batch_size=20, persistent_chains=30, clamp_labels=True, centring=True, binarise=binarise
    )
    training = RBMTraining(model.rbm, Labelled(values, labels, 3), settings, random=Random(2))
    list(training.epochs())
    kept = training._step.phase._clamped  # type: ignore[attr-defined]
    assert kept.sum(dim=0).tolist() == [10, 10, 10]
    fit_label_biases(model, (values, labels))
    assert float((model(values).argmax(dim=1) == labels).float().mean()) > 0.95
    chains = model.rbm.visible_mean(training._step.phase.chains)[:, :8]  # type: ignore[attr-defined]
    assert float((model(chains.detach()).argmax(dim=1) == kept.argmax(dim=1)).float().mean()) > 0.8


def test_label_biases_make_classes_as_probable_as_they_are_frequent() -> None:
    values, labels = stripes(100)
    labels = torch.where(torch.arange(100) < 50, 0, labels)
    model = LabelledDBN.from_sizes([8, 6, 5], 4, Random(1), weight_std=0.5)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fit_label_biases(model, (values, labels))
    mean = model(values).exp().mean(dim=0)[:3]
    torch.testing.assert_close(mean / mean.sum(), torch.bincount(labels) / 100, rtol=0, atol=0.01)
    changed = [name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])]
    assert changed == ["top.rbm.visible.bias"]
    assert torch.equal(model.top.rbm.visible.bias[:6], before[changed[0]][:6])
    assert model.top.rbm.visible.bias[9] == before[changed[0]][9]  # no item of class 3


def test_what_does_not_fit_is_refused() -> None:
    rbm = RBM(Bernoulli(4), Bernoulli(3), Random(0))
    settings = RBMSettings(persistent_chains=5, clamp_labels=True)
    with pytest.raises(SettingsError, match="clamp_labels needs items with labels"):
        RBMTraining(rbm, TensorSource(torch.rand(20, 4)), settings)
    for options in ({}, {"persistent_chains": 5, "tempering": {"temperatures": 3}}):
        with pytest.raises(SettingsError, match="clamp_labels is for persistent chains"):
            RBMSettings(clamp_labels=True, **options)  # type: ignore[arg-type]
