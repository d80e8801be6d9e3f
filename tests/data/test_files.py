"""The user's own .npz and .npy files."""

import contextlib
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepbelief.data import load_dataset, load_images
from deepbelief.data.files import load_npy
from deepbelief.errors import DataError, DataWarning, SettingsError

IMAGES = (np.arange(4 * 5 * 3) * 4).astype(np.uint8).reshape(4, 5, 3)
GOOD = {"train_images": IMAGES, "train_labels": [0, 1, 2, 1], "test_images": IMAGES[:2], "test_labels": [2, 0]}


def saved(tmp_path, **arrays):
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays)
    return str(path)


def test_npz_with_our_keys(tmp_path):
    dataset = load_dataset(saved(tmp_path, **GOOD))
    assert (dataset.name, dataset.image_shape, dataset.class_names) == ("mine", (5, 3), ("0", "1", "2"))
    assert dataset.train.pixels.dtype == torch.uint8 and dataset.train.maximum == 255
    assert dataset.train.pixels.tolist() == IMAGES.reshape(4, 15).tolist()
    assert dataset.test.required_labels().tolist() == [2, 0]


def test_npz_with_keras_keys_and_class_names(tmp_path):
    path = saved(
        tmp_path,
        x_train=IMAGES.reshape(4, 15) / 255,
        y_train=np.array([0, 1, 2, 1], np.uint8),
        x_test=IMAGES[:2].reshape(2, 15) / 255,
        y_test=np.array([2, 0], np.int32),
        class_names=["ant", "bee", "cat"],
        something_else=np.array(["ignored", None], dtype=object),
    )
    dataset = load_dataset(path)
    assert dataset.class_names == ("ant", "bee", "cat")
    assert dataset.image_shape == (15,)
    assert dataset.train.pixels.dtype == torch.float32 and dataset.train.maximum == 1
    assert torch.equal(dataset.train.batch(slice(None)), torch.from_numpy(IMAGES.reshape(4, 15) / 255).float())


@pytest.mark.parametrize("dtype", [np.bool_, np.float16, np.float64])
def test_binary_images(tmp_path, dtype):
    binary = np.eye(4, dtype=dtype)
    dataset = load_dataset(saved(tmp_path, **{**GOOD, "train_images": binary, "test_images": binary[:2]}))
    assert torch.equal(dataset.train.batch(slice(None)), torch.eye(4))


def test_a_dark_test_set_is_read_as_it_is(tmp_path):
    dataset = load_dataset(saved(tmp_path, **{**GOOD, "test_images": np.ones((2, 5, 3), np.uint8)}))
    assert dataset.test.batch(slice(None)).max() == torch.tensor(1.0) / 255
    assert load_images(saved(tmp_path, test_images=np.ones((2, 9), np.uint8), train_images=IMAGES)).maximum == 255


def test_dark_files_are_told_of(tmp_path):
    path, told = saved(tmp_path, **{**GOOD, "train_images": IMAGES // 16, "test_images": IMAGES[:2] // 16}), "above 14"
    with pytest.warns(DataWarning, match=told):
        assert load_dataset(path).train.maximum == 255
    with pytest.warns(DataWarning, match=told):
        load_images(path)
    np.save(tmp_path / "mine.npy", IMAGES // 16)
    for real in (False, True):
        with pytest.warns(DataWarning, match=told):
            load_images(str(tmp_path / "mine.npy"), real=real)


def test_classes_without_a_training_image_are_told_of(tmp_path):
    for changes, lacking in (
        ({"class_names": ["ant", "bee", "cat", "dog", "eel"]}, "class dog, eel, which"),
        ({"test_labels": [3, 1]}, "class 3, which"),
        ({"class_names": ["ant", "bee", "cat"], "train_labels": [1, 2, 1, 2]}, "class ant, which"),
    ):
        with pytest.warns(DataWarning, match=f"mine.npz has no training image of the {lacking}"):
            load_dataset(saved(tmp_path, **{**GOOD, **changes}))


def test_labels_to_encode_stay_the_numbers_they_are(tmp_path):
    path = saved(tmp_path, **{**GOOD, "train_labels": [1, 2, 3, 3], "test_labels": [3, 1]})
    assert load_images(path).required_labels().tolist() == [3, 1]
    dataset = load_dataset(path)
    assert dataset.class_names == ("1", "2", "3")
    assert dataset.train.required_labels().tolist() == [0, 1, 2, 2]
    assert dataset.test.required_labels().tolist() == [2, 0]
    path = saved(tmp_path, **{**GOOD, "train_labels": list("acba"), "test_labels": list("ca")})
    assert load_images(path).required_labels().tolist() == [2, 0]


@given(st.integers(1, 6), st.lists(st.integers(1, 5), min_size=1, max_size=2), st.booleans())
def test_images_of_any_size(tmp_path_factory, n, shape, floats):
    path = tmp_path_factory.mktemp("npy") / "mine.npy"
    pixels = np.random.default_rng(n).integers(0, 256, (n, *shape)).astype(np.uint8)
    pixels.flat[0] = 255
    np.save(path, np.asfortranarray(pixels / 255 if floats else pixels))
    images = load_images(str(path))
    assert images.labels is None
    assert np.allclose(images.batch(slice(None)).numpy(), pixels.reshape(n, -1) / 255)


def test_images_to_encode_need_no_labels(tmp_path):
    path = saved(tmp_path, test_images=IMAGES)
    assert len(load_images(path)) == 4 and load_images(path).labels is None
    path = saved(tmp_path, **GOOD)
    assert load_images(path, part="train").required_labels().tolist() == [0, 1, 2, 1]
    assert len(load_images(path, part="test")) == 2


def test_real_values(tmp_path):
    real = {"train_images": 50 + 9.0 * IMAGES, "test_images": -IMAGES[:2].astype(np.int32)}
    path = saved(tmp_path, **{**GOOD, **real})
    with pytest.raises(DataError, match=r"a model of real-valued units .*real=True in Python\)"):
        load_dataset(path)
    dataset = load_dataset(path, real=True)
    assert dataset.train.real and dataset.bounds == (50, 50 + 9 * 236)
    assert torch.equal(dataset.test.batch(slice(None)), -torch.from_numpy(IMAGES[:2]).float().view(2, 15))
    assert load_images(path, real=True).real
    np.save(tmp_path / "mine.npy", real["train_images"])
    assert torch.equal(load_images(str(tmp_path / "mine.npy"), real=True).pixels, dataset.train.pixels)


def test_8_bit_images_are_scaled_for_real_valued_units_too(tmp_path):
    path = saved(tmp_path, **GOOD)
    assert not load_images(path, real=True).real
    assert torch.equal(
        load_dataset(path, real=True).train.batch(slice(None)), load_images(path, part="train").batch(slice(None))
    )


def objects(*values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def test_npz_without_labels(tmp_path):
    labelled = load_dataset(saved(tmp_path, **GOOD))
    bare = {key: array for key, array in GOOD.items() if "labels" not in key}
    dataset = load_dataset(saved(tmp_path, **bare))
    assert not dataset.labelled and labelled.labelled
    assert (dataset.train.labels, dataset.test.labels, dataset.class_names) == (None, None, ())
    assert dataset.image_shape == labelled.image_shape
    assert torch.equal(dataset.train.pixels, labelled.train.pixels)
    assert torch.equal(dataset.test.pixels, labelled.test.pixels)
    assert dataset.fingerprint != labelled.fingerprint


@given(st.integers(2, 60))
def test_a_fifth_of_an_npy_file_is_for_testing(tmp_path_factory, count):
    path = tmp_path_factory.mktemp("npy") / "mine.npy"
    np.save(path, np.arange(count, dtype=np.float32)[:, None, None] / 100 * np.ones((2, 3), np.float32))
    dataset = load_dataset(str(path))
    assert (dataset.name, dataset.image_shape, dataset.labelled) == ("mine", (2, 3), False)
    assert len(dataset.test) == -(-count // 5)
    found = torch.cat([dataset.train.pixels, dataset.test.pixels])[:, 0]
    assert (100 * found).round().sort().values.tolist() == list(range(count))
    assert load_dataset(str(path)).fingerprint == dataset.fingerprint


def test_npy_of_real_values_and_of_too_few_images(tmp_path):
    path = tmp_path / "mine.npy"
    np.save(path, np.full((5, 2), -7.5))
    assert load_dataset(str(path), real=True).train.pixels.unique().tolist() == [-7.5]
    for few in (0, 1):
        np.save(path, np.zeros((few, 2)))
        with pytest.raises(DataError, match=r"mine.npy: there are not even two items; give at least two, one of them"):
            load_dataset(str(path))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"train_images": None}, r"no array train_images \(nor x_train\)"),
        ({"test_labels": None}, r"no array test_labels \(nor y_test\)"),
        ({"train_labels": None}, r"no array train_labels \(nor y_train\).*or the images of both parts without labels"),
        ({"train_labels": None, "test_labels": None, "class_names": ["a", "b", "c"]}, "no array train_labels"),
        ({"train_images": IMAGES / 1.0}, "ranges from 0 to 236; scale it"),
        ({"train_images": IMAGES / 255 - 0.5}, "ranges from -0.5"),
        ({"train_images": np.full((4, 5, 3), np.nan)}, "NaN"),
        ({"train_images": np.full((4, 5, 3), 1e300)}, "infinite"),
        ({"train_images": IMAGES.astype(np.int64) - 1}, "has the type int64 and ranges from -1 to 235"),
        ({"train_images": IMAGES.astype(np.complex64)}, "has the type complex64"),
        ({"train_images": np.stack([IMAGES] * 3, -1)}, "colour images"),
        ({"train_images": IMAGES[:, 0, 0]}, "has the shape"),
        ({"train_images": IMAGES[:, :0]}, "not empty"),
        ({"train_images": IMAGES[:0], "train_labels": np.zeros(0, int)}, "no images"),
        ({"train_images": objects(1, 2, 3, "4")}, "Python objects"),
        ({"train_images": IMAGES[:, :4]}, r"shape \(4, 3\) but test images of \(5, 3\)"),
        ({"train_labels": [0, 1, 2]}, "4 images but 3 labels"),
        ({"train_labels": [0.5, 1, 2, 1]}, "train_labels has the label 0.5 at position 0"),
        ({"train_labels": ["a", "b", "c", "b"]}, "train_labels and test_labels are partly numbers and partly text"),
        ({"train_labels": 1 - np.eye(4, dtype=int)}, "rows with a single 1"),
        ({"class_names": ["a", "b"]}, "2 class names"),
        ({"class_names": ["a", "b", "c"], "train_labels": [1, 2, 3, 1]}, "range from 1 to 3 but there are 3 class"),
        ({"class_names": ["a", "b", "c"], "train_labels": [0, 1, 2, -1]}, "range from -1"),
        ({"class_names": [1, 2, 3]}, "give a list of text"),
        ({"class_names": objects("a", "b", "c")}, "Python objects"),
    ],
)
def test_npz_refuses(tmp_path, changes, fault):
    arrays = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    path = saved(tmp_path, **arrays)
    with pytest.raises(DataError, match=fault) as error:
        load_dataset(path)
    message = str(error.value)
    assert message.startswith(path) and message.endswith(".") and "\n" not in message


def test_npy_refuses(tmp_path):
    path = tmp_path / "mine.npy"
    for array, fault in (
        (np.zeros((2, 2, 2, 2)), "has the shape"),
        (np.full((1, 2), 2.0), "scale"),
        (objects(1), "objects"),
    ):
        np.save(path, array)
        with pytest.raises(DataError, match=fault):
            load_npy(path)


def test_files_that_are_something_else(tmp_path):
    path = saved(tmp_path, **GOOD)
    renamed = tmp_path / "archive.npy"
    shutil.copy(path, renamed)
    with pytest.raises(DataError, match=r"is a \.npz file"):
        load_images(str(renamed))
    np.save(tmp_path / "single.npy", IMAGES)
    (tmp_path / "single.npy").rename(tmp_path / "single.npz")
    with pytest.raises(DataError, match="single array"):
        load_dataset(str(tmp_path / "single.npz"))
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("train_images.npy", "no array")
    with pytest.raises(DataError, match=r"damaged or no \.npz"):
        load_dataset(str(tmp_path / "text.npz"))
    for name in ("missing.npz", "missing.npy"):
        with pytest.raises(DataError, match="does not exist"):
            load_images(str(tmp_path / name))
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(DataError, match="no file"):
        load_dataset(str(tmp_path / "folder.npz"))


@given(st.sampled_from(["npz", "npy"]), st.integers(0, 10**6), st.integers(0, 255), st.booleans())
def test_damaged_files_are_read_or_refused(tmp_path_factory, kind, position, value, cut):
    path = tmp_path_factory.mktemp("damage") / f"mine.{kind}"
    np.savez_compressed(path, **GOOD) if kind == "npz" else np.save(path, IMAGES)
    content = bytearray(path.read_bytes())
    position %= len(content)
    if cut:
        del content[position:]
    content[position : position + 1] = bytes([value])
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        load_images(str(path))


@pytest.mark.parametrize("old", [(b"(4, 5, 3)", b"(4L,5, 3)"), (b"(4, 5, 3)", b"(4, 5,3L)")])
def test_a_file_of_python_2_is_read_in_silence(tmp_path, old):
    path = tmp_path / "old.npy"
    np.save(path, IMAGES)
    path.write_bytes(path.read_bytes().replace(*old))
    assert np.array_equal(load_images(str(path)).pixels, IMAGES.reshape(4, 15))


def test_an_unreadable_file(tmp_path, monkeypatch):
    path = saved(tmp_path, **GOOD)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="Permission denied"):
        load_dataset(path)


def test_unknown_part(tmp_path):
    with pytest.raises(SettingsError, match="use train or test"):
        load_images(saved(tmp_path, **GOOD), part="validation")  # type: ignore[arg-type]
