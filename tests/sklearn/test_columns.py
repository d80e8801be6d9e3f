"""Kinds of columns: recognised or declared, in arrays and data frames, with missing values."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepbelief.data import TensorSource
from deepbelief.errors import DataError, SettingsError
from deepbelief.models.column_units import units_of_blocks
from deepbelief.models.units import Bernoulli, Gaussian
from deepbelief.sklearn import DBNClassifier, DBNRegressor, DBNTransformer, RBMTransformer
from deepbelief.sklearn.columns import blocks_of, recognised

QUICK: dict[str, Any] = {"epochs": 4, "batch_size": 20, "random_state": 0}
RANDOM = np.random.default_rng(0)
SIDE = RANDOM.integers(0, 2, 120)
CELLS: dict[str, list[Any]] = {
    "size": list(3.0 * SIDE + RANDOM.normal(10, 1, 120)),
    "colour": [("red", "blue")[side] if row % 5 else "green" for row, side in enumerate(SIDE)],
    "seen": list(RANDOM.random(120) < 0.3 + 0.4 * SIDE),
}
FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}


def kinds_in(model: Any) -> list[tuple[str, int]]:
    """The kinds and sizes of the units that a fitted estimator sees."""
    visible = model.dbn_.layer(1).visible
    parts = getattr(visible, "parts", [visible])
    return [(part.description["kind"], part.size) for part in parts]


def test_columns_from_0_to_1_are_binary_whatever_is_missing() -> None:
    table = np.array([[0.0, 2.0, np.nan], [1.0, np.nan, 0.3], [np.nan, 0.0, 1.0]])
    assert recognised(TensorSource(table)) == ["binary", "real", "binary"]


@pytest.mark.parametrize(
    ("units", "kinds"),
    [
        ("auto", [("Bernoulli", 3), ("Gaussian", 1)]),
        ("real", [("Gaussian", 4)]),
        (["binary", "binary", "real", "auto"], [("Bernoulli", 2), ("Gaussian", 2)]),
        ({"x0": "real"}, [("Gaussian", 1), ("Bernoulli", 2), ("Gaussian", 1)]),
        (["one-hot", "one-hot", "one-hot", "auto"], [("Categorical", 3), ("Gaussian", 1)]),
        ({"x3": "category"}, [("Bernoulli", 3), ("Categorical", 4)]),
    ],
)
def test_kinds_are_declared_for_all_columns_one_by_one_or_by_name(units: Any, kinds: list[tuple[str, int]]) -> None:
    codes = np.arange(24) % 3
    table = np.column_stack([np.eye(3)[codes], np.arange(24) % 4])
    assert kinds_in(RBMTransformer(3, units=units, **QUICK).fit(table)) == kinds
    if units != {"x3": "category"}:
        assert kinds_in(RBMTransformer(3, units=units, **QUICK).fit(sparse.csr_array(table))) == kinds


def test_neighbouring_one_hot_groups_are_told_apart_by_their_sums() -> None:
    first, second = np.arange(30) % 2, np.arange(30) % 3
    table = np.column_stack([np.eye(2)[first], np.eye(3)[second], np.eye(3)[second]])
    table[4, 2:5] = np.nan
    blocks = blocks_of(TensorSource(table), "one-hot", [f"x{number}" for number in range(8)], None)
    assert blocks == [("one-hot", 2), ("one-hot", 3), ("one-hot", 3)]
    assert [part.size for part in units_of_blocks(blocks).parts] == [2, 6]
    table[7, 3:5] = 1
    with pytest.raises(SettingsError, match="a one-hot group begins at the number 2"):
        blocks_of(TensorSource(table), "one-hot", [f"x{number}" for number in range(8)], None)


@pytest.mark.parametrize(
    ("units", "message"),
    [
        (["real"], "units has the kinds of 1 of 3 columns"),
        ("count", "units has 'count': give 'auto', 'binary'"),
        (["real", "real", "text"], "units has 'text'"),
        ({"x7": "real"}, "units names the column 'x7', which is not there"),
    ],
)
def test_impossible_declarations_are_named(units: Any, message: str) -> None:
    for X in (np.ones((6, 3)), sparse.csr_array(np.ones((6, 3)))):
        with pytest.raises(SettingsError, match=message):
            RBMTransformer(4, units=units, **QUICK).fit(X)


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_of_numbers_text_and_truth_values(kind: str) -> None:
    frame = FRAMES[kind](CELLS)
    model = RBMTransformer(3, **QUICK).fit(frame)
    assert kinds_in(model) == [("Gaussian", 1), ("Categorical", 3), ("Bernoulli", 1)]
    assert list(model.feature_names_in_) == ["size", "colour", "seen"]
    assert model.n_features_in_ == 3
    back = model.inverse_transform(model.transform(frame))
    assert back.shape == (120, 3)
    assert {*back[:, 1]} <= {"red", "blue", "green"}
    assert np.abs(back[:, 0].astype(float) - 11.5).max() < 6
    named = model.set_output(transform=kind).transform(frame)
    assert list(named.columns) == ["rbmtransformer0", "rbmtransformer1", "rbmtransformer2"]
    assert isinstance(named, FRAMES[kind])


@pytest.mark.parametrize("kind", FRAMES)
def test_predictors_take_frames_and_mind_the_names_and_categories(kind: str) -> None:
    frame = FRAMES[kind](CELLS)
    model = DBNClassifier((6,), head_settings={"epochs": 20}, **QUICK).fit(frame, np.where(SIDE, "left", "right"))
    assert model.score(frame, np.where(SIDE, "left", "right")) > 0.85
    numbers = DBNRegressor((6,), head="readout", **QUICK).fit(frame, np.array(CELLS["size"])).predict(frame)
    assert np.corrcoef(numbers, CELLS["size"])[0, 1] > 0.5
    with pytest.raises(DataError, match=r"row 1 of the column 'colour' holds 'pink'.*none of the categories"):
        model.predict(FRAMES[kind]({**CELLS, "colour": ["pink"] * 120}))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(FRAMES[kind]({"size": CELLS["size"], "hue": CELLS["colour"], "seen": CELLS["seen"]}))


def test_frames_of_numbers_alone_are_as_arrays() -> None:
    table = RANDOM.normal(size=(40, 3))
    frame = pd.DataFrame(table, columns=["a", "b", "c"])
    of_array, of_frame = (RBMTransformer(3, **QUICK).fit(X).transform(X) for X in (table, frame))
    assert np.array_equal(of_array, of_frame)
    steps = make_pipeline(StandardScaler(), DBNTransformer((4,), **QUICK)).set_output(transform="pandas")
    assert list(steps.fit_transform(frame).columns) == [f"dbntransformer{number}" for number in range(4)]


def test_categories_by_the_type_of_a_column() -> None:
    frame = pd.DataFrame({"code": pd.Categorical([3, 7, 3, 9] * 10), "size": np.arange(40.0)})
    assert kinds_in(RBMTransformer(3, **QUICK).fit(frame)) == [("Categorical", 3), ("Gaussian", 1)]


def test_integer_codes_are_what_their_one_hot_columns_are() -> None:
    codes = np.arange(30) % 3
    of_codes = RBMTransformer(3, units="category", **QUICK).fit(codes[:, None])
    one_hot = RBMTransformer(3, units="one-hot", **QUICK).fit(np.eye(3, dtype=np.float32)[codes])
    assert of_codes.transform(codes[:, None]) == pytest.approx(one_hot.transform(np.eye(3, dtype=np.float32)[codes]))


@pytest.mark.parametrize("head", ["finetuned", "readout", "label_rbm"])
def test_what_is_missing_sends_nothing_up(head: Any) -> None:
    """A missing cell of a standardised column counts as its mean does, to layers and heads alike."""
    random = np.random.default_rng(1)
    side = random.integers(0, 2, 200)
    table = side[:, None] * 2.0 + random.normal(5, 1, (200, 4))
    table[random.random(table.shape) < 0.2] = np.nan
    model = DBNClassifier((12,), head=head, head_settings={} if head == "readout" else {"epochs": 30}, **QUICK)
    assert model.fit(table, side).score(table, side) > 0.85
    filled = np.where(np.isnan(table), model.dbn_.standardisation.mean.numpy(), table)
    assert model.predict_proba(table) == pytest.approx(model.predict_proba(filled), abs=1e-5)


def test_missing_cells_of_sparse_rows_and_binary_columns() -> None:
    table = (RANDOM.random((60, 5)) < 0.4).astype(np.float32)
    table[0, 0] = table[7, 3] = np.nan
    dense, scarce = (RBMTransformer(4, **QUICK).fit(X) for X in (table, sparse.csr_array(table)))
    assert isinstance(dense.dbn_.layer(1).visible, Bernoulli)
    assert scarce.transform(sparse.csr_array(table)) == pytest.approx(dense.transform(table), abs=1e-6)
    assert not np.isnan(dense.transform(table)).any()
    assert isinstance(RBMTransformer(4, units="real", **QUICK).fit(table).dbn_.layer(1).visible, Gaussian)


def test_infinite_values_are_refused() -> None:
    with pytest.raises(ValueError, match="infinity"):
        RBMTransformer(4, **QUICK).fit(np.array([[1.0, np.inf], [0.0, 1.0]]))
