"""Models of tables: what is recognised, what is learnt, and what a folder gives back."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from deepbelief.checkpoint import save_dbn, save_model
from deepbelief.data import UserTable
from deepbelief.errors import DataError, DeepBeliefError, SettingsError
from deepbelief.models import DBN
from deepbelief.models.feedforward import FeedForward
from deepbelief.randomness import Random
from deepbelief.tables.folder import find_table_model, load_table_model, save_table_model
from deepbelief.tables.model import TableModel, filled_in
from deepbelief.tables.recognition import NO_LABEL, ColumnChoice, recognise_table
from deepbelief.tables.training import TableSettings, TableTraining

NAN = float("nan")
SMALL = TableSettings(hidden=(12, 8), epochs=20, batch_size=10, classifier_epochs=30)


def table(rows: int = 120, missing: float = 0.1, seed: int = 0) -> UserTable:
    """Two kinds of animals, which size (in far apart units), colour and tail tell apart; some cells are missing."""
    random = np.random.default_rng(seed)
    kind = random.integers(2, size=rows)
    size = 5000.0 + 900 * kind + 100 * random.normal(size=rows)
    colour = np.where(random.random(rows) < 0.1, "green", np.where(kind == 1, "red", "blue")).astype(object)
    tail = np.where(random.random(rows) < 0.05, 1 - kind, kind).astype(float)
    cells = {"id": np.arange(rows), "size": size, "colour": colour, "tail": tail}
    for name, nothing in (("size", NAN), ("colour", None), ("tail", NAN)):
        cells[name][random.random(rows) < missing] = nothing
    return UserTable({**cells, "class": np.where(kind == 1, "fox", "jay")})


@pytest.fixture(scope="module")
def trained() -> tuple[TableModel, TableTraining]:
    training = TableTraining(recognise_table(table()), SMALL, Random(0))
    return training.run(), training


def test_what_is_recognised() -> None:
    found = recognise_table(table(missing=0))
    assert found.summary == "1 binary column, 1 real column, 1 category; 120 rows; 2 classes in 'class'"
    assert found.columns.names == ["size", "colour", "tail"]
    assert found.label is not None and found.label.values == ("fox", "jay")
    assert found.constant == ""


def test_choices_of_columns() -> None:
    cells = {"a": [1.5, 2, 3], "b": [1, 2, 1], "c": ["x", "y", "x"], "label": [0.5, 1.5, 2]}
    given = UserTable({name: np.array(one) for name, one in cells.items()})
    found = recognise_table(given, ColumnChoice(label="c", declared={"b": "category", "label": "real"}))
    assert [(column.name, column.kind) for column in found.columns.each] == [
        ("a", "real"),
        ("b", "category"),
        ("label", "real"),
    ]
    assert found.label is not None and found.label.name == "c"
    assert recognise_table(given, ColumnChoice(without=["label", "c"])).label is None
    for choice, sentence in (
        (ColumnChoice(without=["d"]), "there is no column 'd': give one of 'a', 'b'"),
        (ColumnChoice(declared={"d": "real"}), "there is no column 'd'"),
        (ColumnChoice(without=["a"], declared={"a": "real"}), "the column 'a' is left out and asked for"),
        (ColumnChoice(label="c", declared={"c": "category"}), "the column 'c' is one of labels and declared, too"),
        (ColumnChoice(without=["a"], label="a"), "the column 'a' is left out and asked for"),
    ):
        with pytest.raises(SettingsError, match=sentence):
            recognise_table(given, choice)
    with pytest.raises(DataError, match=r"row 1 of the column 'label' holds 0\.5, and a category is text or a whole"):
        recognise_table(given)


def test_a_column_that_counts_the_rows_is_learnt_from_only_if_it_is_declared() -> None:
    assert "id" not in recognise_table(table()).columns.names
    assert "id" in recognise_table(table(), ColumnChoice(declared={"id": "real"})).columns.names


def test_rows_without_some_pixels_are_no_images() -> None:
    images = UserTable({str(number): np.array([0.0, 1]) for number in range(6)}, image_shape=(2, 3))
    assert recognise_table(images).image_shape == (2, 3)
    assert recognise_table(images).summary == "images of 2x3: 6 binary columns; 2 rows"
    assert recognise_table(images, ColumnChoice(without=["3"])).image_shape is None


def test_text_of_a_csv_becomes_numbers_or_categories() -> None:
    def text(*cells: str | None) -> np.ndarray:  # type: ignore[type-arg]
        return np.array(cells, dtype=object)

    cells = {
        "a": text("1.5", None, "7"),
        "b": text("3", "20", "3"),
        "c": text("A1", "2", "A1"),
        "y": text("1", "2", None),
    }
    given = UserTable(cells, are_text=True)
    with pytest.raises(DataError, match="row 1 of the column 'c' holds the text 'A1', and row 2 the number 2"):
        recognise_table(given)
    found = recognise_table(given, ColumnChoice(declared={"b": "category", "c": "category"}))
    assert [column.values for column in found.columns.each] == [(), (3, 20), ("2", "A1")]
    assert found.label is not None and found.label.values == (1, 2)
    assert found.classes is not None and found.classes.tolist() == [0, 1, NO_LABEL]
    np.testing.assert_array_equal(found.rows[:, 0], [1.5, NAN, 7])


def test_columns_that_never_change_are_told() -> None:
    given = UserTable({"a": np.array([1.0, 2]), "b": np.array([5.0, 5]), "c": np.array(["x", "x"])})
    assert recognise_table(given).constant.startswith("the columns 'b', 'c' hold the same in every row")
    with pytest.raises(DataError, match="all labels in the column 'c' are 'x'"):
        recognise_table(given, ColumnChoice(label="c"))


def test_a_classifier_learns_rows_of_any_scale_with_missing_cells(trained: tuple[TableModel, TableTraining]) -> None:
    model, training = trained
    fresh = table(seed=1)
    predicted = np.array(model.label.values)[model.probabilities(fresh.cells).argmax(dim=1)]  # type: ignore[union-attr]
    assert (predicted == fresh.cells["class"]).mean() > 0.95
    assert training.record["classifier"]["held_out_rows"] == 12
    assert training.record["classifier"]["held_out_accuracies"][-1] > 0.8
    errors = training.record["reconstruction_errors"]
    assert [len(of_layer) for of_layer in errors] == [20, 20]
    assert errors[0][-1] < errors[0][0]


def test_what_is_filled_in_is_likely_and_nothing_else_changes(trained: tuple[TableModel, TableTraining]) -> None:
    model, _ = trained
    whole, holes = table(missing=0, seed=2), table(missing=0, seed=2)
    holes.cells["size"][:40] = NAN
    holes.cells["colour"][40:80] = None
    full = model.impute(holes, Random(0), 50, samples=False)
    assert full.cells["id"] is holes.cells["id"] and full.cells["class"] is holes.cells["class"]
    np.testing.assert_array_equal(full.cells["size"][40:], whole.cells["size"][40:])
    np.testing.assert_array_equal(full.cells["tail"], whole.cells["tail"])
    assert np.abs(full.cells["size"][:40] - whole.cells["size"][:40]).mean() < 250
    assert (full.cells["colour"] == whole.cells["colour"]).mean() > 0.9
    assert np.isnan(holes.cells["size"][:40]).all()
    again = model.impute(holes, Random(0), 50, samples=True)
    assert not np.array_equal(again.cells["size"], full.cells["size"])
    assert model.missing_cells(holes) == 80 and model.missing_cells(full) == 0


def test_a_csv_stays_text_where_cells_are_filled_in(trained: tuple[TableModel, TableTraining]) -> None:
    model, _ = trained
    cells = {"size": ["5900.0", None], "colour": [None, "blue"], "tail": ["1", "0.0"], "note": ["x", None]}
    given = UserTable({name: np.array(one, dtype=object) for name, one in cells.items()}, are_text=True)
    full = model.impute(given, Random(0), 20, samples=False).cells
    assert full["tail"].tolist() == ["1", "0.0"] and full["note"].tolist() == ["x", None]
    assert full["size"][0] == "5900.0" and 4000 < float(full["size"][1]) < 7000
    assert full["colour"][0] in ("blue", "green", "red")


def test_rows_are_made_up_of_what_columns_can_hold(trained: tuple[TableModel, TableTraining]) -> None:
    model, _ = trained
    rows = model.sample(50, Random(0), 100)
    assert list(rows) == ["size", "colour", "tail"]
    assert {*rows["colour"]} <= {"blue", "green", "red"} and {*rows["tail"]} <= {0, 1}
    assert 4500 < rows["size"].mean() < 6500
    agree = ((rows["tail"] == 1) == (rows["size"] > 5450)).mean()
    assert agree > 0.6


def test_the_same_seed_trains_the_same_model() -> None:
    settings = TableSettings(hidden=(4,), epochs=1, classifier_epochs=1)
    models = [TableTraining(recognise_table(table(40)), settings, Random(3)).run() for _ in range(2)]
    first, second = (model.probabilities(table(40).cells) for model in models)
    assert torch.equal(first, second)


def test_rows_without_a_label_are_learnt_from_by_the_layers_alone() -> None:
    given = table(60)
    labels = given.cells["class"].astype(object)
    labels[:20] = None
    learnt = recognise_table(UserTable({**given.cells, "class": labels}))
    training = TableTraining(learnt, TableSettings(hidden=(4,), epochs=1, classifier_epochs=1, held_out=0), Random(0))
    training.run()
    assert learnt.rows.shape[0] == 60
    assert training.record["classifier"]["rows"] == 40
    assert training.headline.startswith("a DBN of 5-4 units, reconstruction error")


def test_none_are_held_out_where_a_class_has_a_single_row() -> None:
    given = table(30)
    labels = given.cells["class"].astype(object)
    labels[0] = "owl"
    training = TableTraining(
        recognise_table(UserTable({**given.cells, "class": labels})),
        TableSettings(hidden=(4,), epochs=1, classifier_epochs=1),
        Random(0),
    )
    training.run()
    assert training.record["classifier"]["held_out_rows"] == 0
    assert training.headline.endswith("a classifier; 0 s")


def test_missing_values_alone_are_filled_in_for_a_classifier() -> None:
    dbn = DBN.from_sizes([3, 4], Random(0))
    whole = torch.tensor([[1.0, 0, 1]])
    assert filled_in(dbn, whole) is whole
    rows = torch.tensor([[1.0, NAN, 1], [0, 1, 0]])
    full = filled_in(dbn, rows)
    assert torch.equal(full[~rows.isnan()], rows[~rows.isnan()]) and not full.isnan().any()


def test_a_folder_gives_back_the_model(tmp_path: Path, trained: tuple[TableModel, TableTraining]) -> None:
    model, training = trained
    save_table_model(tmp_path / "m", model, training.record)
    found = load_table_model(tmp_path / "m")
    assert (found.columns, found.label, found.image_shape) == (model.columns, model.label, None)
    assert torch.equal(found.probabilities(table().cells), model.probabilities(table().cells))
    assert torch.equal(found.encode(table().cells, 1), model.encode(table().cells, 1))
    alone = load_table_model(tmp_path / "m" / "dbn.safetensors")
    assert alone.classifier is None
    with pytest.raises(SettingsError, match="trained without labels"):
        alone.probabilities(table().cells)
    record = json.loads((tmp_path / "m" / "training.json").read_text())
    assert record["settings"]["hidden"] == [12, 8]
    with pytest.raises(SettingsError, match="m is there and not empty: give another folder with --out"):
        save_table_model(tmp_path / "m", model, {})


def test_folders_that_are_damaged_or_of_something_else_are_refused(
    tmp_path: Path, trained: tuple[TableModel, TableTraining]
) -> None:
    def refused(path: Path, sentence: str) -> None:
        with pytest.raises(DeepBeliefError, match=sentence):
            load_table_model(path)

    refused(tmp_path, r"dbn\.safetensors does not exist")
    plain = DBN.from_sizes([5, 4], Random(0))
    save_dbn(tmp_path / "dbn.safetensors", plain)
    assert find_table_model(tmp_path) is None
    refused(tmp_path, "knows no columns of a table: give a folder that `deepbelief train` wrote")
    save_dbn(tmp_path / "dbn.safetensors", plain, columns=[{"name": "a", "kind": "number"}])
    refused(tmp_path, "tells of no columns of a table")
    save_dbn(tmp_path / "dbn.safetensors", plain, columns=[{"name": "a", "kind": "real"}])
    refused(tmp_path, "its columns and its DBN do not fit")
    model, _ = trained
    save_table_model(tmp_path / "m", model, {})
    save_model(tmp_path / "m" / "classifier.safetensors", FeedForward([5, 3], torch.relu, 0))
    refused(tmp_path / "m", "it knows other classes than the DBN's file")
    (tmp_path / "m" / "classifier.safetensors").unlink()
    refused(tmp_path / "m", r"classifier\.safetensors does not exist")


def test_tables_of_other_columns_are_refused(trained: tuple[TableModel, TableTraining]) -> None:
    model, _ = trained
    other = {name: cells for name, cells in table().cells.items() if name != "size"}
    with pytest.raises(DataError, match="there is no column 'size'"):
        model.encode(other)
    with pytest.raises(DataError, match="row 2 of the column 'colour' holds 'pink'"):
        model.encode({"size": [1.0, 2], "tail": [0, 1], "colour": ["red", "pink"]})
