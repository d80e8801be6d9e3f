"""Data that cannot be learnt from are refused before anything is: which item, which value, for every kind of units."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepbelief import (
    DBN,
    Bernoulli,
    Categorical,
    ConvergedTraining,
    FeedForward,
    Gaussian,
    HybridSettings,
    HybridTraining,
    LabelledDBN,
    LabelledRBM,
    MinibatchSettings,
    MinibatchTraining,
    Pretraining,
    Random,
    RBMSettings,
    ReLU,
    UpDownSettings,
    UpDownTraining,
    evaluate,
    standardise,
)
from deepbelief.arrays import as_tensor
from deepbelief.data import Images, as_source
from deepbelief.errors import DataError, SettingsError
from deepbelief.learning import (
    AutoencoderSettings,
    AutoencoderTraining,
    ConvergedSettings,
    FullBatchSettings,
    FullBatchTraining,
)
from deepbelief.likelihood import (
    AISSettings,
    ais,
    as_states,
    dbn_bound,
    layer_path,
    log_likelihood,
    raise_bound,
    upper_side,
)
from deepbelief.models import Joint, unroll
from deepbelief.models.checks import _VALUES, check_finite, check_values
from deepbelief.models.units import Units
from tests.small_models import KINDS, some_values

NONE = [np.nan, np.inf, -np.inf]
WRONG: dict[str, list[float]] = {
    "Bernoulli": [-1.0, 1.001, 255.0, *NONE],
    "Gaussian": NONE,
    "ReLU": [-0.001, *NONE],
    "ReplicatedSoftmax": [-1.0, *NONE],
    "Categorical": [-1.0, 2.0, 0.5, *NONE],  # 0.5 in the place of a 0 or a 1: the sum is off
    "Joint": [-1.0, 2.0, *NONE],
}


def values_of(units: Units, n: int) -> torch.Tensor:
    return some_values(units, n, Random(0, "values"))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_units_name_the_first_value_that_they_cannot_have(kind: str, data: Any) -> None:
    units = KINDS[kind]()
    values = values_of(units, 9)
    units.check_values(values)
    item, position = data.draw(st.integers(0, 8)), data.draw(st.integers(0, units.size - 1))
    values[item, position] = data.draw(st.sampled_from(WRONG[kind]))
    with pytest.raises(DataError, match=rf"^item {item + 100} has [^\n]*: [^\n:]+\.$") as fault:
        units.check_values(values, item=100, position=20)
    if "the value" in str(fault.value):
        assert re.search(rf"value {float(values[item, position]):g} at position {position + 20}, but", str(fault.value))
    else:
        assert "sum to" in str(fault.value)


@pytest.mark.parametrize("kind", KINDS)
def test_means_are_values_that_units_can_have(kind: str) -> None:
    units = KINDS[kind]()
    units.check_values(units.mean(Random(0).normal((200, units.size), 5)).detach())
    units.check_values(torch.empty(0, units.size))


def test_probabilities_of_a_group_sum_to_one() -> None:
    units = Categorical(2, 3)
    units.check_values(torch.tensor([[0.33, 0.33, 0.34, 0, 0, 1], [0.33, 0.33, 0.33, 1, 0, 0]]))
    for missing in ([1.0, 0, 0, 0, 0, 0], [1.0, 0, 0, 1, 1, 0]):
        with pytest.raises(DataError, match=r"item 1 has values that sum to [02] at positions 3 to 5, but a group"):
            units.check_values(torch.tensor([[1.0, 0, 0, 0, 1, 0], missing]))
    with pytest.raises(DataError, match=r"item 0 has the value 2 at position 4, .* encode categories by"):
        Joint(Bernoulli(3), Categorical(1, 3)).check_values(torch.tensor([[0.0, 1, 1, 0, 2, 0]]))


def test_a_source_is_looked_through_to_its_end_in_every_form() -> None:
    width = 1000
    rows = _VALUES // width + 5  # two batches
    values = torch.zeros(rows, width)
    check_values(as_source(values), Bernoulli(width))
    values[-1, -1] = 1.5
    with pytest.raises(DataError, match=rf"item {rows - 1} has the value 1\.5 at position 999"):
        check_values(as_source(values), Bernoulli(width))
    check_finite(as_source(values), torch.float32)
    huge = values.double() * 1e200
    check_finite(as_source(huge), torch.float64)
    with pytest.raises(DataError, match=rf"item {rows - 1} has the value inf at position 999, but only finite"):
        check_finite(as_source(huge), torch.float32)


def test_checking_changes_no_values_and_no_images() -> None:
    pixels = Random(0).uniform((20, 6), 0, 255).to(torch.uint8)
    check_values(Images(pixels.clone(), 255), Bernoulli(6))
    values = torch.rand(20, 6)
    before = values.clone()
    check_values(as_source(values), Bernoulli(6))
    assert torch.equal(values, before)


LABELS = torch.arange(10) % 2


def pretraining(x: Any, held_out: Any = None, kind: str = "Bernoulli") -> Any:
    dbn = DBN.from_units([_units(kind), Bernoulli(4)], Random(0))
    return Pretraining(dbn, x, RBMSettings(epochs=1), random=Random(0), held_out=held_out)


def autoencoder(x: Any, held_out: Any = None, kind: str = "Bernoulli") -> Any:
    dbn = DBN.from_units([_units(kind), Bernoulli(4)], Random(0))
    return AutoencoderTraining(unroll(dbn), x, AutoencoderSettings(epochs=1), random=Random(0), held_out=held_out)


def hybrid(x: Any, held_out: Any = None, kind: str = "Bernoulli") -> Any:
    model = LabelledRBM(_units(kind), 2, Bernoulli(4), Random(0))
    return HybridTraining(
        model, _with_labels(x), HybridSettings(patience=0), random=Random(0), held_out=_with_labels(held_out)
    )


def updown(x: Any, held_out: Any = None, kind: str = "Bernoulli") -> Any:
    random = Random(0)
    top = LabelledRBM(Bernoulli(4), 2, Bernoulli(4), random)
    model = LabelledDBN(DBN.from_units([_units(kind), Bernoulli(4)], random), top)
    return UpDownTraining(model, _with_labels(x), UpDownSettings(), random=random, held_out=_with_labels(held_out))


def _units(kind: str) -> Units:
    return KINDS[kind]()


def _with_labels(x: Any) -> Any:
    return None if x is None else (x, LABELS[: len(x)])


def minibatches(x: Any, held_out: Any = None) -> Any:
    others = _with_labels(X if held_out is None else held_out)
    network = FeedForward([3, 2], torch.relu, Random(0))
    return MinibatchTraining(network, _with_labels(x), MinibatchSettings(), random=Random(0), held_out=others)


def full_batch(x: Any) -> Any:
    return FullBatchTraining(FeedForward([3, 2], torch.relu, Random(0)), _with_labels(x), FullBatchSettings())


def readout(x: Any, held_out: Any = None) -> Any:
    network, settings = FeedForward([3, 2], torch.relu, Random(0)), ConvergedSettings(max_iterations=2)
    return ConvergedTraining(network, _with_labels(x), settings, held_out=_with_labels(held_out))


X = (Random(0, "values").uniform((10, 3)) < 0.5).float()
GENERATIVE: dict[str, Callable[..., Any]] = {
    "pretraining": pretraining,
    "autoencoder": autoencoder,
    "hybrid": hybrid,
    "updown": updown,
}
HELD_OUT = GENERATIVE | {"minibatches": minibatches, "readout": readout}


def _evaluate(x: Any) -> Any:
    return evaluate(DBN.from_sizes([3, 2], Random(0)), X, x, Random(0), AISSettings.of(20))


EVERYONE = HELD_OUT | {
    "full batch": full_batch,
    "standardise": lambda x: standardise(DBN.from_units([Gaussian(3), Bernoulli(2)], Random(0)), x),
    "layer_path": lambda x: layer_path(DBN.from_sizes([3, 2], Random(0)), 1, x),
    **{f"held out for {name}": lambda x, f=f: f(X, held_out=x) for name, f in HELD_OUT.items()},
}


KNOW_MISSING = ["pretraining", "held out for pretraining", "standardise", "layer_path", "evaluate"]


@pytest.mark.parametrize(
    ("name", "bad"),
    [(name, bad) for name in (*EVERYONE, "evaluate") for bad in NONE if not (name in KNOW_MISSING and np.isnan(bad))],
)
def test_nan_and_infinity_are_told_before_anything_is_learnt(name: str, bad: float) -> None:
    values = X.numpy().copy()
    values[6 if name != "evaluate" else slice(None), 1] = bad
    with pytest.raises(DataError, match=rf"item [06] has the value {bad:g} at position 1, but .* leave such items out"):
        (EVERYONE | {"evaluate": _evaluate})[name](values)


@pytest.mark.parametrize("name", KNOW_MISSING)
def test_missing_values_are_left_out_where_that_is_possible(name: str) -> None:
    values = X.clone()
    values[6, 1] = torch.nan
    (EVERYONE | {"evaluate": _evaluate})[name](values)


@pytest.mark.parametrize("name", [name for name in EVERYONE if not name.startswith("held out")])
def test_nothing_to_learn_from_is_told(name: str) -> None:
    with pytest.raises(DataError, match="there are no items"):
        EVERYONE[name](X[:0])


@pytest.mark.parametrize("name", GENERATIVE)
def test_no_held_out_items_are_none(name: str) -> None:
    GENERATIVE[name](X, held_out=X[:0])


@pytest.mark.parametrize("name", EVERYONE)
def test_another_width_is_told(name: str) -> None:
    with pytest.raises(SettingsError, match=r"sees 3 values.*, the .*data have 2|sees 3 values, the .*features have 2"):
        if name == "readout":
            readout(X, held_out=X[:, :2])
        else:
            EVERYONE[name](X[:, :2])


@pytest.mark.parametrize("name", GENERATIVE)
@pytest.mark.parametrize("kind", KINDS)
def test_values_that_units_cannot_have_are_told_by_every_learner(name: str, kind: str) -> None:
    learner, units = GENERATIVE[name], _units(kind)
    right = values_of(units, 10)
    learner(right, held_out=right, kind=kind)
    wrong = right.clone()
    wrong[5, 1] = torch.inf if kind == "Gaussian" else WRONG[kind][0]
    for x, held_out in ((wrong, right), (right, wrong)):
        with pytest.raises(DataError, match=r"item 5 has the value \S+ at position 1"):
            learner(x, held_out=held_out, kind=kind)


def test_whole_numbers_are_values_like_others() -> None:
    pretraining(X.to(torch.uint8))
    pretraining(X.bool().numpy())
    with pytest.raises(DataError, match=r"value 255 at position .* scale the data, or take Gaussian units"):
        pretraining((X * 255).to(torch.uint8))


def test_codes_where_one_hot_values_belong_are_told() -> None:
    dbn = DBN.from_units([Categorical(6, 5), Bernoulli(3)], Random(0))
    with pytest.raises(SettingsError, match=r"sees 30 values, the data have 6, one for each variable: give one-hot"):
        Pretraining(dbn, torch.randint(0, 5, (10, 6)), RBMSettings(), random=Random(0))


def test_states_are_drawn_from_probabilities_alone() -> None:
    for units in (Bernoulli(3), Categorical(1, 3)):
        with pytest.raises(DataError, match="item 1 has the value -1 at position 0"):
            as_states(units, [[1, 0, 0], [-1, 1, 1]], Random(0))
    with pytest.raises(DataError, match="item 0 has values that sum to 0 at positions 3 to 5"):
        as_states(Categorical(2, 3), [[0, 1, 0, 0, 0, 0]], Random(0))
    with pytest.raises(DataError, match="item 0 has the value -1 at position 0, but ReLU units"):
        as_states(ReLU(1), [[-1]], Random(0))


def test_one_setting_serves_all_layers() -> None:
    def weights(settings: Any) -> list[torch.Tensor]:
        dbn, random = DBN.from_sizes([3, 4, 2], Random(0)), Random(1)
        list(Pretraining(dbn, X, settings, random=random).epochs())
        return list(dbn.state_dict().values())

    one = RBMSettings(epochs=2, batch_size=4)
    assert all(map(torch.equal, weights(one), weights([one, one])))
    assert all(map(torch.equal, weights(one), weights((one, one))))


@pytest.mark.parametrize("settings", [None, {"epochs": 3}, [{"epochs": 3}] * 2, "default", 5, MinibatchSettings()])
def test_other_settings_are_told(settings: Any) -> None:
    with pytest.raises(SettingsError, match="give RBMSettings, one for all layers or a list with one for each"):
        Pretraining(DBN.from_sizes([3, 4, 2], Random(0)), X, settings, random=Random(0))


def test_likelihoods_are_of_values_that_units_can_have() -> None:
    dbn, random = DBN.from_sizes([3, 2], Random(0)), Random(1)
    path = layer_path(dbn, 1, X)
    z = ais(path, random, AISSettings.of(3, chains=4))
    for likelihood in (
        lambda x: log_likelihood(path, x, z, random),
        lambda x: dbn_bound(dbn, path, x, z, random),
        lambda x: upper_side(dbn, x, z.log_z, random),
        lambda x: raise_bound(path, x, random),
    ):
        with pytest.raises(DataError, match="item 0 has the value -1 at position 0"):
            likelihood(2 * torch.zeros(4, 3) - 1)


def test_binary_states_are_drawn_from_probabilities_alone() -> None:
    drawn = RBMSettings(epochs=1, binarise=True)
    dbn = DBN.from_units([Gaussian(3), Bernoulli(2)], Random(0))
    with pytest.raises(DataError, match=r"item 0 has the value [78] at position 0, but Bernoulli"):
        Pretraining(dbn, as_tensor(X) + 7, drawn, random=Random(0))
    dbn = DBN.from_units([Bernoulli(3), Gaussian(2), Bernoulli(2)], Random(0))
    with pytest.raises(SettingsError, match="those of the Gaussian units that layer 2 sees are none"):
        Pretraining(dbn, X, [RBMSettings(), drawn], random=Random(0))
