"""Every kind of units, and every pair that makes an RBM, against enumeration, integration and autograd."""

import math

import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.models.rbm import RBM
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, Joint, ReLU, Units, make_units
from deepbelief.randomness import Random
from tests.small_models import KINDS, PAIRS, all_states, log_z, small_rbm, some_values

kinds = pytest.mark.parametrize("kind", KINDS)
pairs = pytest.mark.parametrize(("visible", "hidden"), PAIRS)


def units_of(kind: str, seed: int = 0) -> Units:
    units, random = KINDS[kind]().double(), Random(seed, "units")
    with torch.no_grad():
        for parameter in units.parameters():
            parameter.copy_(random.normal(parameter.shape, 0.7))
    return units


def field_for(units: Units, rows: int = 7) -> Tensor:
    return Random(5, "field").normal((rows, units.size), 2.0).double().requires_grad_()


@kinds
def test_the_mean_is_the_slope_of_the_log_partition(kind: str) -> None:
    units = units_of(kind)
    field = field_for(units)
    (slope,) = torch.autograd.grad(units.log_partition(field).sum(), field)
    torch.testing.assert_close(slope, units.mean(field), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(units.mean_(field.detach().clone()), units.mean(field), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("kind", ["Bernoulli", "Categorical", "ReLU", "Joint"])
def test_the_log_partition_sums_over_all_values(kind: str) -> None:
    units = units_of(kind)
    field, values = field_for(units), all_states(units)
    exponents = field @ values.T - units.energy(values)
    torch.testing.assert_close(units.log_partition(field), torch.logsumexp(exponents, dim=1), rtol=1e-12, atol=1e-12)


def test_the_log_partition_of_real_units_is_the_integral() -> None:
    units = units_of("Gaussian")
    grid = torch.linspace(-40, 40, 40_001, dtype=torch.float64)
    for unit in range(units.size):
        one = Gaussian(1).double()
        one.load_state_dict({name: tensor[unit : unit + 1] for name, tensor in units.state_dict().items()})
        field = torch.tensor([[1.3]], dtype=torch.float64)
        values = torch.exp(1.3 * grid - one.energy(grid[:, None]))
        expected = torch.log(torch.trapezoid(values, grid))
        torch.testing.assert_close(one.log_partition(field)[0], expected, rtol=1e-10, atol=1e-10)


@given(st.floats(-60, 60), st.sampled_from([torch.float32, torch.float64]))
def test_rectified_units_are_stepped_sigmoids(x: float, dtype: torch.dtype) -> None:
    copies = x - torch.arange(1, 120, dtype=torch.float64) + 0.5
    units, field = ReLU(1).to(dtype), torch.tensor([[x]], dtype=dtype)
    eps = 30 * torch.finfo(dtype).eps
    expected = torch.sigmoid(copies).sum()
    torch.testing.assert_close(units.mean(field).double().squeeze(), expected, rtol=eps, atol=eps)
    logs = torch.nn.functional.softplus(copies, threshold=60).sum()
    torch.testing.assert_close(units.log_partition(field).double().squeeze(), logs, rtol=eps, atol=eps)


@kinds
@torch.no_grad()
def test_samples_follow_the_distribution(kind: str) -> None:
    """Chi-square of each unit's values at fixed seeds; real values by their quantiles."""
    units, n = units_of(kind, 3), 40_000
    row = torch.linspace(-1.5, 2.5, units.size, dtype=torch.float64)
    sampled = units.sample(row.expand(n, -1), Random(1, kind))
    values = [0.0] if kind == "Gaussian" else sorted(set(all_states(units).flatten().tolist()))
    for unit in range(units.size):
        found = sampled[:, unit]
        if isinstance(units, Gaussian):
            mean, deviation = units.mean(row[None])[0, unit].item(), math.sqrt(units.variance[unit].item())
            assert scipy.stats.kstest(found.numpy(), "norm", args=(mean, deviation)).pvalue > 0.001
            continue
        weights = torch.softmax(all_states(units) @ row - units.energy(all_states(units)), dim=0)
        expected = torch.stack([weights[all_states(units)[:, unit] == value].sum() for value in values]) * n
        counts = torch.stack([(found == value).sum() for value in values]).double()
        enough = expected > 5
        kept_counts = torch.cat([counts[enough], counts[~enough].sum()[None]])
        kept_expected = torch.cat([expected[enough], expected[~enough].sum()[None]])
        usable = kept_expected > 1e-6
        assert counts[~enough].sum() < 30
        test = scipy.stats.chisquare(kept_counts[usable], kept_expected[usable] * n / kept_expected[usable].sum())
        assert test.pvalue > 0.001


@kinds
def test_sampling_in_place_gives_the_same_and_the_means(kind: str) -> None:
    units = units_of(kind)
    field = field_for(units).detach()
    room, out = field.clone(), torch.empty_like(field)
    units.sample_(room, Random(2), out)
    torch.testing.assert_close(room, units.mean(field))
    assert torch.equal(out, units.sample(field, Random(2)))


@kinds
def test_the_bias_of_a_mean_gives_it_back(kind: str) -> None:
    units = units_of(kind)
    mean = units.mean(torch.zeros(1, units.size, dtype=torch.float64))[0]
    bias = units.bias_of_mean(mean)
    torch.testing.assert_close(units.mean((bias - units.bias)[None])[0], mean, rtol=1e-8, atol=1e-10)


@kinds
def test_a_description_makes_the_same_units(kind: str) -> None:
    units = KINDS[kind]()
    again = make_units(units.description)
    assert type(again) is type(units)
    assert again.state_dict().keys() == units.state_dict().keys()
    assert str(again) == str(units)


@pairs
def test_conditionals_come_from_the_joint_energy(visible: str, hidden: str) -> None:
    """-log p(v, h) differs from the conditional's own by what does not depend on its values."""
    rbm, random = small_rbm(visible, hidden), Random(1)
    v, h = some_values(rbm.visible, 6, random), some_values(rbm.hidden, 6, random)
    for units, values, field in (
        (rbm.hidden, h, v[:1] @ rbm.weights),
        (rbm.visible, v, h[:1] @ rbm.weights.T),
    ):
        joint = rbm.energy(v[:1].expand(6, -1), h) if units is rbm.hidden else rbm.energy(v, h[:1].expand(6, -1))
        conditional = units.log_partition(field) - (field * values).sum(dim=1) + units.energy(values)
        torch.testing.assert_close((joint - conditional).diff(), torch.zeros(5, dtype=torch.float64))


@pairs
def test_free_energy_sums_the_hidden_side(visible: str, hidden: str) -> None:
    rbm = small_rbm(visible, hidden)
    if isinstance(rbm.hidden, Gaussian):
        pytest.skip("an integral, held above by the log partition")
    v, h = some_values(rbm.visible, 5, Random(1)), all_states(rbm.hidden)
    energies = torch.stack([rbm.energy(one.expand(len(h), -1), h) for one in v])
    torch.testing.assert_close(rbm.free_energy(v), -torch.logsumexp(-energies, dim=1), rtol=1e-10, atol=1e-10)


@pairs
def test_long_gibbs_chains_reach_the_model(visible: str, hidden: str) -> None:
    """The means of both sides over many chains, beside the exact ones (the slopes of log Z)."""
    rbm, random, chains = small_rbm(visible, hidden, 2, 0.3), Random(3), 20_000
    exact_v, exact_h = torch.autograd.grad(log_z(rbm), (rbm.visible.bias, rbm.hidden.bias))
    h = rbm.hidden.sample(torch.zeros(chains, rbm.hidden.size, dtype=torch.float64), random)
    for _ in range(60):
        v = rbm.sample_visible(h, random)
        h = rbm.sample_hidden(v, random)
    for found, exact in ((v, exact_v), (h, exact_h)):
        error = (found.mean(dim=0) - exact) / (found.std(dim=0) / math.sqrt(chains))
        assert error.abs().max() < 4.5


def test_improper_pairs_are_refused_with_the_reason() -> None:
    for visible, hidden in (
        (Gaussian(3), Gaussian(2)),
        (ReLU(3), Gaussian(2)),
        (Gaussian(3), ReLU(2)),
        (ReLU(3), ReLU(2)),
    ):
        with pytest.raises(SettingsError, match=r"energy falls without end.*Make one side Bernoulli or Categorical"):
            RBM(visible, hidden, Random(0))


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(SettingsError, match="at least 1 unit, not 0"):
        Bernoulli(0)
    with pytest.raises(SettingsError, match="at least 2 categories, not 1"):
        Categorical(3, 1)
    with pytest.raises(SettingsError, match="have no list of values"):
        Gaussian(2).state(torch.arange(2))


def joint_of_all() -> Joint:
    random = Random(4, "joint")
    units = Joint(Gaussian(2), Joint(Categorical(1, 3), ReLU(1)), Bernoulli(2)).double()
    with torch.no_grad():
        for parameter in units.parameters():
            parameter.copy_(random.normal(parameter.shape, 0.7))
    return units


def test_joint_units_of_any_kinds_are_their_parts_side_by_side() -> None:
    units = joint_of_all()
    field = field_for(units)
    (slope,) = torch.autograd.grad(units.log_partition(field).sum(), field)
    torch.testing.assert_close(slope, units.mean(field))
    total = field.detach() + units.bias.detach()
    gaussian = Gaussian(2).double()
    gaussian.log_precision = units.parts[0].log_precision
    parts = [gaussian, Categorical(1, 3).double(), ReLU(1).double(), Bernoulli(2).double()]
    expected = [part.mean(own) for part, own in zip(parts, total.split([2, 3, 1, 2], dim=1), strict=True)]
    torch.testing.assert_close(units.mean(field), torch.cat(expected, dim=1))
    assert units.variable_sizes == [1, 1, 3, 1, 1, 1]
    assert units.variable_of_each().tolist() == [0, 1, 2, 2, 2, 3, 4, 5]
    assert units.states is None
    assert not units.bounded
    assert make_units(units.description).state_dict().keys() == units.state_dict().keys()


def test_statistics_of_joint_units_are_slopes_of_their_energy() -> None:
    units = joint_of_all()
    values = some_values(units, 9, Random(1))
    found = units.further_statistics(values, are_means=False)
    named = {name: parameter for name, parameter in units.named_parameters() if name != "bias"}
    slopes = torch.autograd.grad(-units.energy(values).sum(), list(named.values()))
    assert found.keys() == named.keys()
    for name, slope in zip(named, slopes, strict=True):
        torch.testing.assert_close(found[name], slope)


def test_parts_of_joint_units_keep_their_limits() -> None:
    joint = Joint(Gaussian(2, min_std=0.5), Bernoulli(1))
    with torch.no_grad():
        joint.get_parameter("parts.0.log_precision").copy_(torch.tensor([9.0, 0.0]))
        joint.constrain_()
    torch.testing.assert_close(joint.get_parameter("parts.0.log_precision"), torch.tensor([math.log(4), 0.0]))


def test_biases_that_parts_had_are_kept() -> None:
    part = units_of("Bernoulli")
    joint = Joint(part, units_of("Categorical"))
    assert torch.equal(joint.bias[:3], part.bias)
    assert isinstance(part.bias, torch.nn.Parameter)
    with pytest.raises(SettingsError, match="at least one part"):
        Joint()
