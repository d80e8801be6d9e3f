"""One's own tables on the command line: from training to features, classes, filled-in cells, new rows, likelihood."""

from pathlib import Path

import numpy as np
import pandas
import pytest
from PIL import Image

from tests.cli.test_cli import assert_refused, quickly

QUICK = ("--hidden", "12,8", "--epochs", 20, "--batch-size", 10, "--device", "cpu")


def frame(rows: int = 100) -> pandas.DataFrame:
    """Text, numbers and missing cells; what all columns say of the two classes agrees."""
    random = np.random.default_rng(0)
    kind = random.integers(2, size=rows)
    found = pandas.DataFrame({"name": [f"n{number}" for number in range(rows)]})
    found["size"] = (5000.0 + 900 * kind + 100 * random.normal(size=rows)).round(1)
    found["colour"] = np.where(kind == 1, "red", "blue")
    found["tail"] = kind
    for column in ("size", "colour", "tail"):
        found[column] = found[column].mask(random.random(rows) < 0.1)
    found["class"] = np.where(kind == 1, "fox", "jay")
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the table in two formats, and the folder `m` of a model of it."""
    folder = tmp_path_factory.mktemp("tables")
    frame().to_csv(folder / "t.csv", index=False)
    frame().to_parquet(folder / "t.parquet")
    done = quickly("train", "t.csv", "--without", "name", "--out", "m", *QUICK, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    recognised, result = done.stdout.splitlines()
    assert recognised.startswith("t.csv: 1 binary column, 1 real column, 1 category, ")
    assert recognised.endswith(" % missing; 100 rows; 2 classes in 'class'")
    assert result.startswith("m: a DBN of 4-12-8 units, reconstruction error 0.")
    assert "accuracy 1.000 on 10 rows held out" in result
    return folder


@pytest.mark.parametrize("data", ["t.csv", "t.parquet"])
@pytest.mark.parametrize("ending", ["csv", "parquet", "npy"])
def test_features_classes_and_filled_in_cells(trained: Path, data: str, ending: str) -> None:
    missing = int(frame().isna().sum().sum())
    for words, told in (
        (("encode", "m", data, "--layer", 1), "100 rows, 12 features"),
        (("classify", "m", data), "100 rows, 2 classes, accuracy 1.000 on 100 with a label"),
        (("impute", "m", data, "--steps", 10), f"100 rows, {missing} missing cells filled in"),
    ):
        out = f"{words[0]}.{ending}"
        done = quickly(*words, "--out", out, cwd=trained)
        if (words[0], ending) == ("impute", "npy"):
            assert_refused(done, 2, "the column 'colour' holds text, which .npy files do not: write a .csv or .parquet")
            continue
        assert (done.returncode, done.stderr) == (0, "")
        recognised, result = done.stdout.splitlines()
        assert recognised.startswith(f"{data}: 1 binary column, 1 real column, 1 category, ")
        assert result == f"{out}: {told}"


def test_what_is_written(trained: Path) -> None:
    for command in ("encode", "classify", "impute"):
        for ending in ("csv", "parquet"):
            done = quickly(command, "m", "t.csv", "--out", f"w-{command}.{ending}", cwd=trained)
            assert done.returncode == 0, done.stderr
        assert quickly(command, "m", "t.csv", "--out", f"w-{command}.npz", cwd=trained).returncode == (
            0 if command == "encode" else 2
        )
    with np.load(trained / "w-encode.npz") as both:
        assert (both["labels"] == frame()["class"]).all() and both["features"].shape == (100, 8)
    for read, ending in ((pandas.read_csv, "csv"), (pandas.read_parquet, "parquet")):
        features, classes, full = (
            read(trained / f"w-{command}.{ending}") for command in ("encode", "classify", "impute")
        )
        assert list(features) == [*(f"unit {number}" for number in range(1, 9)), "class"]
        assert list(classes) == ["class", "probability of fox", "probability of jay"]
        assert (classes["class"] == frame()["class"]).all() and (features["class"] == frame()["class"]).all()
        np.testing.assert_allclose(classes["probability of fox"] + classes["probability of jay"], 1, rtol=1e-5)
        assert list(full) == list(frame()) and not full.isna().any().any()
        known = frame().notna()
        for name in frame():
            assert (full[name][known[name]] == frame()[name][known[name]]).all()


def test_rows_are_made_up(trained: Path) -> None:
    for ending in ("csv", "parquet"):
        words = ("sample", "m", "--number", 30, "--steps", 50, "--out", f"s.{ending}")
        done = quickly(*words, cwd=trained)
        assert (done.returncode, done.stderr, done.stdout) == (0, "", f"s.{ending}: 30 rows\n")
    rows, same = pandas.read_csv(trained / "s.csv"), pandas.read_parquet(trained / "s.parquet")
    assert list(rows) == ["size", "colour", "tail"] and len(rows) == 30
    assert {*rows["colour"]} == {"red", "blue"}
    assert (rows["colour"] == same["colour"]).all()
    refused = quickly("sample", "m", "--out", "s.npy", cwd=trained)
    assert_refused(refused, 2, "the column 'colour' holds text")
    refused = quickly("sample", "m", "--from", "t.csv", "--out", "s.csv", cwd=trained)
    assert_refused(refused, 2, "s.csv is to hold rows that are made up: give --out a .png to draw images")


def test_likelihood_of_rows_with_missing_cells(trained: Path) -> None:
    words = ("--images", 10, "--temperatures", 20, "--chains", 5)
    done = quickly("likelihood", "m", "t.csv", *words, cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "m on 10 test items of t.csv" in done.stdout
    assert "log Z of layer 1, 4-12, by AIS" in done.stdout


def test_the_dbn_alone_does_all_but_classify(trained: Path) -> None:
    done = quickly("encode", "m/dbn.safetensors", "t.csv", "--out", "alone.npy", cwd=trained)
    assert done.returncode == 0, done.stderr
    assert np.load(trained / "alone.npy").shape == (100, 8)
    refused = quickly("classify", "m/dbn.safetensors", "t.csv", "--out", "c.csv", cwd=trained)
    assert_refused(refused, 2, "this model was trained without labels")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("train", "t.csv", "--out", "m"), 2, "m is there and not empty: give another folder with --out"),
        (("train", "t.csv", "--out", "new"), 1, "t.csv: the column 'name' holds 100 different texts in 100 rows"),
        (("train", "t.csv", "--out", "new", "--without", "nam"), 2, "there is no column 'nam': give one of 'name'"),
        (("train", "t.csv", "--out", "new", "--label", "kind"), 1, "t.csv: there is no column 'kind' of labels"),
        (
            ("train", "t.csv", "--out", "new", "--column", "size"),
            2,
            "'size' is no column with its kind: give them as in",
        ),
        (("train", "t.csv", "--out", "new", "--column", "size=large"), 2, "'large' is no kind of column for 'size'"),
        (("train", "t.csv", "--out", "new", "--hidden", "many"), 2, "'many' are no sizes of layers"),
        (("train", "t.csv", "--out", "new", "--without", "name", "--hidden", "0"), 2, "at least 1 unit, not 0"),
        (("train", "t.csv", "--out", "new", "--held-out", 1.5), 2, "held_out = 1.5 is impossible"),
        (("train", "nothing.csv", "--out", "new"), 1, "nothing.csv does not exist"),
        (("train", "nothing", "--out", "new"), 2, "no data set named 'nothing'"),
        (
            ("encode", "m", "bad.csv", "--out", "f.npy"),
            1,
            "bad.csv: row 2 of the column 'colour' holds 'pink', which is",
        ),
        (("classify", "m", "few.csv", "--out", "f.csv"), 1, "few.csv: there is no column 'size'"),
        (("classify", "m", "t.csv", "--out", "f.txt"), 2, "as .csv, .parquet, .npy, not f.txt"),
        (("classify", "m", "t.csv", "--out", "f.csv", "--classifier", "finetuned"), 2, "leave --classifier out"),
        (("impute", "m", "infinite.csv", "--out", "f.csv"), 1, "infinite.csv: row 1 of the column 'size' holds inf"),
        (("impute", "nowhere", "t.csv", "--out", "f.csv"), 1, "nowhere does not exist"),
        (("sample", ".", "--out", "f.csv"), 1, "dbn.safetensors does not exist"),
    ],
)
def test_mistakes_are_one_sentence(trained: Path, words: tuple[object, ...], code: int, sentence: str) -> None:
    (trained / "bad.csv").write_text("size,colour,tail\n5000,red,1\n6000,pink,0\n")
    (trained / "few.csv").write_text("colour,tail\nred,1\n")
    (trained / "infinite.csv").write_text("size,colour,tail\ninf,red,1\n")
    assert_refused(quickly(*words, cwd=trained), code, sentence)
    assert not (trained / "new").exists()


def test_images_of_a_folder_with_labels(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 155)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(20):
            pixels = random.integers(low, low + 100, size=(4, 5), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number}.png")
    done = quickly("train", "images", "--out", "m", *QUICK, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("images: images of 4x5: 20 binary columns; 40 rows; 2 classes in 'label'\n")
    for words, told in (
        (("classify", "m", "images", "--out", "c.csv"), "c.csv: 40 rows, 2 classes, accuracy 1.000 on 40 with a label"),
        (("sample", "m", "--number", 3, "--steps", 5, "--out", "s.npy"), "s.npy: 3 rows"),
        (("sample", "m", "--number", 3, "--steps", 5, "--out", "s.png"), "s.png"),
        (("sample", "m", "--inpaint", "images", "--number", 3, "--steps", 5, "--out", "i.png"), "i.png"),
    ):
        done = quickly(*words, cwd=tmp_path)
        assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (0, "", told)
    assert np.load(tmp_path / "s.npy").shape == (3, 4, 5)
    names = [path.relative_to(tmp_path / "images").as_posix() for path in sorted(tmp_path.rglob("*/*/*.png"))]
    assert pandas.read_csv(tmp_path / "c.csv")["file"].tolist() == names and names[0] == "dark/0.png"
    for model, label in (("m", "dark"), ("m/dbn.safetensors", "dark")):
        assert quickly("encode", model, "images", "--out", "e.csv", cwd=tmp_path).returncode == 0
        encoded = pandas.read_csv(tmp_path / "e.csv")
        assert encoded["file"].tolist() == names and encoded["label"][0] == label
    done = quickly("train", "e.csv", "--out", "again", *QUICK, cwd=tmp_path)  # what names the rows is not learnt from
    assert "8 real columns" in done.stdout or "8 binary columns" in done.stdout, done.stdout
    images = np.full((2, 4, 5), 0.9)
    images[0, :2] = np.nan
    np.save(tmp_path / "holes.npy", images)
    done = quickly("impute", "m", "holes.npy", "--out", "full.npy", "--steps", 20, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "full.npy: 2 rows, 10 missing cells filled in"
    full = np.load(tmp_path / "full.npy")
    assert full.shape == (2, 4, 5) and np.array_equal(full[0, 2:], images[0, 2:]) and not np.isnan(full).any()


def test_data_without_labels_train_no_classifier(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(30, 3)))
    done = quickly("train", "a.npy", "--out", "m", "--hidden", "4", "--epochs", 1, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("a.npy: 3 real columns; 30 rows\nm: a DBN of 3-4 units")
    assert not (tmp_path / "m" / "classifier.safetensors").exists()
    assert_refused(quickly("classify", "m", "a.npy", "--out", "c.csv", cwd=tmp_path), 2, "was trained without labels")


def test_columns_that_never_change_are_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1.5,x\n2.5,x\n3.5,x\n")
    done = quickly("train", "t.csv", "--out", "m", "--hidden", "4", "--epochs", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Beware: the column 'b' holds the same in every row" in done.stdout
