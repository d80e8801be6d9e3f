"""A folder of arrays is the data set that the same arrays in memory are; and folders that are bad are refused."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pytest
import torch
from pyarrow import parquet

from deepbelief import Random
from deepbelief.data import Dataset, load_dataset, load_images
from deepbelief.data.array_folder import is_array_folder
from deepbelief.data.order import order_of
from deepbelief.data.stored_images import StoredImages
from deepbelief.errors import DataError, DataWarning, SettingsError

NUMBERS = np.random.default_rng(0)
LABELS = np.array(["ant", "bee", "cat"])[np.arange(30) % 3]
PIXELS = NUMBERS.integers(0, 256, (30, 4, 3), np.uint8)
ARRAYS = {"train_images": PIXELS, "train_labels": LABELS, "test_images": PIXELS[:9], "test_labels": LABELS[:9]}


def write(folder: Path, arrays: dict[str, np.ndarray], shards: int = 3) -> Path:
    """Each array as a folder of files, or with 0 shards as a file."""
    folder.mkdir()
    for name, array in arrays.items():
        if not shards:
            np.save(folder / f"{name}.npy", array)
            continue
        (folder / name).mkdir()
        for number, part in enumerate(np.array_split(array, shards)):
            np.save(folder / name / f"part-{number}.npy", part)
    return folder


def in_memory(folder: Path, arrays: dict[str, np.ndarray], real: bool = False) -> Dataset:
    np.savez(folder / "mine.npz", **arrays)
    return load_dataset(folder / "mine.npz", real=real)


KINDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "uint8": lambda pixels: pixels,
    "uint16": lambda pixels: pixels.astype(np.uint16) * 257,
    "bool": lambda pixels: pixels > 100,
    "float32": lambda pixels: (pixels / 255).astype(np.float32),
    "float64": lambda pixels: pixels / 255,
    "vectors": lambda pixels: pixels.reshape(len(pixels), -1),
    "channel": lambda pixels: pixels[..., None],
}


@pytest.mark.parametrize("shards", [0, 1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_same_data_set_as_in_memory(tmp_path: Path, kind: str, shards: int) -> None:
    arrays = {name: KINDS[kind](array) if "images" in name else array for name, array in ARRAYS.items()}
    stored, loaded = load_dataset(write(tmp_path / "d", arrays, shards)), in_memory(tmp_path, arrays)
    assert isinstance(stored.train, StoredImages) and stored.name == "d"
    assert (stored.class_names, stored.image_shape) == (loaded.class_names, loaded.image_shape)
    assert stored.fingerprint == loaded.fingerprint
    rows = torch.tensor([29, 3, 3, 0])
    for part, other in ((stored.train, loaded.train), (stored.test, loaded.test)):
        assert torch.equal(part.batch(slice(0, 9)), other.batch(slice(0, 9)))
        assert torch.equal(part.batch(rows % 9), other.batch(rows % 9))
        assert torch.equal(part.required_labels(), other.required_labels())
        assert (part.maximum, part.real, part.range) == (other.maximum, other.real, other.range)
    assert torch.equal(load_images(tmp_path / "d", part="train").pixels, loaded.train.loaded().pixels)


def test_real_values_keep_their_size(tmp_path: Path) -> None:
    arrays = {"x_train": NUMBERS.normal(size=(20, 5)), "x_test": NUMBERS.normal(size=(4, 5))}
    folder = write(tmp_path / "d", arrays)
    stored, loaded = load_dataset(folder, real=True), in_memory(tmp_path, arrays, real=True)
    assert stored.train.real and not stored.labelled
    assert (stored.fingerprint, stored.bounds) == (loaded.fingerprint, loaded.bounds)
    with pytest.raises(DataError, match=r"d: the training images range from -\d.* to \d.*: scale them to \[0, 1\]"):
        load_dataset(folder)


def test_parquet_files_hold_images(tmp_path: Path) -> None:
    values = NUMBERS.random((20, 5), np.float32)
    (tmp_path / "d").mkdir()
    for name, part in (("train_images", values), ("test_images", values[:4])):
        table = pyarrow.table({f"c{place}": column for place, column in enumerate(part.T)})
        parquet.write_table(table, tmp_path / "d" / f"{name}.parquet", row_group_size=3)
    stored = load_dataset(tmp_path / "d")
    assert isinstance(stored.train, StoredImages)
    np.testing.assert_array_equal(stored.train.batch(slice(0, 20)), values)


@pytest.mark.parametrize("validation", [0, 6])
def test_the_same_images_are_held_out_and_the_others_stay_in_their_files_in_order(
    tmp_path: Path, validation: int
) -> None:
    stored, loaded = load_dataset(write(tmp_path / "d", ARRAYS)), in_memory(tmp_path, ARRAYS)
    (kept, aside), (kept_there, aside_there) = (one.split(validation, seed=3) for one in (stored, loaded))
    assert torch.equal(aside.pixels, aside_there.pixels)
    assert isinstance(kept, StoredImages)
    rows, others = ({(*row.tolist(),) for row in one.batch(slice(0, 30))} for one in (kept, kept_there))
    assert rows == others and len(kept) == 30 - validation
    positions = [int((loaded.train.loaded().pixels == row).all(dim=1).int().argmax()) for row in kept.stored(slice(30))]
    assert positions == sorted(positions)
    assert torch.equal(kept.required_labels(), loaded.train.required_labels()[positions])


def test_a_part_is_read_ahead_in_runs_of_the_files(tmp_path: Path) -> None:
    kept, _ = load_dataset(write(tmp_path / "d", ARRAYS)).split(6, seed=0)
    assert kept.runs is not None
    starts = kept.runs.starts.tolist()
    assert starts[0] == 0 and starts[-1] == len(kept) == 24 and len(starts) == 4  # a run in each file
    order = order_of(len(kept), None, Random(0), kept.runs)
    assert sorted(order.tolist()) == list(range(24))
    read = kept.reader(5, torch.float32)
    kept.expect(order)
    for batch in torch.split(order, 5):
        assert torch.equal(read(batch), kept.batch(batch))
    assert kept.subset(torch.tensor([4, 2])).runs is None  # in no order of the files


def test_another_process_opens_the_files_anew(tmp_path: Path) -> None:
    train = load_dataset(write(tmp_path / "d", ARRAYS)).train
    train.expect(torch.arange(30))
    again = pickle.loads(pickle.dumps(train))
    assert torch.equal(again.batch(slice(0, 30)), train.batch(slice(0, 30)))


def test_classes_may_have_names(tmp_path: Path) -> None:
    numbers = {name: array if "images" in name else np.arange(len(array)) % 3 for name, array in ARRAYS.items()}
    folder = write(tmp_path / "d", numbers)
    np.save(folder / "class_names.npy", np.array(["x", "y", "z", "never seen"]))
    with pytest.warns(DataWarning, match="d has no training image of the class never seen"):
        assert load_dataset(folder).class_names == ("x", "y", "z", "never seen")


def test_dark_images_are_told(tmp_path: Path) -> None:
    dark = {name: array // 16 if "images" in name else array for name, array in ARRAYS.items()}
    with pytest.warns(DataWarning, match="d holds no pixel above 15 where 255 is white"):
        load_dataset(write(tmp_path / "d", dark))


def without(*names: str) -> dict[str, np.ndarray]:
    return {name: array for name, array in ARRAYS.items() if name not in names}


WRONG: dict[str, tuple[dict[str, np.ndarray], str]] = {
    "no test images": (without("test_images", "test_labels"), r"d has no test_images \(nor x_test\): put the test"),
    "no training images": (without("train_images"), r"d has no train_images \(nor x_train\): put the training"),
    "labels of one part": (without("test_labels"), "d has no test_labels: put test_labels.npy there, or leave out"),
    "too few labels": ({**ARRAYS, "train_labels": LABELS[:28]}, "part-1.npy has 9 labels and .*part-1.npy 10 images"),
    "too many labels": ({**ARRAYS, "test_labels": LABELS[:10]}, "part-0.npy has 4 labels and .*part-0.npy 3 images"),
    "other test images": ({**ARRAYS, "test_images": PIXELS[:9, :2]}, r"of shape \(4, 3\) but test images of \(2, 3\)"),
    "no numbers": ({**ARRAYS, "train_images": np.full((30, 2), "a")}, "part-0.npy holds <U1: save it as uint8"),
    "infinite": ({**ARRAYS, "test_images": np.full((9, 4, 3), np.inf)}, "d: the test image 0, counted from 0, holds"),
    "fractions for labels": ({**ARRAYS, "test_labels": np.full(9, 0.5), "train_labels": np.ones(30)}, "the label 0.5"),
    "two kinds of labels": ({**ARRAYS, "test_labels": np.arange(9)}, "are partly numbers and partly text"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_refused(tmp_path: Path, what: str) -> None:
    arrays, message = WRONG[what]
    with pytest.raises(DataError, match=message):
        load_dataset(write(tmp_path / "d", arrays))


def test_files_that_do_not_fit_or_are_damaged_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", ARRAYS)
    odd, labels = folder / "train_images" / "part-1.npy", folder / "train_labels" / "part-1.npy"
    np.save(odd, PIXELS[:10, :2])
    with pytest.raises(
        DataError, match=r"part-1.npy has images of the shape \(2, 3\), and part-0.npy of \(4, 3\): make"
    ):
        load_dataset(folder)
    odd.write_bytes(odd.read_bytes()[:-7])
    with pytest.raises(DataError, match=r"part-1.npy is damaged or no .npy file"):
        load_dataset(folder)
    np.save(odd, PIXELS[:10])
    np.save(labels, np.arange(10))
    with pytest.raises(DataError, match=r"part-1.npy holds int64 of the shape \(10,\), unlike the labels beside it"):
        load_dataset(folder)
    labels.unlink()
    with pytest.raises(DataError, match=r"train_labels has 20 labels and .*train_images 30 images: give exactly one"):
        load_dataset(folder)
    (folder / "class_names.npy").write_bytes(b"")
    np.save(labels, LABELS[10:20])
    with pytest.raises(DataError, match=r"class_names.npy is damaged"):
        load_dataset(folder)


def test_a_folder_of_images_is_none(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "x_train").mkdir()
    Image.new("L", (3, 3)).save(tmp_path / "x_train" / "one.png")
    np.save(tmp_path / "notes.npy", PIXELS)
    assert not is_array_folder(tmp_path) and not is_array_folder("digits")
    shutil.rmtree(tmp_path / "x_train")
    assert is_array_folder(tmp_path)  # rows, of which it is then said what they lack
    with pytest.raises(DataError, match="has no train_images"):
        load_dataset(tmp_path)
    with pytest.raises(SettingsError, match="There is no data set named"):
        load_dataset(str(tmp_path / "nowhere"))
