"""`deepbelief explore`: a page of a study or of a model's file, and what users do wrong."""

import webbrowser
from pathlib import Path

import numpy as np
import pytest
import torch

from deepbelief.checkpoint import save_dbn, save_model
from deepbelief.data import load_dataset
from deepbelief.models import DBN, FeedForward
from deepbelief.sharing import save_pretrained
from deepbelief.study import Study
from deepbelief.study.recipe import parse_recipe
from tests.cli.test_cli import assert_refused, quickly


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny: str) -> Path:
    """A folder with the run `run`, the file `dbn.safetensors` and the file `net.safetensors`."""
    folder = tmp_path_factory.mktemp("explored")
    Study("tiny", parse_recipe(tiny, "tiny.toml"), load_dataset("digits"), folder / "run", seeds=[4]).run()
    save_dbn(folder / "dbn.safetensors", DBN.from_sizes([64, 5], 0), image_shape=[8, 8])
    save_model(folder / "net.safetensors", FeedForward([64, 3], torch.relu, 0))
    return folder


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were given to the browser."""
    found: list[str] = []
    monkeypatch.setattr(webbrowser, "open", found.append)
    return found


def test_a_study_becomes_a_page_that_is_opened(finished: Path, opened: list[str]) -> None:
    done = quickly("explore", "run", "--out", "new/page.html", cwd=finished)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("new/page.html: 0.") and "MB, weights auto" in done.stdout
    page = finished / "new" / "page.html"
    assert opened == [page.as_uri()]
    assert "digits" in page.read_text("utf-8")


def test_a_models_file_a_shared_folder_and_images_of_a_data_set(finished: Path, opened: list[str]) -> None:
    for words in (["dbn.safetensors"], ["dbn.safetensors", "--images", "digits", "--weights", "float16"]):
        done = quickly("explore", *words, "--no-open", cwd=finished)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("explorer.html: ")
    assert '"labels":"a' in (finished / "explorer.html").read_text("utf-8"), "the images have labels"
    save_pretrained(DBN.from_sizes([9, 5], 0), finished / "shared")
    assert quickly("explore", "shared", "--no-open", "--out", "s.html", cwd=finished).returncode == 0
    np.save(finished / "d.npy", load_dataset("digits").train.batch(slice(0, 50)).view(50, 8, 8).numpy())
    assert quickly("train", "d.npy", "--hidden", 4, "--epochs", 1, "--out", "t", cwd=finished).returncode == 0
    assert quickly("explore", "t", "--images", "d.npy", "--no-open", "--out", "t.html", cwd=finished).returncode == 0
    assert opened == []


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["run", "--out", "page.txt"], 2, "a page is a file that ends in .html, not page.txt: give --out"),
        (["run", "--seed", 5], 2, "run has no seed 5: give one of 4."),
        (["run", "--images", "digits"], 2, "a study brings its own images: leave --images out"),
        (["dbn.safetensors", "--seed", 5], 2, "is no finished study, and only one has a --seed: leave it out."),
        (["dbn.safetensors", "--images", "fashion"], 2, "'fashion'"),
        (["nothing"], 1, "nothing does not exist"),
        (["shared", "--seed", 5], 2, "only one has a --seed"),
        (["net.safetensors"], 2, "net.safetensors holds a FeedForward, which a page cannot show"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_one_sentence(
    finished: Path, opened: list[str], words: list[object], code: int, message: str
) -> None:
    before = sorted(finished.rglob("*"))
    assert_refused(quickly("explore", *words, cwd=finished), code, message)
    assert sorted(finished.rglob("*")) == before and opened == []
