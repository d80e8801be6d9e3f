"""The named data sets: where their files are looked for, and what comes out."""

import dataclasses
import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from deepbelief.data import load_dataset, load_images, named
from deepbelief.errors import DataError, SettingsError


def write_idx(path: Path, array: np.ndarray) -> None:
    content = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)


def write_set(folder: Path, mark: int, suffix: str = ".gz") -> Path:
    """A small data set whose first pixel tells where it came from."""
    folder.mkdir(parents=True, exist_ok=True)
    for images, labels, n in (
        (named.TRAIN_IMAGES, named.TRAIN_LABELS, 4),
        (named.TEST_IMAGES, named.TEST_LABELS, 2),
    ):
        write_idx(folder / (images + suffix), np.full((n, 3, 2), mark, np.uint8))
        write_idx(folder / (labels + suffix), (np.arange(n) * 3).astype(np.uint8))
    return folder


def mark_of(name: str = "fashion-mnist", folder: Path | None = None) -> int:
    return int(load_dataset(name, folder).train.pixels[0, 0])


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Empty stand-ins for the environment's folder, the cache and Debian's; nothing is downloaded."""

    def no_network(filename, *_, **__):
        raise DataError(f"{filename} could not be downloaded: http://nowhere/ (no connection)")

    monkeypatch.setenv(named.ENVIRONMENT_VARIABLE, str(tmp_path / "env"))
    monkeypatch.setattr(named.pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.setattr(named, "download", no_network)
    moved = dataclasses.replace(named.FASHION_MNIST, debian_folder=tmp_path / "debian")
    monkeypatch.setitem(named._IDX_DATASETS, "fashion-mnist", moved)
    return tmp_path


def test_the_order_of_places(places):
    write_set(places / "debian", 4)
    assert mark_of() == 4
    write_set(places / "cache/deepbelief/fashion-mnist", 3)
    assert mark_of() == 3
    write_set(places / "env", 2)
    assert mark_of() == 2
    write_set(places / "env/fashion-mnist", 1)
    assert mark_of() == 1
    assert mark_of(folder=write_set(places / "given", 9)) == 9
    write_set(places / "given/fashion-mnist", 8)
    assert mark_of(folder=places / "given") == 8


def test_an_incomplete_folder_of_the_environment_falls_through(places):
    write_set(places / "debian", 4)
    (write_set(places / "env", 2) / f"{named.TEST_LABELS}.gz").unlink()
    assert mark_of() == 4


def test_an_empty_variable_is_no_folder(places, monkeypatch):
    write_set(places / "debian", 4)
    monkeypatch.chdir(write_set(places / "here", 7))
    monkeypatch.setenv(named.ENVIRONMENT_VARIABLE, "")
    assert mark_of() == 4
    monkeypatch.delenv(named.ENVIRONMENT_VARIABLE)
    assert mark_of() == 4


def test_a_given_folder_never_falls_through(places):
    write_set(places / "env", 2)
    with pytest.raises(DataError, match="does not exist"):
        mark_of(folder=places / "given")
    (write_set(places / "given", 2) / f"{named.TEST_LABELS}.gz").unlink()
    with pytest.raises(DataError, match=r"given lacks t10k-labels-idx1-ubyte.gz of fashion-mnist"):
        mark_of(folder=places / "given")


def test_plain_files_and_a_mixture(places):
    folder = write_set(places / "given", 5, suffix="")
    assert mark_of("kmnist", folder) == 5
    (folder / named.TRAIN_LABELS).unlink()
    write_idx(folder / f"{named.TRAIN_LABELS}.gz", np.zeros(4, np.uint8))
    assert mark_of("kmnist", folder) == 5


def test_what_is_loaded(places):
    dataset = load_dataset("kmnist", write_set(places / "given", 51))
    assert dataset.image_shape == (3, 2) and dataset.train.maximum == 255
    assert dataset.class_names == ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    assert torch.equal(dataset.test.batch(slice(None)), torch.full((2, 6), 0.2))
    assert dataset.train.required_labels().tolist() == [0, 3, 6, 9]
    assert len(load_images("kmnist", places / "given")) == 2
    assert len(load_images("kmnist", places / "given", part="train")) == 4


def test_the_files_of_another_set_are_not_taken(places, monkeypatch):
    digest = hashlib.sha256(bytes([0, 3])).hexdigest()  # the test labels that write_set writes
    mnist = dataclasses.replace(named.MNIST, test_labels=digest)
    monkeypatch.setitem(named._IDX_DATASETS, "mnist", mnist)
    write_set(places / "env", 2)
    assert mark_of("mnist") == 2
    with pytest.raises(DataError, match="kmnist is not on this machine"):
        mark_of("kmnist")
    with pytest.raises(DataError, match="are those of mnist, not of kmnist; ask for mnist"):
        mark_of("kmnist", places / "env")


@pytest.mark.parametrize(
    ("file", "array", "fault"),
    [
        (named.TRAIN_LABELS, np.zeros(3, np.uint8), "4 images but 3 labels"),
        (named.TRAIN_LABELS, np.full(4, 10, np.uint8), "range from 10 to 10 but there are 10 class names"),
        (named.TRAIN_LABELS, np.zeros((4, 1), np.uint8), "in 2 dimensions instead of uint8 in 1"),
        (named.TEST_IMAGES, np.zeros((2, 3), np.uint8), "in 2 dimensions instead of uint8 in 3"),
        (named.TEST_IMAGES, np.zeros((2, 2, 3), np.uint8), "pixels but test images"),
        (named.TRAIN_IMAGES, np.zeros((4, 0, 2), np.uint8), "pixels but test images"),
    ],
)
def test_files_that_do_not_fit(places, file, array, fault):
    folder = write_set(places / "given", 5)
    write_idx(folder / f"{file}.gz", array)
    with pytest.raises(DataError, match=fault) as error:
        load_dataset("mnist", folder)
    assert str(folder) in str(error.value)


def test_a_damaged_file_is_named(places):
    path = write_set(places / "env", 5) / f"{named.TRAIN_IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz is cut short"):
        mark_of()


def test_nowhere_to_be_found(places):
    with pytest.raises(DataError) as error:
        mark_of()
    assert str(error.value) == (
        "fashion-mnist is not on this machine and train-images-idx3-ubyte.gz could not be downloaded: "
        "http://nowhere/ (no connection); on Debian or Ubuntu install the package dataset-fashion-mnist, "
        "or give a folder that holds its files with --data."
    )
    with pytest.raises(DataError, match=r"\(no connection\); give a folder that holds"):
        mark_of("kmnist")


def test_only_what_lacks_is_downloaded(places, monkeypatch):
    source = write_set(places / "source", 6)
    cache = places / "cache/deepbelief/kmnist"
    cache.mkdir(parents=True)
    fetched = []

    def fetch(filename, mirrors, checksum, folder, progress):
        assert mirrors == named.KMNIST.mirrors
        assert checksum == named.KMNIST.checksums[filename.removesuffix(".gz")]
        fetched.append(filename)
        (folder / filename).hardlink_to(source / filename)

    monkeypatch.setattr(named, "download", fetch)
    (cache / f"{named.TRAIN_IMAGES}.gz").hardlink_to(source / f"{named.TRAIN_IMAGES}.gz")
    assert mark_of("kmnist") == 6
    assert fetched == [f"{file}.gz" for file in named.FILES[1:]]
    assert mark_of("kmnist") == 6 and len(fetched) == 3


def test_an_unknown_name_lists_the_names():
    with pytest.raises(SettingsError, match=r"'fashion'; use one of fashion-mnist, mnist, kmnist, digits, or .* .npz"):
        load_dataset("fashion")
    with pytest.raises(SettingsError, match="use one of"):
        load_images("data.csv")


@pytest.mark.parametrize("known", named._IDX_DATASETS.values(), ids=lambda known: known.name)
def test_what_is_known_is_complete(known):
    assert set(known.checksums) == set(named.FILES)
    assert all(len(bytes.fromhex(checksum)) == 32 for checksum in known.checksums.values())
    assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in known.mirrors)
    assert len(set(known.class_names)) == 10


def test_digits(tmp_path):
    dataset = load_dataset("digits", tmp_path / "unused")
    assert (len(dataset.train), len(dataset.test), dataset.image_shape) == (1437, 360, (8, 8))
    assert dataset.train.pixels.dtype == torch.uint8 and dataset.train.maximum == 16
    assert dataset.train.batch(slice(None)).max() == 1
    for images in (dataset.train, dataset.test):
        counts = images.required_labels().bincount()
        assert len(counts) == 10 and counts.max() - counts.min() <= 10
    assert dataset.fingerprint == "d0600b4865733980063b8e56d8f9cf30dee3400dcf13747ced73f869d93254f1"


def installed(known: named.IdxDataset) -> bool:
    return named._find(known, None) is not None


@pytest.mark.skipif(not installed(named.FASHION_MNIST), reason="Fashion-MNIST is not on this machine")
def test_the_real_fashion_mnist():
    dataset = load_dataset("fashion-mnist")
    assert (len(dataset.train), len(dataset.test), dataset.image_shape) == (60_000, 10_000, (28, 28))
    assert dataset.train.required_labels().bincount().tolist() == [6000] * 10
    assert dataset.test.required_labels().bincount().tolist() == [1000] * 10
    assert dataset.class_names[int(dataset.train.required_labels()[0])] == "Ankle boot"
    assert abs(dataset.train.pixels.double().mean() / 255 - 0.2860) < 1e-4  # the published mean
    train, validation = dataset.split(5000, seed=0)
    assert validation.required_labels().bincount().tolist() == [500] * 10 and len(train) == 55_000
