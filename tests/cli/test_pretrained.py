"""Commands with a model that comes with the package, named in the place of a path."""

import csv
import webbrowser
from pathlib import Path

import numpy as np
import pytest
import torch

from deepbelief import load_pretrained
from deepbelief.pretrained import NAMES
from tests.cli.test_cli import assert_refused, quickly
from tests.explorer.browser import Visit, browser, expect


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file `images.npy`, ten images of MNIST."""
    folder = tmp_path_factory.mktemp("digits")
    np.save(folder / "images.npy", load_pretrained("mnist").images.pixels[:10].numpy().reshape(10, 28, 28))
    return folder


def test_encode_and_classify(images: Path) -> None:
    model = load_pretrained("mnist")
    rows = model.images.batch(slice(0, 10))
    done = quickly("encode", "pretrained:mnist", "images.npy", "--layer", 1, "--out", "features.npy", cwd=images)
    assert done.returncode == 0, done.stderr
    assert torch.equal(torch.from_numpy(np.load(images / "features.npy")), model.dbn.encode(rows, 1))
    for words in ((), ("--classifier", "labelled")):
        done = quickly("classify", "pretrained:mnist", "images.npy", *words, "--out", "classes.csv", cwd=images)
        assert done.returncode == 0, done.stderr
        with (images / "classes.csv").open() as file:
            found = [line["class"] for line in csv.DictReader(file)]
        expected = model.classifier(words[1] if words else None)(rows).argmax(dim=1)
        assert found == [str(int(label)) for label in expected]


def test_sample_likelihood_and_export(images: Path) -> None:
    for words in (
        ("sample", "pretrained:mnist", "--number", 4, "--steps", 5, "--out", "made.png"),
        ("sample", "pretrained:mnist", "--labels", "3", "--number", 2, "--steps", 5, "--out", "threes.png"),
        ("likelihood", "pretrained:mnist", "images.npy", "--images", 4, "--temperatures", 10, "--chains", 5),
        ("export", "pretrained:mnist", "--classifier", "readout_1", "--out", "readout.onnx"),
    ):
        done = quickly(*words, cwd=images)
        assert done.returncode == 0, done.stderr
    assert {"made.png", "threes.png", "readout.onnx"} <= {path.name for path in images.iterdir()}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("encode", "pretrained:minst", "images.npy", "--out", "f.npy"), "there is no pretrained model 'minst': give"),
        (("explore", "--pretrained", "minst"), f"no pretrained model 'minst': give one of {', '.join(NAMES)}."),
        (("explore",), "there is nothing to show: give a MODEL, or --pretrained fashion-mnist."),
        (("explore", "run", "--pretrained", "mnist"), "run and --pretrained mnist are two models: give one of them."),
        (("explore", "--pretrained", "mnist", "--seed", 1), "leave --seed and --images out."),
        (("classify", "pretrained:mnist", "images.npy", "--out", "c.csv", "--classifier", "a"), "no classifier 'a'"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_one_sentence(images: Path, words: tuple[object, ...], message: str) -> None:
    before = sorted(images.iterdir())
    assert_refused(quickly(*words, cwd=images), 2, message)
    assert sorted(images.iterdir()) == before


def test_the_page_of_a_pretrained_model_needs_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepbelief.data.load_dataset", None)
    monkeypatch.setattr(webbrowser, "open", None)
    done = quickly("explore", "--pretrained", "fashion-mnist", "--no-open", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with browser() as opened, Visit(opened) as visit:
        page = visit.opened(tmp_path / "explorer.html")
        expect(page.locator("#image-title")).to_have_text("Test image 1 of 100: T-shirt/top")
        told = page.locator(".answers thead th").all_inner_texts()
        assert told == ["read-out 1", "read-out 2", "RBM with labels"]
