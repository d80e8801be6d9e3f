"""The gradient that learning uses, for all pairs of units and every option, against autograd of the exact objective."""

import copy

import pytest
import torch
from torch import Tensor

from deepbelief.learning.rbm.momentum import Momentum
from deepbelief.learning.rbm.negative_phases.contrastive_divergence import ContrastiveDivergence
from deepbelief.learning.rbm.negative_phases.persistent import PersistentContrastiveDivergence
from deepbelief.learning.rbm.phases import Phases, keep
from deepbelief.learning.rbm.statistics import Regularisation, Statistics, Workspace
from deepbelief.learning.rbm.update import Centring, clip, penalise
from deepbelief.models.rbm import RBM
from deepbelief.models.units import Bernoulli, Categorical
from deepbelief.randomness import Random
from tests.small_models import KINDS, PAIRS, all_states, log_likelihood, log_z, small_rbm, some_values

pairs = pytest.mark.parametrize(("visible", "hidden"), PAIRS)
Gradient = dict[str, Tensor]


def fill_positive(rbm: RBM, phases: Phases) -> None:
    keep(rbm.hidden.mean_(phases.positive), phases.kept_positive)


@torch.no_grad()
def exact_statistics(rbm: RBM, data: Tensor, regularisation: Regularisation | None = None) -> Statistics:
    """What a negative phase without any sampling error would give: every state of the model with its probability.

    Statistics are linear in the model's part: those of single states, through the code that learns, are averaged.
    """
    workspace = Workspace(rbm, len(data), 1, regularisation=regularisation)
    by_visible = rbm.visible.states is not None
    states = all_states(rbm.visible if by_visible else rbm.hidden)
    if by_visible:
        log_weights = -rbm.free_energy(states)
    else:
        log_weights = rbm.visible.log_partition(states @ rbm.weights.T) - rbm.hidden.energy(states)
    total: Gradient = {}
    for state, probability in zip(states, torch.softmax(log_weights, dim=0), strict=True):
        phases = workspace.load(data, 1, Random(0))
        fill_positive(rbm, phases)
        if by_visible:
            phases.model.copy_(state)
            phases.negative.copy_(rbm.hidden_mean(state[None]))
        else:
            phases.model.copy_(rbm.visible_mean(state[None]))
            phases.negative.copy_(state)
        found = workspace.statistics(phases, model_is_mean=not by_visible)
        for name, sums in found.by_parameter().items():
            total[name] = total.get(name, torch.zeros_like(sums)) + probability * sums
    further = {name: total[name] for name in found.further}
    sums = (total["weights"], total["visible.bias"], total["hidden.bias"])
    return Statistics(*sums, len(data), None, further, data.clone(), rbm.hidden_mean(data))


def by_autograd(objective: Tensor, rbm: RBM) -> Gradient:
    names, parameters = zip(*rbm.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(objective, parameters), strict=True))


class Objective(torch.nn.Module):
    """The exact log-likelihood as a module, so that its parameters can be given."""

    def __init__(self, rbm: RBM) -> None:
        super().__init__()
        self.rbm = rbm

    def forward(self, data: Tensor) -> Tensor:
        return log_likelihood(self.rbm, data)


def job(visible: str, hidden: str, seed: int = 0) -> tuple[RBM, Tensor]:
    rbm = small_rbm(visible, hidden, seed)
    return rbm, some_values(rbm.visible, 9, Random(seed, "data"))


def assert_same(found: Gradient, expected: Gradient, *without: str) -> None:
    assert found.keys() == expected.keys()
    for name in found.keys() - set(without):
        error = (found[name] - expected[name]).norm() / expected[name].norm()
        assert error < 1e-8, name


def mean(statistics: Statistics) -> Gradient:
    return {name: sums / statistics.batch_size for name, sums in statistics.by_parameter().items()}


@pairs
def test_the_plain_gradient(visible: str, hidden: str) -> None:
    rbm, data = job(visible, hidden)
    assert_same(mean(exact_statistics(rbm, data)), by_autograd(log_likelihood(rbm, data), rbm))


@pairs
def test_the_gradient_with_sparse_hidden_units(visible: str, hidden: str) -> None:
    rbm, data = job(visible, hidden)
    penalty = 3.0 * ((rbm.hidden_mean(data).mean(dim=0) - 0.2) ** 2).sum()
    found = exact_statistics(rbm, data, Regularisation(sparsity_target=0.2, sparsity_cost=3.0))
    # The pull acts through the field, so on all parameters that the field is made of.
    assert_same(mean(found), by_autograd(log_likelihood(rbm, data) - penalty, rbm), "hidden.log_precision")


@pairs
def test_the_gradient_with_weights_held_small(visible: str, hidden: str) -> None:
    rbm, data = job(visible, hidden)
    small = 0.03 * rbm.weights.abs().sum() + 0.5 * 0.2 * rbm.weights.square().sum()
    expected = by_autograd(log_likelihood(rbm, data) - small, rbm)
    before = {name: parameter.detach().clone() for name, parameter in rbm.named_parameters()}
    statistics = exact_statistics(rbm, data)
    penalise(statistics, rbm, 0.03)
    Momentum(rbm).update(statistics, 0.01, 0.0, 0.2)
    assert_same({name: (new.detach() - before[name]) / 0.01 for name, new in rbm.named_parameters()}, expected)


@pairs
def test_the_centred_gradient(visible: str, hidden: str) -> None:
    """Autograd in the centred model's own parameters: a = a' - W lambda, c = c' - W^T mu (Melchior et al. 2016)."""
    rbm, data = job(visible, hidden)
    centring = Centring(rbm, rate=0.25)
    centring.apply(exact_statistics(rbm, data[:4]))  # the offsets have a past
    found = mean(centring.apply(exact_statistics(rbm, data)))
    mu = 0.75 * data[:4].mean(dim=0) + 0.25 * data.mean(dim=0)
    lam = (0.75 * rbm.hidden_mean(data[:4]).mean(dim=0) + 0.25 * rbm.hidden_mean(data).mean(dim=0)).detach()
    torch.testing.assert_close(centring.offsets["visible"], mu)
    torch.testing.assert_close(centring.offsets["hidden"], lam)

    centred = {name: parameter.detach().clone().requires_grad_() for name, parameter in rbm.named_parameters()}
    centred["visible.bias"] = (rbm.visible.bias + rbm.weights @ lam).detach().requires_grad_()
    centred["hidden.bias"] = (rbm.hidden.bias + rbm.weights.T @ mu).detach().requires_grad_()
    plain = dict(centred)
    plain["visible.bias"] = centred["visible.bias"] - centred["weights"] @ lam
    plain["hidden.bias"] = centred["hidden.bias"] - centred["weights"].T @ mu

    tensors = {f"rbm.{name}": tensor for name, tensor in plain.items()}
    value = torch.func.functional_call(Objective(rbm), tensors, (data,))
    expected = dict(zip(centred, torch.autograd.grad(value, list(centred.values())), strict=True))
    expected["visible.bias"] = expected["visible.bias"] - expected["weights"] @ lam
    expected["hidden.bias"] = expected["hidden.bias"] - expected["weights"].T @ mu
    assert_same(found, expected)


@pytest.mark.parametrize("visible", [name for name in KINDS if (name, "Bernoulli") in PAIRS])
@torch.no_grad()
def test_dropped_units_are_absent_from_both_phases(visible: str) -> None:
    """With its mask an item sees an RBM of the units that are left, with weights W / (1 - dropout), and 0 elsewhere."""
    rbm, data = job(visible, "Bernoulli")
    workspace = Workspace(rbm, 9, 9, regularisation=Regularisation(dropout=0.5))
    phases = workspace.load(data, 9, Random(3))
    fill_positive(rbm, phases)
    assert phases.kept_positive is not None
    assert 0 < phases.kept_positive.mean() < 1
    for item, kept in zip(range(9), phases.kept_positive.bool(), strict=True):
        part = RBM(copy.deepcopy(rbm.visible), Bernoulli(max(1, int(kept.sum()))), Random(0)).double()
        if not kept.any():
            continue
        part.weights.copy_(rbm.weights[:, kept] / 0.5)
        part.hidden.bias.copy_(rbm.hidden.bias[kept])
        torch.testing.assert_close(phases.positive[item, kept], part.hidden_mean(data[item : item + 1])[0])
        assert not phases.positive[item, ~kept].any()
    negative_phase = ContrastiveDivergence(rbm, 9, 3, regularisation=Regularisation(dropout=0.5))
    negative_phase.statistics(data, Random(3))
    data_means, model_means = negative_phase._workspace._means.view(2, 9, -1)
    assert torch.equal(data_means != 0, model_means != 0)  # an item's chain lacks what the item lacks
    assert not (data_means != 0).all()


@torch.no_grad()
def test_the_units_of_a_categorical_variable_drop_out_together() -> None:
    rbm = RBM(Bernoulli(4), Categorical(5, 3), Random(0))
    phases = Workspace(rbm, 200, 1, regularisation=Regularisation(dropout=0.4)).load(torch.zeros(200, 4), 1, Random(1))
    assert phases.kept_positive is not None
    groups = phases.kept_positive.view(200, 5, 3)
    assert torch.equal(groups[..., 0], groups[..., 1]) and torch.equal(groups[..., 0], groups[..., 2])
    assert phases.kept_positive.mean() == pytest.approx(0.6, abs=0.05)


def test_a_long_gradient_is_shortened_and_a_short_one_is_not() -> None:
    tensors = [torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])]
    clip(tensors, 10.0)
    assert tensors[0].tolist() == [3.0, 0.0]
    clip(tensors, 1.0)
    torch.testing.assert_close(torch.cat([one.flatten() for one in tensors]), torch.tensor([0.6, 0.0, 0.8]))


@pairs
def test_exact_gradient_ascent_raises_the_likelihood(visible: str, hidden: str) -> None:
    """All of it together: centred steps with momentum, from statistics without sampling error."""
    rbm, data = job(visible, hidden)
    centring, momentum = Centring(rbm), Momentum(rbm)
    with torch.no_grad():
        before = float(log_likelihood(rbm, data))
    for _ in range(20):
        momentum.update(centring.apply(exact_statistics(rbm, data)), 0.02, 0.5, 0.0)
    with torch.no_grad():
        assert float(log_likelihood(rbm, data)) > before + 0.005
        assert torch.isfinite(log_z(rbm))


@pairs
@pytest.mark.parametrize("persistent", [False, True])
def test_products_in_bfloat16_stay_near_for_all_kinds(visible: str, hidden: str, persistent: bool) -> None:
    """Many items, so that the states, which differ where a field was rounded, average out."""
    rbm = small_rbm(visible, hidden).float()
    data = some_values(rbm.visible, 3000, Random(1))

    def weights(products: torch.dtype) -> Tensor:
        if persistent:
            start = rbm.hidden.sample(torch.zeros(3000, rbm.hidden.size), Random(3))
            phase = PersistentContrastiveDivergence(rbm, 3000, start, 2, products)
            return phase.statistics(data, Random(2)).weights / 3000
        return ContrastiveDivergence(rbm, 3000, 2, products).statistics(data, Random(2)).weights / 3000

    narrow, wide = weights(torch.bfloat16), weights(torch.float32)
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow, wide, atol=0.12, rtol=0.05)


@torch.no_grad()
def test_statistics_of_the_precision_do_not_drown_in_bfloat16() -> None:
    """Two sums of squares near 500 that differ by about 1: rounded to 8 bits first, nothing of that would be left."""
    rbm, n = small_rbm("Gaussian", "Bernoulli").float(), 500
    workspace = Workspace(rbm, n, n, torch.bfloat16)
    v = Random(1).normal((n, rbm.visible.size))
    phases = workspace.load(v, n, Random(2))
    phases.model.copy_(1.001 * v)
    phases.negative.copy_(phases.positive)
    squares = (phases.data.double().square() - phases.model.double().square()).sum(dim=0)
    expected = -0.5 * squares * torch.exp(rbm.get_parameter("visible.log_precision").detach().double())
    found = workspace.statistics(phases, model_is_mean=False).further["visible.log_precision"]
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-3)
