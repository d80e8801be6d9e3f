"""The commands on images without labels, as a user types them."""

from pathlib import Path

import numpy as np
import pytest

from deepbelief.data import load_dataset
from deepbelief.report import style
from tests.cli.test_cli import assert_refused, quickly


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where images without labels are, as arrays and as a table, and a recipe for the former."""
    folder, digits = tmp_path_factory.mktemp("unlabelled"), load_dataset("digits")
    train, test = (part.batch(slice(0, 60)).reshape(60, 8, 8).numpy() for part in (digits.train, digits.test))
    np.savez(folder / "mine.npz", train_images=train, test_images=test)
    np.save(folder / "mine.npy", train)
    (folder / "mine.csv").write_text("a,b\n" + 10 * "0.5,1\n0,0.25\n")
    text = quickly("recipe", "smoke", cwd=folder).stdout
    changes = {
        "fashion-mnist": "mine.npz",
        "validation = 1000": "validation = 20",
        'precision = "auto"': 'precision = "fp32"',
        "hidden = [200, 150, 200]": "hidden = [8, 6]",
        "images = 100\n": "images = 10\n",
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "my.toml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> str:
    """What the study says on the terminal."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "DPI", 20)
        done = quickly("study", "my.toml", "--out", "run", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_study_says_first_what_it_leaves_out_and_then_runs_the_rest(folder: Path, told: str) -> None:
    sentence, *lines = told.splitlines()
    assert sentence.startswith(
        "As mine has no labels, there are no classifiers, and these stages are left out: readouts,"
    )
    assert sentence in (folder / "run" / "report.html").read_text("utf-8")
    assert "1/9 data" in lines[0] and "9/9 generation" in told
    assert "Accuracy" not in told and "The report: run" in lines[-1]


def test_what_needs_classifiers_is_refused_in_one_sentence(folder: Path, told: str) -> None:
    refused = quickly("robustness", "run", "--plan", "smoke", cwd=folder)
    assert_refused(refused, 2, "the study in run has no classifiers to evaluate, as its data have no labels")
    refused = quickly("classify", "run", "mine.npz", "--out", "classes.csv", cwd=folder)
    assert_refused(refused, 2, "run is a study of data without labels and has no classifier")
    dbn = "run/seed-0/models/dbn.safetensors"
    refused = quickly("sample", dbn, "--labels", "all", "--out", "classes.png", cwd=folder)
    assert_refused(refused, 1, "holds no DBN with labels: give a file such as")
    assert "which a study of labelled images saves" in refused.stderr


def test_what_needs_none_works(folder: Path, told: str) -> None:
    dbn = "run/seed-0/models/dbn.safetensors"
    for words, said in (
        (("report", "run"), "run/report.html"),
        (("encode", dbn, "mine.npy", "--out", "features.npz"), "features.npz: 60 images, 6 features"),
        (
            ("encode", dbn, "mine.npz", "--part", "train", "--out", "features.npy"),
            "features.npy: 60 images, 6 features",
        ),
        (("sample", dbn, "--inpaint", "mine.npz", "--steps", 2, "--number", 2, "--out", "two.png"), "two.png"),
        (("data", "mine.npz"), "mine: 60 training and 60 test images, 8x8, no labels"),
        (("data", "mine.npy"), "mine: 48 training and 12 test images, 8x8, no labels"),
        (("data", "mine.csv"), "mine: 16 training and 4 test images, 2, no labels"),
    ):
        done = quickly(*words, cwd=folder)
        assert (done.returncode, done.stdout.strip()) == (0, said), done.stderr
