"""A study of a folder of arrays, as a user types it, and what is said where the folder is not as it should be."""

import json
from pathlib import Path

import numpy as np
import pytest

from deepbelief.data import load_dataset
from deepbelief.report import style
from tests.cli.test_cli import assert_refused, quickly
from tests.conftest import TINY


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the folder `big` is, and a recipe that names another data set."""
    folder, digits = tmp_path_factory.mktemp("arrays"), load_dataset("digits")
    for part, images in (("train", digits.train), ("test", digits.test)):
        (folder / "big" / f"{part}_images").mkdir(parents=True)
        pixels = (images.batch(slice(0, 200)) * 255).byte().reshape(-1, 8, 8).numpy()
        for number, some in enumerate(np.array_split(pixels, 2)):
            np.save(folder / "big" / f"{part}_images" / f"{number}.npy", some)
        np.save(folder / "big" / f"{part}_labels.npy", images.required_labels()[:200].numpy())
    (folder / "tiny.toml").write_text(TINY.replace("validation = 200", "validation = 50"))
    return folder


def test_a_study_runs_to_its_pages(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "DPI", 20)
        done = quickly("study", "tiny.toml", "--data", "big", "--out", "run", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "150 training and 200 test images" in done.stdout
    results = json.loads((folder / "run" / "results.json").read_text("utf-8"))
    assert results["settings"]["data"]["name"] == "big" and results["data"]["name"] == "big"
    assert {"report.html", "explorer.html"} <= {path.name for path in (folder / "run").iterdir()}
    assert "big: 200 training and 200 test images, 8x8" in quickly("data", "big", cwd=folder).stdout
    encoded = quickly("encode", "run/seed-0/models/dbn.safetensors", "big", "--out", "features.npy", cwd=folder)
    assert (encoded.returncode, len(np.load(folder / "features.npy"))) == (0, 200)


def test_a_folder_that_is_not_whole_is_refused_before_anything_is_written(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "big" / "train_images").mkdir(parents=True)
    (tmp_path / "tiny.toml").write_text(TINY)
    np.save(tmp_path / "big" / "train_images" / "0.npy", np.zeros((4, 8, 8), np.uint8))
    refused = quickly("study", "tiny.toml", "--data", "big", "--out", "run", cwd=tmp_path)
    assert_refused(refused, 1, "big has no test_images (nor x_test): put the test images there as test_images.npy")
    (tmp_path / "big" / "train_images" / "0.npy").write_bytes(b"no array")
    np.save(tmp_path / "big" / "test_images.npy", np.zeros((4, 8, 8), np.uint8))
    refused = quickly("study", "tiny.toml", "--data", "big", "--out", "run", cwd=tmp_path)
    assert_refused(refused, 1, "0.npy is damaged or no .npy file; write it anew with numpy.save.")
    assert not (tmp_path / "run").exists()
