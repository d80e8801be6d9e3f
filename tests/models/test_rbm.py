"""Small RBMs against enumeration of all their states, in double precision."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.models.rbm import RBM, bernoulli_rbm
from deepbelief.models.units import Bernoulli
from deepbelief.randomness import Random


def small_rbm(visible: int, hidden: int, seed: int) -> RBM:
    random = Random(seed, "small")
    rbm = bernoulli_rbm(visible, hidden, random, weight_std=1.0).double()
    with torch.no_grad():
        rbm.visible.bias.copy_(random.normal((visible,)))
        rbm.hidden.bias.copy_(random.normal((hidden,)))
    return rbm


def all_states(size: int) -> Tensor:
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=size)), dtype=torch.float64)


sizes = st.integers(1, 5)
seeds = st.integers(0, 1000)


@given(sizes, sizes, seeds)
def test_conditionals_and_free_energy_agree_with_enumeration(visible: int, hidden: int, seed: int) -> None:
    rbm = small_rbm(visible, hidden, seed)
    vs, hs = all_states(visible), all_states(hidden)
    energies = torch.stack([rbm.energy(v.expand(len(hs), -1), hs) for v in vs])  # (visible states, hidden states)
    joint = torch.softmax(-energies.flatten(), dim=0).view_as(energies)
    hidden_given_visible = joint / joint.sum(dim=1, keepdim=True)
    visible_given_hidden = joint / joint.sum(dim=0, keepdim=True)
    torch.testing.assert_close(rbm.hidden_mean(vs), hidden_given_visible @ hs)
    torch.testing.assert_close(rbm.visible_mean(hs), visible_given_hidden.T @ vs)
    torch.testing.assert_close(rbm.free_energy(vs), -torch.logsumexp(-energies, dim=1))


@given(sizes, sizes, seeds)
def test_energy_is_the_formula(visible: int, hidden: int, seed: int) -> None:
    rbm, random = small_rbm(visible, hidden, seed), Random(seed)
    v, h = (
        random.bernoulli(torch.full((1, visible), 0.5)).double(),
        random.bernoulli(torch.full((1, hidden), 0.5)).double(),
    )
    expected = -(v @ rbm.visible.bias) - (h @ rbm.hidden.bias) - ((v @ rbm.weights) * h).sum(dim=1)
    torch.testing.assert_close(rbm.energy(v, h), expected)


def test_samples_have_the_conditional_means() -> None:
    rbm = small_rbm(4, 3, 0)
    v, h, n = all_states(4)[5], all_states(3)[3], 40_000
    random = Random(1)
    with torch.no_grad():
        sampled_hidden = rbm.sample_hidden(v.expand(n, -1), random).mean(dim=0)
        sampled_visible = rbm.sample_visible(h.expand(n, -1), random).mean(dim=0)
        torch.testing.assert_close(sampled_hidden, rbm.hidden_mean(v), atol=0.012, rtol=0)
        torch.testing.assert_close(sampled_visible, rbm.visible_mean(h), atol=0.012, rtol=0)


def test_gradient_of_the_log_likelihood_is_a_difference_of_statistics() -> None:
    rbm = small_rbm(4, 3, 2)
    data, vs = all_states(4)[[1, 7, 7, 12]], all_states(4)
    log_likelihood = -rbm.free_energy(data).mean() - torch.logsumexp(-rbm.free_energy(vs), dim=0)
    log_likelihood.backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        p = torch.softmax(-rbm.free_energy(vs), dim=0)
        expected = data.T @ rbm.hidden_mean(data) / len(data) - (p[:, None] * vs).T @ rbm.hidden_mean(vs)
    assert rbm.weights.grad is not None
    torch.testing.assert_close(rbm.weights.grad, expected, rtol=1e-10, atol=1e-12)


def test_gibbs_sampling_reaches_the_model_distribution() -> None:
    rbm, random, chains = small_rbm(3, 2, 3), Random(4), 60_000
    with torch.no_grad():
        states = random.bernoulli(torch.full((chains, 3), 0.5)).double()
        for _ in range(50):
            states = rbm.sample_visible(rbm.sample_hidden(states, random), random)
        counts = torch.bincount((states @ torch.tensor([4.0, 2.0, 1.0]).double()).long(), minlength=8)
        expected = torch.softmax(-rbm.free_energy(all_states(3)), dim=0) * chains
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    assert chi_square < 24.3  # 0.1 % of chi-square with 7 degrees of freedom


def test_reconstruction_is_repeated_and_differentiable() -> None:
    rbm = small_rbm(4, 3, 5)
    v = all_states(4)[:3].requires_grad_()
    twice = rbm.reconstruct(v, 2)
    torch.testing.assert_close(twice, rbm.reconstruct(rbm.reconstruct(v)))
    assert torch.autograd.grad(twice.sum(), v)[0].abs().sum() > 0


def test_both_starts_of_the_weights() -> None:
    assert bernoulli_rbm(500, 300, Random(0), 0.1).weights.std().item() == pytest.approx(0.1, rel=0.02)
    assert bernoulli_rbm(500, 300, Random(0)).weights.std().item() == pytest.approx((2 / 800) ** 0.5, rel=0.02)


def test_it_is_an_honest_module() -> None:
    rbm = bernoulli_rbm(3, 2, Random(0))
    assert set(rbm.state_dict()) == {"weights", "visible.bias", "hidden.bias"}
    assert rbm.train().training
    assert not rbm.eval().training
    assert rbm.to("meta").weights.device.type == "meta"


def test_the_same_units_on_both_sides_are_refused() -> None:
    units = Bernoulli(3)
    with pytest.raises(SettingsError, match="the same units cannot be on both sides"):
        RBM(units, units, Random(0))


def test_a_side_without_units_is_refused() -> None:
    with pytest.raises(SettingsError, match="Bernoulli needs at least 1 unit, not 0"):
        RBM(Bernoulli(0), Bernoulli(3), Random(0))
