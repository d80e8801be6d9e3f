"""Tables of numbers: the .csv files that data frames are written to, and what is no such file."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepbelief.data import load_dataset, load_images
from deepbelief.data.table import read_table
from deepbelief.errors import DataError, DataWarning


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(finite, finite, st.text("aé ,\"'\n", min_size=1)), min_size=1), st.booleans(), st.data())
def test_what_a_data_frame_writes_comes_back(tmp_path_factory, rows, index, data):
    """As pandas' to_csv writes it: with or without the index, the column of labels anywhere."""
    rows = [(a, b, f"x{label}x") for a, b, label in rows]
    order = data.draw(st.permutations([0, 1, 2]))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*([""] if index else []), *(("left", "right", "label")[column] for column in order)])
    for number, row in enumerate(rows):
        writer.writerow([*([number] if index else []), *(row[column] for column in order)])
    path = written(tmp_path_factory.mktemp("table") / "mine.csv", out.getvalue())
    table = read_table(path)
    values = np.array([[row[column] for column in order if column < 2] for row in rows], np.float32)
    assert table.values.dtype == np.float32 and np.array_equal(table.values, values)
    assert table.labels is not None and table.labels["the column 'label'"].tolist() == [label for *_, label in rows]


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n3,4\n",
        "\ufeffa,b\r\n1,2\r\n3,4\r\n",
        '"a","b"\n"1","2"\n\n3, 4\n\n',
        ",a,b\n0,1,2\n1,3,4\n",
        ",Unnamed: 0,a,b\n0,0,1,2\n1,1,3,4\n",
        '"",a,b\nfirst,1,2\nsecond,3,4',
        "Index,a,b\n7,1,2\n9,3,4\n",
        "id,0,1\nx,1,2\ny,3,4\n",
        "0,1\n1,2\n3,4\n",  # the columns of a data frame without names
        ",0,1\n0,1,2\n1,3,4\n",
        "1,target,2\n1,cat,2\n3,ant,4\n",
        "Class,a,b\n5,1,2\n5,3,4\n",
    ],
)
def test_the_numbers_of_a_table(tmp_path, text):
    table = read_table(written(tmp_path / "mine.csv", text))
    assert table.values.dtype == np.uint8 and table.values.tolist() == [[1, 2], [3, 4]]
    real = read_table(tmp_path / "mine.csv", real=True)
    assert real.values.dtype == np.float32 and real.values.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no column of values"),
        ("a,b\n", "no rows"),
        ("label\n1\n", "no column of values"),
        (",label\n1,2\n", "no column of values"),
        ("5,0,0\n4,1,1\n", "begins with numbers; put names above them"),
        ("a,y,label\n1,2,3\n", "several columns that may hold the labels, 'y' and 'label'"),
        ("a,b\n1,2\n\n3\n", r"row 2 \(line 4\) has 1 cells where there are 2 columns, the last of them 'b'"),
        ("a,b\n1,2\n3,4,5\n", r"row 2 \(line 3\) has 3 cells where there are 2"),
        ("a,b\n1,2\n3,\n", r"row 2 \(line 3\) has an empty cell in the column 'b'"),
        ("a,label\n1,2\n3, \n", r"row 2 \(line 3\) has an empty cell in the column 'label'"),
        (",a,b\n0,1,2\n1,3,red\n", r"row 2 \(line 3\) has 'red' in the column 'b', which is no finite number"),
        ("label,a,b\n0,nan,2\n", r"row 1 \(line 2\) has 'nan' in the column 'a'"),
        ("a,label,b\n1,0,1e300\n", r"row 1 \(line 2\) has '1e300' in the column 'b'"),
        ("a,b\n1,-inf\n", r"row 1 \(line 2\) has '-inf' in the column 'b'"),
        ("a;b\n1;2\n", r"row 1 \(line 2\) has '1;2' in the column 'a;b'"),
        ("a,b\n1,True\n", r"has 'True' in the column 'b'"),
        (f"a,label\n1,{'x' * 2000}\n", "a label of more than 1000 characters"),
        ('a,b\n1,"2"3\n', "no table of text"),
        (f"a,b\n1,{'2' * 200_000}\n", "no table of text"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(tmp_path, text, fault):
    path = written(tmp_path / "mine.csv", text)
    with pytest.raises(DataError, match=fault) as error:
        read_table(path)
    message = str(error.value)
    assert message.startswith(str(path)) and message.endswith(".") and "\n" not in message and "; " in message


def test_files_that_are_no_text(tmp_path):
    path = tmp_path / "mine.csv"
    with pytest.raises(DataError, match="does not exist"):
        read_table(path)
    path.write_bytes(b"a,b\n1,\xff\n")
    with pytest.raises(DataError, match="no table of text"):
        read_table(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        read_table(path)


@given(st.text(',;"\n0123456789.e-aé \0', max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    path = written(tmp_path_factory.mktemp("table") / "mine.csv", "a,label\n" + text)
    try:
        assert len(load_images(str(path), real=True)) > 0
    except DataError as error:
        assert "\n" not in str(error)


def test_images_of_a_table(tmp_path):
    path = str(written(tmp_path / "mine.csv", "label,0,1\n3,0,255\n1,51,102\n"))
    for part in ("train", "test"):  # all of it, as of a .npy file
        images = load_images(path, part=part)
        assert torch.equal(images.batch(slice(None)), torch.tensor([[0, 1], [0.2, 0.4]]))
        assert images.required_labels().tolist() == [3, 1]
    images = load_images(str(written(tmp_path / "plain.csv", "0,1\n0.0,1.0\n")))
    assert images.labels is None and images.batch(slice(None)).tolist() == [[0.0, 1.0]]
    assert load_images(path, real=True).batch(slice(None)).tolist() == [[0, 255], [51, 102]]
    for row, bounds in (("-1.5,2", "-1.5 to 2"), ("256,1", "1 to 256")):
        with pytest.raises(DataError, match=f"mine.csv: the table ranges from {bounds}; .*real=True"):
            load_images(str(written(tmp_path / "mine.csv", f"a,b\n{row}\n")))


def test_a_table_of_zeros_and_ones_is_told_of(tmp_path):
    with pytest.warns(DataWarning, match="no pixel above 1 where 255 is white"):
        load_images(str(written(tmp_path / "mine.csv", "a,b\n0,1\n1,1\n")))


def table_of(labels: list[str]) -> str:
    return "a,species\n" + "".join(f"{number}.5,{label}\n" for number, label in enumerate(labels))


def test_a_study_of_a_table(tmp_path):
    labels = 25 * ["bee"] + 15 * ["ant"] + 3 * ["cat"]
    path = written(tmp_path / "mine.csv", table_of(labels).replace("species", "class"))
    dataset = load_dataset(str(path), real=True)
    assert (dataset.name, dataset.image_shape, dataset.class_names) == ("mine", (1,), ("ant", "bee", "cat"))
    assert dataset.train.required_labels().bincount().tolist() == [12, 20, 2]
    assert dataset.test.required_labels().bincount().tolist() == [3, 5, 1]
    for images in (dataset.train, dataset.test):
        rows = (images.batch(slice(None)) - 0.5).int().flatten().tolist()
        assert [labels[row] for row in rows] == [dataset.class_names[label] for label in images.required_labels()]
    assert sorted(torch.cat([dataset.train.pixels, dataset.test.pixels]).flatten().tolist()) == [
        n + 0.5 for n in range(43)
    ]
    assert load_dataset(str(path), real=True).fingerprint == dataset.fingerprint


@given(st.lists(st.integers(2, 6), min_size=1, max_size=5))
def test_every_class_with_two_rows_can_be_set_aside(tmp_path_factory, counts):
    labels = [str(label) for label, count in enumerate(counts) for _ in range(count)]
    path = written(tmp_path_factory.mktemp("table") / "mine.csv", table_of(labels).replace("species", "y"))
    dataset = load_dataset(str(path), real=True)
    assert len(dataset.train) + len(dataset.test) == len(labels)
    assert len(dataset.test) == max(-(-len(labels) // 5), len(counts))
    assert (dataset.train.required_labels().bincount(minlength=len(counts)) > 0).all()


def test_a_study_of_a_table_without_labels(tmp_path):
    path = written(tmp_path / "mine.csv", "a,b\n" + "".join(f"0.{number:02},1.0\n" for number in range(42)))
    dataset = load_dataset(str(path))
    assert (dataset.name, dataset.image_shape, dataset.class_names, dataset.labelled) == ("mine", (2,), (), False)
    assert (len(dataset.train), len(dataset.test)) == (33, 9)
    rows = (100 * torch.cat([dataset.train.pixels, dataset.test.pixels])[:, 0]).round().int()
    assert rows.sort().values.tolist() == list(range(42))
    assert load_dataset(str(path)).fingerprint == dataset.fingerprint


def test_tables_that_no_study_can_use(tmp_path):
    path = written(tmp_path / "mine.csv", table_of(["bee", "bee"]))
    with pytest.raises(DataError, match="'bee' in the column 'species', which is no finite number"):
        load_dataset(str(path))
    with pytest.raises(DataError, match=r"mine.csv: there are not even two items; give at least two"):
        load_dataset(str(written(path, "a,b\n0.5,1.0\n")))
    with pytest.raises(DataError, match=r"mine.csv: the class 'cat' has a single row; give at least two"):
        load_dataset(str(written(path, table_of(["bee", "bee", "cat"]).replace("species", "label"))), real=True)
