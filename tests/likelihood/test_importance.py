"""Importance sampling of a DBN's likelihood against enumeration: no bias, a bound that tightens, any kind of units."""

import math

import pytest
import torch

from deepbelief.data import TensorSource
from deepbelief.errors import DataError, SettingsError
from deepbelief.likelihood import (
    AISResult,
    AISSettings,
    ChainSettings,
    ImportanceSettings,
    dbn_importance,
    evaluate,
    upper_side,
)
from deepbelief.models.dbn import DBN
from deepbelief.models.standardisation import Standardisation
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, Joint, ReLU, Units
from deepbelief.randomness import Random
from tests.small_models import exact_log_probabilities, some_values, tiny_dbn, top_log_z

LAYERS: dict[str, list[Units]] = {
    "binary": [Bernoulli(4), Bernoulli(4), Bernoulli(3)],
    "deeper": [Bernoulli(4), Bernoulli(3), Bernoulli(2), Bernoulli(3)],
    "real values": [Gaussian(3), Bernoulli(3), Bernoulli(2), Categorical(1, 3)],
    "latent categories": [Bernoulli(4), Categorical(2, 3), Joint(Bernoulli(2), Categorical(1, 3)), Bernoulli(2)],
    "latent counts": [Bernoulli(4), ReLU(2), Bernoulli(2)],
}
dbns = pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)


@pytest.mark.parametrize("samples", [1, 3])
@dbns
def test_estimates_of_the_probability_have_no_bias(layers: list[Units], samples: int) -> None:
    dbn = tiny_dbn(*layers)
    item = some_values(dbn.layer(1).visible, 1, Random(3))
    many, z = item.expand(20_000, -1), top_log_z(dbn)
    logs = dbn_importance(dbn, many, z, Random(0), ImportanceSettings(samples)).values
    ratio = torch.exp(logs - exact_log_probabilities(dbn, item))
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / math.sqrt(20_000)
    assert ratio.std() > 0.02  # there was something to average
    assert logs.mean() < exact_log_probabilities(dbn, item)


@dbns
def test_more_samples_come_from_the_bound_to_the_likelihood_itself(layers: list[Units]) -> None:
    dbn, random = tiny_dbn(*layers), Random(5)
    items = some_values(dbn.layer(1).visible, 20, random)
    exact, z, many = exact_log_probabilities(dbn, items).mean(), top_log_z(dbn), items.repeat(100, 1)
    found = [float(dbn_importance(dbn, many, z, random, ImportanceSettings(k)).mean) for k in (1, 5, 25, 250)]
    assert found == sorted(found)
    assert found[0] < exact - 0.02
    assert found[-1] == pytest.approx(float(exact), abs=0.03)


def test_one_sample_is_the_bound() -> None:
    dbn = tiny_dbn(*LAYERS["deeper"])
    items = some_values(dbn.layer(1).visible, 30, Random(3))
    found = dbn_importance(dbn, items, 1.5, Random(1), ImportanceSettings(1))
    torch.testing.assert_close(found.values, upper_side(dbn, items, 1.5, Random(1)))
    assert found.method == "importance sampling"


def test_blocks_and_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepbelief.likelihood.importance._ROWS", 30)
    dbn = tiny_dbn(*LAYERS["binary"])
    heard: list[tuple[str, int, int]] = []
    items = some_values(dbn.layer(1).visible, 7, Random(3))
    settings = ImportanceSettings(402)  # of which the last two are fewer than four at once
    found = dbn_importance(dbn, items, top_log_z(dbn), 0, settings, lambda *told: heard.append(told))
    torch.testing.assert_close(found.values, exact_log_probabilities(dbn, items), rtol=0, atol=0.4)
    assert heard[0] == ("Importance sampling", 4 * 7, 402 * 7)
    assert heard[-1] == ("Importance sampling", 402 * 7, 402 * 7)
    assert len(heard) == 101


def test_a_single_layer_and_a_standardised_density() -> None:
    dbn = tiny_dbn(Gaussian(3), Bernoulli(3))
    dbn.standardisation = Standardisation(torch.ones(3), torch.full((3,), 2.0)).double()
    items = some_values(dbn.layer(1).visible, 5, Random(3))
    expected = exact_log_probabilities(dbn, (items - 1) / 2) - 3 * math.log(2)
    found = dbn_importance(dbn, items, top_log_z(dbn), 0, ImportanceSettings(3)).values
    torch.testing.assert_close(found, expected)


def test_log_z_by_ais_is_taken_with_its_error() -> None:
    dbn = tiny_dbn(*LAYERS["binary"])
    items = some_values(dbn.layer(1).visible, 9, Random(3))
    z = AISResult(Random(1).normal((50,), 0.5).double(), 0.0)
    by_ais, known = (dbn_importance(dbn, items, one, 0, ImportanceSettings(5)) for one in (z, z.log_z))
    assert torch.equal(by_ais.values, known.values)
    assert by_ais.interval[1] > known.interval[1]


def test_what_cannot_be_estimated_is_refused() -> None:
    dbn = DBN.from_sizes([3, 2, 2], Random(0))
    with pytest.raises(DataError, match=r"item 0 has the value 2 at position 1"):
        dbn_importance(dbn, [[0, 2, 0]], 0.0, 0)
    with pytest.raises(SettingsError, match="takes at least 1 sample, not 0"):
        ImportanceSettings(0)


def test_an_evaluation_names_the_method_that_was_asked_for() -> None:
    dbn = DBN.from_units([Bernoulli(5), ReLU(3), Bernoulli(3)], Random(0), weight_std=0.5).requires_grad_(False)
    data = TensorSource(Random(1).uniform((30, 5)))
    short = AISSettings.of(12, 9)
    without = evaluate(dbn, data, data, Random(3), short, number=10)
    found = evaluate(dbn, data, data, Random(3), short, number=10, estimate=ImportanceSettings(50))
    rows, before = list(found.rows()), list(without.rows())
    assert rows[: len(before)] == before
    assert [name for name, *_ in rows[len(before) :]] == [
        "log-likelihood, by importance sampling (AIS)",
        "log-likelihood, by importance sampling, log Z exact",
    ]
    assert found.estimate is not None
    assert found.estimate.mean > found.bracket.upper_mean
    with pytest.raises(SettingsError, match="layer 1 has ReLU units"):
        evaluate(dbn, data, data, Random(3), short, number=10, estimate=ChainSettings(2))
