"""Learning from items with missing values: each has an RBM of its known units (Salakhutdinov, Mnih & Hinton 2007)."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from deepbelief import DBN, Bernoulli, Categorical, Gaussian, Pretraining, Random, RBMSettings
from deepbelief.errors import SettingsError
from deepbelief.learning import JointTraining, RBMTraining
from deepbelief.learning.rbm.negative_phases.contrastive_divergence import ContrastiveDivergence
from deepbelief.learning.rbm.statistics import Statistics
from deepbelief.models import RBM, Joint, Units
from deepbelief.models.missing import known_variables
from tests.small_models import randomise, some_values

NAN = torch.nan


def three_kinds(kinds: str) -> Units:
    """Units of three variables; each of the letters stands for one of them."""
    of_letter = {"b": lambda: Bernoulli(1), "c": lambda: Categorical(1, 3), "g": lambda: Gaussian(1)}
    return Joint(*(of_letter[kind]() for kind in kinds))


def known_part(rbm: RBM, kinds: str, known: list[bool]) -> tuple[RBM, Tensor]:
    """The RBM of the known variables alone, and the places of its units in the whole one."""
    variable = rbm.visible.variable_of_each()
    places = torch.tensor([place for place, number in enumerate(variable.tolist()) if known[number]])
    part = RBM(three_kinds("".join(kind for kind, there in zip(kinds, known, strict=True) if there)), Bernoulli(4), 0)
    part.double().hidden.load_state_dict(rbm.hidden.state_dict())
    with torch.no_grad():
        part.weights.copy_(rbm.weights[places])
        part.visible.bias.copy_(rbm.visible.bias[places])
        kept = [number for number, there in enumerate(known) if there]
        for mine, number in enumerate(kept):
            if kinds[number] == "g":
                name = "log_precision"
                part.get_parameter(f"visible.parts.{mine}.{name}").copy_(
                    rbm.get_parameter(f"visible.parts.{number}.{name}")
                )
    return part, places


@given(
    kinds=st.text("bcg", min_size=3, max_size=3),
    known=st.lists(st.booleans(), min_size=3, max_size=3).filter(any),
    seed=st.integers(0, 99),
)
def test_the_statistics_are_those_of_the_rbm_of_the_known_units(kinds: str, known: list[bool], seed: int) -> None:
    rbm = randomise(RBM(three_kinds(kinds), Bernoulli(4), Random(seed)), Random(seed), 0.7)
    part, places = known_part(rbm, kinds, known)
    item = some_values(rbm.visible, 5, Random(seed))
    item[:, ~known_units(rbm.visible, known)] = NAN
    whole = ContrastiveDivergence(rbm, 5, visible_samples=False, missing=True).statistics(item, Random(1))
    alone = ContrastiveDivergence(part, 5, visible_samples=False).statistics(item[:, places], Random(1))
    expected = torch.zeros_like(whole.weights)
    expected[places] = alone.weights
    torch.testing.assert_close(whole.weights, expected)
    torch.testing.assert_close(whole.hidden, alone.hidden)
    torch.testing.assert_close(whole.visible[places], alone.visible)
    torch.testing.assert_close(whole.squared_error, alone.squared_error)
    mine = 0
    for number, (kind, there) in enumerate(zip(kinds, known, strict=True)):
        if kind == "g":
            found = whole.further[f"visible.parts.{number}.log_precision"]
            wanted = alone.further[f"visible.parts.{mine}.log_precision"] if there else torch.zeros_like(found)
            torch.testing.assert_close(found, wanted)
        mine += there


def known_units(units: Units, known: list[bool]) -> Tensor:
    return torch.tensor(known)[units.variable_of_each()]


@pytest.mark.parametrize("steps", [1, 3])
def test_sampled_chains_stay_among_the_known_units(steps: int) -> None:
    """Means over many chains, beside those of the RBM of the known units."""
    kinds, known, n = "bcg", [True, False, True], 40_000
    rbm = randomise(RBM(three_kinds(kinds), Bernoulli(4), Random(0)), Random(0), 0.7)
    part, places = known_part(rbm, kinds, known)
    item = some_values(rbm.visible, 1, Random(2)).repeat(n, 1)
    item[:, ~known_units(rbm.visible, known)] = NAN

    def means(model: RBM, values: Tensor, missing: bool) -> Statistics:
        return ContrastiveDivergence(model, n, steps, missing=missing).statistics(values, Random(3))

    whole, alone = means(rbm, item, True), means(part, item[:, places], False)
    torch.testing.assert_close(whole.weights[places] / n, alone.weights / n, atol=0.02, rtol=0)
    torch.testing.assert_close(whole.hidden / n, alone.hidden / n, atol=0.02, rtol=0)
    rest = [place for place in range(rbm.visible.size) if place not in places]
    assert not whole.weights[rest].any() and not whole.visible[rest].any()


def problem(n: int = 60) -> Tensor:
    random = Random(0, "missing")
    values = (random.uniform((n, 6)) < torch.tensor([0.9, 0.9, 0.9, 0.1, 0.1, 0.1])).float()
    return torch.where(random.uniform((n, 6)) < 0.3, NAN, values)


@pytest.mark.parametrize("changes", [{}, {"dropout": 0.4}, {"sparsity_cost": 0.1}, {"binarise": True}, {"l1": 0.01}])
def test_a_unit_that_is_never_known_learns_nothing(changes: dict[str, Any]) -> None:
    values = problem()
    values[:, 2] = NAN
    rbm = RBM(Bernoulli(6), Bernoulli(3), Random(0))
    start = copy.deepcopy(rbm)
    settings = RBMSettings(epochs=3, batch_size=10, weight_decay=0, **{"l1": 0.0, **changes})
    records = list(RBMTraining(rbm, values, settings, held_out=values[:20]).epochs())
    assert all(parameter.isfinite().all() for parameter in rbm.parameters())
    if not settings.l1:
        assert torch.equal(rbm.weights[2], start.weights[2])
    assert rbm.visible.bias[2] == 0
    assert not torch.equal(rbm.weights[1], start.weights[1])
    assert set(records[-1].monitors) == {"reconstruction_error_unit", "held_out_error_unit"}
    assert records[-1].score == -records[-1].monitors["held_out_error_unit"]


def test_errors_are_of_known_values() -> None:
    values = problem()
    rbm = RBM(Bernoulli(6), Bernoulli(3), Random(0))
    settings = RBMSettings(epochs=1, learning_rate=1e-30, batch_size=20, visible_samples=False)
    (record,) = RBMTraining(rbm, values, settings, random=0, held_out=values).epochs()
    known = ~values.isnan()
    seen = torch.where(known, values, 0)
    by_hand = (seen - rbm.reconstruct(seen)).square()[known].mean().item()
    assert record.monitors["reconstruction_error_unit"] == pytest.approx(by_hand, rel=1e-5)
    assert record.monitors["held_out_error_unit"] == pytest.approx(by_hand, rel=1e-5)
    assert record.reconstruction_error / 20 == pytest.approx(by_hand, rel=0.2)  # through sampled hidden states


@pytest.mark.parametrize("products", [None, torch.bfloat16])
def test_all_layers_learn(products: torch.dtype | None) -> None:
    for make in (Pretraining, JointTraining):
        dbn = DBN.from_sizes([6, 5, 4], Random(0))
        start = copy.deepcopy(dbn)
        settings = RBMSettings(epochs=2, batch_size=16, dropout=0.2)
        records = list(make(dbn, problem(), settings, random=0, held_out=problem(20), products=products).epochs())
        assert len(records) == 4
        assert all(parameter.isfinite().all() for parameter in dbn.parameters())
        assert not torch.equal(dbn.layer(2).weights, start.layer(2).weights)
        assert "free_energy_gap" in records[-1].monitors  # nothing is missing of what layer 2 sees


def test_whole_items_learn_as_ever() -> None:
    values = torch.nan_to_num(problem())
    models = []
    for missing in (False, True):
        rbm = RBM(Bernoulli(6), Bernoulli(3), Random(0))
        phase = ContrastiveDivergence(rbm, 60, 2, missing=missing)
        models.append(phase.statistics(values, Random(1)).weights)
    assert torch.equal(*models)


@pytest.mark.parametrize("changes", [{"persistent_chains": 5}, {"centring": True}])
def test_other_algorithms_are_refused(changes: dict[str, Any]) -> None:
    settings = RBMSettings(epochs=1, **changes)
    with pytest.raises(SettingsError, match=r"^3\d(\.\d)? % of the values are missing, and only contrastive div"):
        RBMTraining(RBM(Bernoulli(6), Bernoulli(3), Random(0)), problem(), settings)


def test_ratings_are_predicted() -> None:
    """Two tastes, four films, half of the ratings missing: what is known tells the taste, and so the others."""
    random, n = Random(0, "ratings"), 600
    taste = torch.arange(n) % 2
    sure = torch.tensor([[0.8, 0.15, 0.05], [0.05, 0.15, 0.8]])[taste].repeat_interleave(4, dim=0).view(n, 4, 3)
    ratings = (random.uniform((n, 4, 1)) > sure.cumsum(dim=2)).sum(dim=2).clamp(max=2)
    missing = random.uniform((n, 4)) < 0.5
    values = torch.nn.functional.one_hot(ratings, 3).float()
    values[missing] = NAN
    rbm = RBM(Categorical(4, 3), Bernoulli(2), Random(0), weight_std=0.1)
    settings = RBMSettings(epochs=60, batch_size=20, weight_decay=0, learning_rate_to_zero=True)
    list(RBMTraining(rbm, values.flatten(1), settings, random=0).epochs())
    seen = torch.nan_to_num(values.flatten(1))
    predicted = rbm.reconstruct(seen).view(n, 4, 3) @ torch.arange(3.0)
    use = missing & known_variables(rbm.visible, values.flatten(1)).any(dim=1, keepdim=True)

    def error(guess: Tensor) -> float:
        return float((guess - ratings)[use].square().mean().sqrt())

    assert error(predicted.detach()) < 0.85 * error(ratings[~missing].double().mean().expand(n, 4))
