"""Files that are not loaded: the same is recognised in them as in memory, or one sentence says why not."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pyarrow import parquet
from torch import Tensor

from deepbelief.data import StoredRows, load_user_table
from deepbelief.errors import DataError, DataWarning, DeepBeliefError, SettingsError
from deepbelief.tables import stored
from deepbelief.tables.recognition import ColumnChoice, LearnableTable, recognise_table
from deepbelief.tables.stored import fingerprint, stored_table


@pytest.fixture(autouse=True)
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "LARGE", 0)
    monkeypatch.setattr("deepbelief.data.stored_rows._PART_BYTES", 100)


def found(path: Path, choice: ColumnChoice | None = None) -> LearnableTable:
    table = stored_table(str(path), choice)
    assert table is not None
    return table


CELLS = st.sampled_from([0.0, 1.0, 0.5, -3.0, 1e6, np.nan]) | st.floats(-1, 2, width=32)
TABLES = (
    arrays.arrays(np.float32, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=CELLS)
    | arrays.arrays(np.float32, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=st.sampled_from([0, 1, 0.5]))
    | arrays.arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 3), st.integers(1, 3)))
    | arrays.arrays(np.int64, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=st.integers(-1, 2))
    | arrays.arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 4)))
)


def outcome(recognise: Any) -> Any:
    """What is recognised, or the sentence that refuses it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            table = recognise()
    except DeepBeliefError as error:
        return str(error).partition(": ")[2]
    return table.columns, table.summary, table.constant, table.image_shape


@settings(deadline=None, max_examples=60)
@given(TABLES, st.booleans())
def test_the_same_is_recognised_as_in_memory(
    tmp_path_factory: pytest.TempPathFactory, array: Any, declare: bool
) -> None:
    path = tmp_path_factory.mktemp("t") / "x.npy"
    np.save(path, array)
    choice = ColumnChoice(declared={"0": "real"}, without=["1"]) if declare and array[0].size > 1 else ColumnChoice()

    def loaded() -> LearnableTable:
        try:
            return recognise_table(load_user_table(str(path)), choice)
        except DataError as error:
            raise DataError(f"{path}: {error}") from None

    assert outcome(lambda: found(path, choice)) == outcome(loaded)


def write(path: Path, **columns: Any) -> Path:
    parquet.write_table(pyarrow.table(columns), path)
    return path


def test_columns_of_folders(tmp_path: Path) -> None:
    for number in range(2):
        cells = {"id": [1, 2], "x": [0.5, None], "remark": ["a", "b"], "label": [number, 1], "same": [3, 3]}
        write(tmp_path / f"{number}.parquet", **cells)
    table = found(tmp_path, ColumnChoice(without=["remark", "label"]))
    assert [(one.name, one.kind) for one in table.columns.each] == [("x", "real"), ("same", "real")]
    assert table.summary == "2 real columns, 25 % missing; 4 rows"
    assert table.constant.startswith("the columns 'x', 'same' hold the same")
    assert isinstance(table.rows, StoredRows)
    assert "id" in found(tmp_path, ColumnChoice(declared={"id": "real"}, without=["remark", "label"])).columns.names
    for choice, sentence in (
        (ColumnChoice(without=["remark"]), "labels, as in the column 'label', are learnt from in a single file only"),
        (ColumnChoice(label="x", without=["remark"]), "labels, as in the column 'x'"),
        (ColumnChoice(declared={"x": "category"}, without=["label"]), "categories, as in the column 'x'"),
        (ColumnChoice(without=["y"]), "there is no column 'y'"),
    ):
        with pytest.raises(SettingsError, match=sentence):
            stored_table(str(tmp_path), choice)
    with pytest.raises(DataError, match="'remark' holds string"):
        stored_table(str(tmp_path), ColumnChoice(without=["label"]))


def test_what_is_wrong_with_values_is_named(tmp_path: Path) -> None:
    values = np.zeros((50, 4))
    values[40, 2] = 1e300
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(DataError, match=r"x\.npy: row 41 of the column '2' holds 1e\+300, which is no finite number"):
        stored_table(str(tmp_path / "x.npy"))
    np.save(tmp_path / "y.npy", np.full((50, 4), 3, np.uint8))
    with pytest.warns(DataWarning, match="no pixel above 3 where 255 is white"):
        stored_table(str(tmp_path / "y.npy"))
    np.save(tmp_path / "z.npy", values[:9] + 2)
    with pytest.raises(DataError, match="'1' is declared binary and holds more"):
        stored_table(str(tmp_path / "z.npy"), ColumnChoice(declared={"1": "binary"}))


def test_other_data_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled = str(write(tmp_path / "l.parquet", x=[1.0, 2.0], label=[0, 1]))
    text = str(write(tmp_path / "t.parquet", x=[1.0, 2.0], colour=["red", "blue"]))
    (tmp_path / "x.csv").write_text("a\n1\n")
    for given_, choice in (
        ("digits", None),
        (labelled, None),
        (text, None),
        (str(tmp_path / "x.csv"), None),
        (str(write(tmp_path / "n.parquet", x=[1.0, 2.0])), ColumnChoice(declared={"x": "category"})),
    ):
        assert stored_table(given_, choice) is None
    np.save(tmp_path / "x.npy", np.zeros((2, 2)))
    assert stored_table(str(tmp_path / "x.npy")) is not None
    monkeypatch.setattr(stored, "LARGE", 1000)
    assert stored_table(str(tmp_path / "x.npy")) is None


def test_every_row_counts_in_the_fingerprint(tmp_path: Path) -> None:
    values = np.zeros((100, 4), np.uint8)

    def of() -> str:
        np.save(tmp_path / "x.npy", values)
        rows = found(tmp_path / "x.npy").rows
        assert not isinstance(rows, Tensor)
        return fingerprint(rows)

    first = of()
    assert first == of()
    values[99, 3] = 255
    assert first != of()
