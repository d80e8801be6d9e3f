"""A study of images in files: it reads some at a time, tells what it would tell of them in memory, and is resumable."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from deepbelief.checkpoint import load_dbn
from deepbelief.data import Dataset, StoredRows, TensorSource, load_dataset, stored_rows
from deepbelief.errors import DeepBeliefError
from deepbelief.learning import resumption
from deepbelief.learning.rbm import pretraining, training
from deepbelief.likelihood import evaluation
from deepbelief.models import checks
from deepbelief.models.views import encode_source
from deepbelief.study import features
from deepbelief.study.checks import split
from deepbelief.study.recipe import Recipe
from deepbelief.study.records import read_results, read_stage
from deepbelief.study.run import Study
from deepbelief.system.atomic import temporary_name
from tests.data.test_array_folder import write
from tests.study import test_wiring as wiring

MANY, AT_ONCE = 6000, 4096  # images; and how many of them are read together at most
SHORT = [
    ("data.validation = 36", "data.validation = 200"),
    ("epochs = [8, 4], batch_size = 12", "epochs = [2, 1], batch_size = 500"),
    ("images = 40, levels", "images = 500, levels"),
]


def many() -> dict[str, np.ndarray]:
    """Arrays of a data set of grey images."""
    parts = {"train": wiring.images(MANY, 0, 0.4), "test": wiring.images(60, 1, 0.4)}
    found: dict[str, np.ndarray] = {}
    for part, images in parts.items():
        found[f"{part}_images"] = (images.pixels * 255).to(torch.uint8).reshape(-1, 3, 4).numpy()
        found[f"{part}_labels"] = images.required_labels().numpy()
    return found


def in_memory(stored: Dataset) -> Dataset:
    return Dataset(stored.name, stored.train.loaded(), stored.test, stored.image_shape, stored.class_names)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    long = [
        ("epochs = 8, batch_size = 12", "epochs = 2, batch_size = 500"),
        ("epochs = 20, batch_size = 12", "epochs = 2, batch_size = 500"),
    ]
    return wiring.recipe(*SHORT, *long, ("epochs = 1, batch_size = 12", "epochs = 1, batch_size = 500"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(write(tmp_path_factory.mktemp("stored") / "shards", many(), shards=7))


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the images, and the features of a layer, were many windows long."""
    monkeypatch.setattr(stored_rows, "_WINDOW_BYTES", 1000 * 12)
    monkeypatch.setattr(stored_rows, "_PART_BYTES", 1000 * 12)
    monkeypatch.setattr(checks, "_VALUES", 1000 * 12)
    for module in (evaluation, training):  # which looks at so many of any data
        monkeypatch.setattr(module, "BASE_RATE_ITEMS", 1000)
    monkeypatch.setattr(features, "_WINDOW_BYTES", 1000 * 18 * 4)
    monkeypatch.setattr(pretraining, "FEATURE_BYTES", 0)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many rows are read at a time, of images and features."""
    found: list[int] = []
    read = StoredRows._read

    def counted(self: StoredRows, pieces: Sequence[slice]) -> Any:
        found.append(sum(piece.stop - piece.start for piece in pieces))
        assert found[-1] <= AT_ONCE
        return read(self, pieces)

    monkeypatch.setattr(StoredRows, "_read", counted)
    yield found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: Dataset, recipe: Recipe) -> Path:
    """The study, done at one go."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    Study("stored", recipe, data, folder).run()
    return folder


def test_no_stage_reads_all_images_or_features_at_once(
    tmp_path: Path, recipe: Recipe, small_windows: None, reads: list[int]
) -> None:
    shards = load_dataset(write(tmp_path / "shards", many(), shards=7))
    Study("stored", recipe, shards, tmp_path / "run").run()
    assert max(reads) <= AT_ONCE < MANY - 200
    assert sum(reads) > 10 * MANY


def test_the_activity_of_a_layer_is_that_of_all_images(data: Dataset, whole: Path, recipe: Recipe) -> None:
    found, _ = read_stage(whole / "seed-0" / "stages", "features")
    dbn = load_dbn(whole / "seed-0" / "models" / "dbn.safetensors")
    training = data.split(recipe.data.validation, 0)[0]
    means = encode_source(dbn, training, 1)
    assert len(means) > 2000  # more than are looked at together
    assert found.metrics["mean_activation/layer_1"] == pytest.approx(float(means.double().mean()), rel=1e-6)


def test_what_is_not_shuffled_is_as_in_memory(tmp_path: Path, data: Dataset, whole: Path, recipe: Recipe) -> None:
    other = tmp_path / "run"
    Study("stored", recipe, in_memory(data), other).run()
    (here, arrays), (there, others) = (read_stage(one / "seed-0" / "stages", "data") for one in (whole, other))
    assert here.facts.keys() == there.facts.keys()
    for name, fact in here.facts.items():
        assert fact == (pytest.approx(there.facts[name], rel=1e-12) if isinstance(fact, float) else there.facts[name])
    assert arrays.keys() == others.keys()
    for name, values in arrays.items():
        np.testing.assert_allclose(values, others[name], rtol=1e-6)
    found, expected = (read_results(one) for one in (whole, other))
    assert found.stages == expected.stages and found.contestants == expected.contestants
    for name in found.contestants:  # up to the shuffle
        measured, told = (one.metrics[f"accuracy/{name}"].mean for one in (found, expected))
        assert measured == pytest.approx(told, abs=0.1), name


def test_features_go_to_the_disk_and_are_removed(tmp_path: Path, data: Dataset, whole: Path, recipe: Recipe) -> None:
    assert not [path for path in whole.rglob(".*") if path.is_dir()]
    stored, loaded = (wiring.context(whole / "seed-0", one, recipe) for one in (data, in_memory(data)))
    assert torch.equal(stored.held_out.pixels, loaded.held_out.pixels)
    kept, _ = split(recipe, data, 0)
    assert [isinstance(layer, StoredRows) for layer in stored.features] == [True, True]
    assert all(isinstance(layer, TensorSource) for layer in stored.held_out_features)
    rows = torch.tensor([0, 777, 5799, 2])
    for layer, units in enumerate([10, 8], start=1):
        found = stored.features[layer - 1]
        assert (len(found), found.width) == (MANY - 200, units)
        torch.testing.assert_close(found.batch(rows), stored.dbn.encode(kept.batch(rows), layer))
    folder = whole / "seed-0" / temporary_name("features")
    assert folder.is_dir()
    del stored, found
    assert not folder.exists()


def test_an_interrupted_study_ends_bit_for_bit_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Dataset, whole: Path, recipe: Recipe
) -> None:
    """Stopped after each of the first epochs of everything that trains."""
    save, seen = resumption.save_state, set[str]()

    def stop_once(path: Path, *state: Any, **more: Any) -> None:
        save(path, *state, **more)
        if path.stem not in seen:
            seen.add(path.stem)
            raise KeyboardInterrupt

    monkeypatch.setattr(resumption, "save_state", stop_once)
    monkeypatch.setattr(resumption, "_SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    stops = 0
    while True:
        try:
            Study("stored", recipe, data, tmp_path / "run").run()
            break
        except KeyboardInterrupt:
            stops += 1
    assert stops == len(seen) > 5
    models = sorted(path.name for path in (whole / "seed-0" / "models").glob("*.safetensors"))
    assert len(models) > 8
    for name in models:
        one, other = (load_file(run / "seed-0" / "models" / name) for run in (whole, tmp_path / "run"))
        assert all(np.array_equal(one[key], other[key]) for key in one), name


def test_too_little_room_for_features_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Dataset, recipe: Recipe
) -> None:
    usage = shutil._ntuple_diskusage(10, 9, 1)  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DeepBeliefError, match=r"features of the training images take 1 GiB, and .*seed-0 has 0.0 left"):
        Study("stored", recipe, data, tmp_path / "run").run()
