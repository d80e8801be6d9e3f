"""Standardisation touches real values alone, and keeps what never changes."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from deepbelief.checkpoint import load_dbn, save_dbn
from deepbelief.data import TensorSource
from deepbelief.learning.backprop.finetuning import network_to_finetune
from deepbelief.likelihood import AISSettings, evaluate
from deepbelief.models.autoencoder import unroll
from deepbelief.models.dbn import DBN
from deepbelief.models.standardisation import Standardisation
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, Joint, ReLU, Units
from deepbelief.models.views import Standardised, standardise
from deepbelief.randomness import Random
from deepbelief.sampling import fantasies
from tests.small_models import KINDS, some_values

MIXED = (Gaussian(2), Bernoulli(2), Categorical(1, 3), ReLU(2), Gaussian(1))


def dbn_of(visible: Units, values: Tensor) -> DBN:
    """A DBN over such units that has the standardisation of these values."""
    dbn = DBN.from_units([visible, Bernoulli(3)], Random(0)).requires_grad_(False)
    standardise(dbn, TensorSource(values))
    return dbn


@given(st.lists(st.sampled_from([-2.0, 0.0, 0.5, 3.0]), min_size=12, max_size=12))
def test_a_layer_that_takes_the_scaling_in_sees_the_values_themselves(numbers: list[float]) -> None:
    values, layer = torch.tensor(numbers).view(4, 3), torch.nn.Linear(3, 2)
    scaling = Standardisation.of([values]).to(values)
    expected = layer(scaling(values)).detach()
    scaling.fold_into(layer)
    torch.testing.assert_close(layer(values).detach(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_real_units_are_those_without_states_and_counts(kind: str) -> None:
    units = KINDS[kind]()
    assert units.are_real.tolist() == [kind == "Gaussian"] * units.size


def test_joint_units_join_what_their_parts_say() -> None:
    assert Joint(*MIXED).are_real.tolist() == [True] * 2 + [False] * 7 + [True]


def test_states_and_counts_are_seen_as_they_are() -> None:
    units, random = Joint(*MIXED), Random(1)
    values = some_values(units, 200, random).detach()
    values[:, units.are_real] = values[:, units.are_real] * 9 + 50
    dbn = dbn_of(units, values)
    seen = dbn.encode(values, 0)
    others = ~units.are_real
    assert torch.equal(seen[:, others], values[:, others])
    torch.testing.assert_close(seen[:, units.are_real].mean(dim=0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(seen[:, units.are_real].std(dim=0, unbiased=False), torch.ones(3), atol=1e-4, rtol=0)
    assert torch.equal(Standardised(TensorSource(values), dbn.standardisation).batch(slice(0, 200)), seen)  # type: ignore[arg-type]
    made = fantasies(dbn, 50, random, 10, samples=True)[:, 4:7]
    assert torch.equal(made.sort(dim=1).values, torch.tensor([0.0, 0.0, 1.0]).expand(50, 3))  # one-hot


@given(st.floats(-(2.0**100), 2.0**100, width=32), st.sampled_from([1e-4, 1.0, 1e4]))
def test_what_never_changes_goes_in_as_0_and_comes_back_as_it_was(constant: float, scale: float) -> None:
    values = Random(0).normal((30, 3), scale)
    values[:, 1] = constant
    dbn = dbn_of(Gaussian(3), values)
    assert not dbn.encode(values, 0)[:, 1].any()
    other = values.clone()
    other[:, 1] = 7.0  # it says nothing about a value that it never saw change
    assert torch.equal(dbn.encode(other), dbn.encode(values))
    for back in (dbn.reconstruct(values), fantasies(dbn, 5, Random(1), 4, samples=True)):
        assert torch.equal(back[:, 1], values[:1, 1].expand(len(back)))
        assert back[:, 0].unique().numel() > 1


def test_densities_are_those_of_the_values_that_change() -> None:
    """A column that never changes adds what it adds to standardised values, and no infinity."""
    values = Random(0).normal((40, 3), 5.0)
    values[:, 2] = 3.0
    dbn = dbn_of(Gaussian(3), values)
    plain = DBN([dbn.layer(1)])
    z = dbn.encode(values, 0)
    jacobian = sum(math.log(float(scale)) for scale in dbn.standardisation.scale[:2])  # type: ignore[union-attr]
    assert float(dbn.standardisation.log_scale.sum()) == pytest.approx(jacobian)  # type: ignore[union-attr]
    torch.testing.assert_close(unroll(dbn).cross_entropy(values), unroll(plain).cross_entropy(z) + jacobian)
    settings = AISSettings.of(20, 5)
    given_values, standardised = (
        evaluate(one, TensorSource(data), TensorSource(data), Random(1), settings, 10).bracket
        for one, data in ((dbn, values), (plain, z))
    )
    torch.testing.assert_close(given_values.upper, standardised.upper - jacobian)
    torch.testing.assert_close(given_values.lower, standardised.lower - jacobian)


def test_a_network_unfolds_without_the_values_that_never_change() -> None:
    values = Random(0).normal((40, 3), 5.0)
    values[:, 2] = 3.0
    dbn = dbn_of(Gaussian(3), values)
    network = network_to_finetune(dbn, 2, Random(1))
    torch.testing.assert_close(torch.sigmoid(network.linear(1)(values)), dbn.encode(values))
    assert not network.linear(1).weight[:, 2].any()


def test_a_model_saved_with_a_scale_of_1_for_what_never_changes_is_as_it_was(tmp_path: Path) -> None:
    dbn = DBN.from_units([Gaussian(2), Bernoulli(3)], Random(0)).requires_grad_(False)
    dbn.standardisation = Standardisation(torch.tensor([4.0, 2.0]), torch.tensor([3.0, 1.0]))
    save_dbn(tmp_path / "dbn.safetensors", dbn)
    again, values = load_dbn(tmp_path / "dbn.safetensors"), torch.tensor([[7.0, 5.0]])
    assert again.encode(values, 0).tolist() == [[1.0, 3.0]]
