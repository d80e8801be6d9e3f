"""The user's own data from every kind of file, and a sentence for what cannot be read."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas
import pyarrow
import pyarrow.parquet
import pytest
import torch
from PIL import Image

from deepbelief.data import UserTable, load_dataset, load_images, load_user_table
from deepbelief.data.csv_cells import with_numbers
from deepbelief.data.table_files import check_table_file, columns_of_text, write_table
from deepbelief.errors import DataError, DataWarning, SettingsError

NAN = float("nan")


def lists(table: UserTable) -> dict[str, list[object]]:
    """The cells with None for what is missing."""
    return {
        name: [None if cell is None or cell != cell else cell for cell in cells.tolist()]
        for name, cells in table.cells.items()
    }


def test_a_csv_keeps_every_cell_as_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text('id,age,colour,class\n7,31.50,"red, dark",a\n8,,NA,b\n9, n/a ,blue,NaN\n\n', encoding="utf-8")
    table = load_user_table(str(path))
    assert lists(table) == {
        "id": ["7", "8", "9"],
        "age": ["31.50", None, None],
        "colour": ["red, dark", None, "blue"],
        "class": ["a", "b", None],
    }
    assert (len(table), table.are_text, table.index, table.label()) == (3, True, ["id"], "class")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n", "no rows below its column names"),
        ("a,b\n1,2,3\n", r"row 1 \(line 2\) has 3 cells where there are 2 columns"),
        ("a,b\n1,2\n3\n", r"row 2 \(line 3\) has 1 cells"),
        ("a;b\n1;2\n", "parts its cells by ';'; write it with commas"),
        ("a\tb\n1\t2\n", r"parts its cells by '\\t'"),
        ("a,a\n1,2\n", "two columns called 'a'"),
        ("1,2\n3,4\n", "begins with numbers; put names above them"),
        ('a,b\n1,"2\n', "damaged or no table of text parted by commas"),
    ],
)
def test_what_is_no_csv_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=sentence):
        load_user_table(str(path))


def test_numbers_are_found_in_text() -> None:
    cells = np.array(["1", None, "-2e3"], dtype=object)
    np.testing.assert_array_equal(with_numbers(cells, all_or_none=False), [1, NAN, -2000])
    mixed = np.array(["1", None, "B2"], dtype=object)
    assert with_numbers(mixed, all_or_none=True).tolist() == ["1", None, "B2"]
    assert with_numbers(mixed, all_or_none=False).tolist() == [1.0, None, "B2"]


def test_a_parquet_file_of_any_kinds_of_columns(tmp_path: Path) -> None:
    frame = pandas.DataFrame(
        {"age": [31.5, NAN, 2.0], "n": pandas.array([1, None, 3], dtype="Int64"), "whole": [4, 5, 6]}
    )
    frame["colour"] = ["red", None, "blue"]
    frame["kind"] = pandas.Categorical(["x", "y", None])
    frame["on"] = [True, False, True]
    frame["maybe"] = pandas.array([True, None, False], dtype="boolean")
    frame.index = pandas.Index(["p", "q", "r"])
    frame.to_parquet(tmp_path / "mine.parquet")
    table = load_user_table(str(tmp_path / "mine.parquet"))
    found = lists(table)
    assert found.pop("__index_level_0__") == ["p", "q", "r"]
    assert found == {
        "age": [31.5, None, 2.0],
        "n": [1, None, 3],
        "whole": [4, 5, 6],
        "colour": ["red", None, "blue"],
        "kind": ["x", "y", None],
        "on": [True, False, True],
        "maybe": [1, None, 0],
    }
    assert table.cells["age"].dtype == table.cells["n"].dtype == table.cells["maybe"].dtype == np.float64


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing")
    with pytest.raises(DataError, match=r"bad\.parquet is damaged or no \.parquet file"):
        load_user_table(str(tmp_path / "bad.parquet"))
    with pytest.raises(DataError, match="does not exist"):
        load_user_table(str(tmp_path / "none.parquet"))
    pyarrow.parquet.write_table(pyarrow.table({"a": pyarrow.array([], pyarrow.int64())}), tmp_path / "empty.parquet")
    with pytest.raises(DataError, match="no rows"):
        load_user_table(str(tmp_path / "empty.parquet"))


def test_without_pyarrow_the_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    for work in (lambda: load_user_table("mine.parquet"), lambda: check_table_file(tmp_path / "out.parquet")):
        with pytest.raises(SettingsError, match=r"pip install \"deepbelief\[tables\]\""):
            work()


@pytest.mark.parametrize(
    ("array", "first", "shape"),
    [
        (np.array([[0.5, NAN], [2, 3]]), [0.5, 2], None),
        (np.array([[1, 900], [2, 3]]), [1, 2], None),
        (np.array([[255, 0], [51, 0]], np.uint8), [1.0, np.float32(0.2)], None),
        (np.array([[True, False], [False, True]]), [1, 0], None),
        (np.array([["a", "b"], ["c", "d"]]), ["a", "c"], None),
        (np.full((2, 3, 4), NAN), [None, None], (3, 4)),
        (np.full((2, 3, 4, 1), 0.5), [0.5, 0.5], (3, 4)),
        (np.full((2, 3, 4), 255), [1, 1], (3, 4)),
    ],
)
def test_arrays(tmp_path: Path, array: np.ndarray, first: list[object], shape: tuple[int, int] | None) -> None:  # type: ignore[type-arg]
    np.save(tmp_path / "mine.npy", array)
    table = load_user_table(str(tmp_path / "mine.npy"))
    assert lists(table)["0"] == first
    assert len(table.cells) == array[0].size
    assert table.image_shape == shape


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((0, 3)), "no rows"),
        (np.zeros((2, 5, 5, 3)), "colour images"),
        (np.array(["a", "b"]), r"texts of the shape \(2,\)"),
        (np.full((2, 3, 4), 300), "300"),
        (np.zeros((2, 2), complex), "complex128"),
    ],
)
def test_arrays_that_are_no_table_are_refused(tmp_path: Path, array: np.ndarray, sentence: str) -> None:  # type: ignore[type-arg]
    np.save(tmp_path / "mine.npy", array)
    with pytest.raises(DataError, match=f"mine.npy: .*{sentence}"):
        load_user_table(str(tmp_path / "mine.npy"))


def test_arrays_by_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    images = np.full((3, 2, 2), 0.25)
    np.savez(path, x_train=images, y_train=["b", "a", "b"], x_test=images[:1], y_test=["a"])
    train, test = (load_user_table(str(path), part=part) for part in ("train", "test"))  # type: ignore[arg-type]
    assert (len(train), len(test), train.image_shape) == (3, 1, (2, 2))
    assert lists(train)["label"] == ["b", "a", "b"] and lists(test)["label"] == ["a"]
    np.savez(path, age=[1.5, NAN], colour=["red", ""])
    assert list(load_user_table(str(path)).cells) == ["age", "colour"]
    np.savez(path, x_train=images, y_train=[1, 2])
    with pytest.raises(DataError, match=r"3 rows and labels of the shape \(2,\)"):
        load_user_table(str(path), part="train")
    np.savez(path, age=[[1.5]])
    with pytest.raises(DataError, match="holds neither test_images nor one array for each column"):
        load_user_table(str(path))


def test_a_data_set_by_its_name() -> None:
    table = load_user_table("digits")
    assert (len(table), table.image_shape, table.label()) == (360, (8, 8), "label")
    assert {*table.cells["label"]} == {*"0123456789"}
    with pytest.raises(SettingsError, match="no data set named 'digit'"):
        load_user_table("digit")


def image(path: Path, grey: int, size: tuple[int, int] = (3, 2), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, grey).convert(mode).save(path)


def test_a_folder_of_images(tmp_path: Path) -> None:
    image(tmp_path / "cat" / "2.png", 255)
    image(tmp_path / "cat" / "1.PNG", 51, mode="RGB")
    image(tmp_path / "ant" / "x.bmp", 0)
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    image(tmp_path / ".hidden" / "x.png", 0)
    table = load_user_table(str(tmp_path))
    assert table.image_shape == (2, 3)
    np.testing.assert_allclose(table.cells["5"], [0, 0.2, 1])
    assert table.cells["label"].tolist() == ["ant", "cat", "cat"]
    images = load_images(str(tmp_path))
    assert images.labels is not None and images.labels.tolist() == [0, 1, 1]
    np.testing.assert_allclose(images.batch(slice(0, 3))[:, 0], [0, 0.2, 1])


def test_a_folder_of_images_as_a_data_set(tmp_path: Path) -> None:
    for number in range(7):
        image(tmp_path / "my.images" / "cat" / f"{number}.png", 30 * number)
        image(tmp_path / "my.images" / "ant" / f"{number}.png", 30 * number + 10)
    image(tmp_path / "alone" / "a.png", 0)
    data = load_dataset(str(tmp_path / "my.images"))
    assert (data.name, data.class_names, data.image_shape) == ("my.images", ("ant", "cat"), (2, 3))
    assert (len(data.train), len(data.test)) == (11, 3)
    both = [data.train, data.test]
    values = torch.cat([part.batch(slice(None))[:, 0] * 255 for part in both])
    labels = torch.cat([part.required_labels() for part in both])
    known = {(30 * number + 10 * (1 - label), label) for number in range(7) for label in (0, 1)}
    assert {(round(float(value)), int(label)) for value, label in zip(values, labels, strict=True)} == known
    with pytest.raises(DataError, match=r"alone: there are not even two items; give at least two"):
        load_dataset(str(tmp_path / "alone"))
    with pytest.raises(SettingsError, match=r"no data set named 'alon'.* or of a folder of images\.$"):
        load_dataset("alon")


def test_a_folder_of_images_without_labels(tmp_path: Path) -> None:
    image(tmp_path / "b.png", 255)
    image(tmp_path / "a.png", 0)
    table = load_user_table(str(tmp_path))
    assert table.label() is None
    assert table.cells["0"].tolist() == [0, 1]
    assert load_images(str(tmp_path)).labels is None


def test_folders_that_hold_no_images_of_one_size_are_refused(tmp_path: Path) -> None:
    def refused(sentence: str) -> None:
        with pytest.raises(DataError, match=sentence):
            load_user_table(str(tmp_path))

    refused("has no images; give a folder of images")
    image(tmp_path / "a" / "1.png", 0)
    image(tmp_path / "b" / "2.png", 0, size=(4, 2))
    refused(r"2\.png is of size 2x4, and .*1\.png of 2x3: make all images one size")
    (tmp_path / "b" / "2.png").write_bytes(b"no picture")
    refused(r"2\.png is no image that can be read")
    Image.new("I;16", (3, 2)).save(tmp_path / "b" / "2.png")
    refused(r"2\.png has more than 8 bits a pixel")
    image(tmp_path / "3.png", 0)
    refused(r"has images in it, such as 3\.png, and others in folders, such as .*1\.png")


def test_dark_images_are_warned_of(tmp_path: Path) -> None:
    image(tmp_path / "a.png", 16)
    with pytest.warns(DataWarning, match="no pixel above 16 where 255 is white"):
        load_user_table(str(tmp_path))


def test_the_column_of_labels() -> None:
    cells = {name: np.zeros(2) for name in ("Class", "y", "a")}
    with pytest.raises(DataError, match="several columns may hold the labels, 'Class' and 'y': say which by --label"):
        UserTable(cells).label()
    assert UserTable(cells).label("a") == "a"
    with pytest.raises(DataError, match="no column 'b' of labels"):
        UserTable(cells).label("b")


TABLE = UserTable({"a": np.array([1.5, NAN]), "b": np.array(["x", None], dtype=object)})


def test_tables_are_written(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", TABLE)
    assert (tmp_path / "t.csv").read_bytes() == b"a,b\n1.5,x\n,\n"
    write_table(tmp_path / "t.parquet", TABLE)
    assert lists(load_user_table(str(tmp_path / "t.parquet"))) == {"a": [1.5, None], "b": ["x", None]}
    assert columns_of_text(TABLE) == ["b"]
    with pytest.raises(SettingsError, match=r"the column 'b' holds text, which \.npy files do not"):
        write_table(tmp_path / "t.npy", TABLE)
    images = UserTable({str(number): np.zeros(3) for number in range(6)}, image_shape=(2, 3))
    write_table(tmp_path / "t.npy", images)
    assert np.load(tmp_path / "t.npy").shape == (3, 2, 3)
    with pytest.raises(SettingsError, match=r"as \.csv, \.parquet, \.npy, not t\.txt"):
        write_table(tmp_path / "t.txt", TABLE)
    with pytest.raises(SettingsError, match="is a folder"):
        (tmp_path / "folder.csv").mkdir()
        write_table(tmp_path / "folder.csv", TABLE)


def test_numbers_that_a_csv_holds_as_text_are_written_as_numbers(tmp_path: Path) -> None:
    table = UserTable({"a": np.array(["1.50", None], dtype=object)}, are_text=True)
    write_table(tmp_path / "t.csv", table)
    assert (tmp_path / "t.csv").read_text() == 'a\n1.50\n""\n'
    write_table(tmp_path / "t.npy", table)
    np.testing.assert_array_equal(np.load(tmp_path / "t.npy"), [[1.5], [NAN]])
    write_table(tmp_path / "t.parquet", table)
    assert lists(load_user_table(str(tmp_path / "t.parquet"))) == {"a": [1.5, None]}


def test_images_of_a_parquet_file(tmp_path: Path) -> None:
    table = {"id": np.arange(2), "a": np.array([0.5, 1]), "b": np.array([0.25, 0]), "label": np.array([3, 4])}
    write_table(tmp_path / "t.parquet", UserTable(table))
    assert load_images(str(tmp_path / "t.parquet")).batch(slice(0, 2)).tolist() == [[0.5, 0.25], [1, 0]]
    write_table(tmp_path / "t.parquet", UserTable({**table, "a": np.array(["x", "y"])}))
    with pytest.raises(DataError, match="row 1 of the column 'a' holds 'x', where numbers are wanted"):
        load_images(str(tmp_path / "t.parquet"))


def test_dates_are_refused_by_their_column(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"born": [date(2000, 1, 1)]}), tmp_path / "t.parquet")
    from deepbelief.data import recognise_columns

    with pytest.raises(DataError, match="row 1 of the column 'born' holds '2000-01-01', a date: give numbers or text"):
        recognise_columns(load_user_table(str(tmp_path / "t.parquet")).cells)


def test_a_name_is_the_data_set_and_a_path_the_folder_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder with the name of a data set does not stand in its way, and is reached by its path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    for number in range(5):
        Image.new("L", (3, 2), 50 * number).save(tmp_path / "digits" / f"{number}.png")
    assert (load_dataset("digits").train.width, load_dataset("./digits").train.width) == (64, 6)
    assert (load_images("digits").width, load_images("./digits").width) == (64, 6)
    assert (len(load_user_table("digits").cells), len(load_user_table("./digits").cells)) == (65, 6)
