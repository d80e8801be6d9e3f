"""The named data sets: where their files are looked for, and what comes out."""

import dataclasses
import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch

from deepbelief.data import load_dataset, load_images, named
from deepbelief.data.places import ENVIRONMENT_VARIABLE
from deepbelief.errors import DataError, DataWarning, SettingsError


def write_idx(path: Path, array: np.ndarray) -> None:
    content = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content, 1, mtime=0) if path.suffix == ".gz" else content)


def write_set(folder: Path, mark: int = 5, suffix: str = ".gz") -> Path:
    """A small data set; sets of another mark have other pixels and other labels."""
    folder.mkdir(parents=True, exist_ok=True)
    for images, labels, n in (
        (named.TRAIN_IMAGES, named.TRAIN_LABELS, 4),
        (named.TEST_IMAGES, named.TEST_LABELS, 2),
    ):
        write_idx(folder / (images + suffix), np.full((n, 3, 2), mark, np.uint8))
        write_idx(folder / (labels + suffix), ((np.arange(n) * 3 + mark - 5) % 10).astype(np.uint8))
    return folder


MARKS = {"fashion-mnist": 4, "mnist": 5, "kmnist": 6}
"""The mark of the small set that stands for each, which is known by what it holds (kmnist: by its zipped files)."""


def digests(folder: Path, suffix: str) -> dict[str, str]:
    return {file: hashlib.sha256((folder / f"{file}{suffix}").read_bytes()).hexdigest() for file in named.FILES}


def mark_of(name: str = "fashion-mnist", folder: Path | None = None) -> int:
    return int(load_dataset(name, folder).train.pixels[0, 0])


@pytest.fixture
def read_from(monkeypatch):
    """The folders that data sets were read from, in order."""
    folders, read = [], named._read
    monkeypatch.setattr(named, "_read", lambda known, folder: (folders.append(folder), read(known, folder))[1])
    return folders


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Empty stand-ins for the environment's folder, the cache and Debian's, small sets for the known; no downloads."""

    def no_network(filename, *_, **__):
        raise DataError(f"{filename} could not be downloaded: http://nowhere/ (no connection)")

    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "env"))
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.setattr(named, "download", no_network)
    for name, mark in MARKS.items():
        checksums = digests(write_set(tmp_path / "published" / name, mark), ".gz")
        contents = {} if name == "kmnist" else digests(write_set(tmp_path / "plain" / name, mark, ""), "")
        known = dataclasses.replace(named._IDX_DATASETS[name], checksums=checksums, contents=contents)
        debian = tmp_path / "debian" if name == "fashion-mnist" else None
        monkeypatch.setitem(named._IDX_DATASETS, name, dataclasses.replace(known, debian_folder=debian))
    return tmp_path


def test_the_order_of_places(places, read_from):
    for place in ("debian", "cache/deepbelief/fashion-mnist", "env", "env/fashion-mnist"):
        write_set(places / place, 4)
        assert mark_of() == 4 and read_from[-1] == places / place
    for place in ("given", "given/fashion-mnist"):
        write_set(places / place, 4)
        assert mark_of(folder=places / "given") == 4 and read_from[-1] == places / place


def test_an_incomplete_folder_of_the_environment_falls_through(places, read_from):
    write_set(places / "debian", 4)
    (write_set(places / "env", 4) / f"{named.TEST_LABELS}.gz").unlink()
    assert mark_of() == 4 and read_from == [places / "debian"]


def test_an_empty_variable_is_no_folder(places, monkeypatch, read_from):
    write_set(places / "debian", 4)
    monkeypatch.chdir(write_set(places / "here", 4))
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "")
    assert mark_of() == 4
    monkeypatch.delenv(ENVIRONMENT_VARIABLE)
    assert mark_of() == 4
    assert read_from == [places / "debian"] * 2


def test_a_given_folder_never_falls_through(places):
    write_set(places / "env", 4)
    with pytest.raises(DataError, match="does not exist"):
        mark_of(folder=places / "given")
    (write_set(places / "given", 4) / f"{named.TEST_LABELS}.gz").unlink()
    with pytest.raises(DataError, match=r"given lacks t10k-labels-idx1-ubyte.gz of fashion-mnist"):
        mark_of(folder=places / "given")


def test_plain_files_and_a_mixture(places):
    folder = write_set(places / "given", suffix="")
    assert mark_of("mnist", folder) == 5
    (folder / named.TRAIN_LABELS).rename(folder / "labels")
    content = (folder / "labels").read_bytes()
    (folder / f"{named.TRAIN_LABELS}.gz").write_bytes(gzip.compress(content, 9))  # zipped anew, in another way
    assert mark_of("mnist", folder) == 5


def test_what_is_loaded(places):
    dataset = load_dataset("kmnist", write_set(places / "given", 6))
    assert dataset.image_shape == (3, 2) and dataset.train.maximum == 255
    assert dataset.class_names == ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    assert torch.equal(dataset.test.batch(slice(None)), torch.full((2, 6), 6.0) / 255)
    assert dataset.train.required_labels().tolist() == [1, 4, 7, 0]
    assert len(load_images("kmnist", places / "given")) == 2
    assert len(load_images("kmnist", places / "given", part="train")) == 4


@pytest.mark.parametrize("asked", MARKS)
@pytest.mark.parametrize("there", MARKS)
def test_a_set_is_never_taken_for_another(places, asked, there):
    folder = write_set(places / "given", MARKS[there])
    write_set(places / f"env/{asked}", MARKS[there])
    write_set(places / "env", MARKS[there])
    if asked == there:
        assert mark_of(asked, folder) == mark_of(asked) == MARKS[there]
        return
    with pytest.raises(DataError, match=f"-ubyte.gz is the file of {there}, not of {asked}; ask for {there}, or give"):
        mark_of(asked, folder)
    with pytest.raises(DataError, match=f"{asked} is not on this machine"):  # and no warning
        mark_of(asked)


@pytest.mark.parametrize("name", MARKS)
@pytest.mark.parametrize("file", named.FILES)
def test_each_file_is_told_from_those_of_other_sets(places, file, name):
    """A folder that is right but for one file, of another set or of none, is refused or passed over with a sentence."""
    other = "mnist" if name == "fashion-mnist" else "fashion-mnist"
    for mark, sentence in (
        (MARKS[other], f"is the file of {other}, not of {name}"),
        (99, f"is not the file of {name} as"),
    ):
        foreign = write_set(places / f"foreign-{mark}", mark) / f"{file}.gz"
        for folder in (write_set(places / "given", MARKS[name]), write_set(places / "env", MARKS[name])):
            (folder / f"{file}.gz").write_bytes(foreign.read_bytes())
        with pytest.raises(DataError, match=f"{file}.gz {sentence}"):
            mark_of(name, places / "given")
        with (
            pytest.warns(DataWarning, match=f"env is passed over: .*{file}.gz {sentence}"),
            pytest.raises(DataError, match=f"{name} is not on this machine"),
        ):
            mark_of(name)


def test_kmnist_is_known_by_its_zipped_files_alone(places):
    with pytest.raises(DataError, match=r"ubyte is not the file of kmnist as it is published.* still gzipped"):
        mark_of("kmnist", write_set(places / "given", 6, suffix=""))


def test_foreign_files_in_the_cache_are_no_download(places):
    cache = write_set(places / "cache/deepbelief/mnist", 99)
    with pytest.warns(DataWarning, match="passed over"), pytest.raises(DataError, match="put a fresh copy there"):
        mark_of("mnist")
    write_set(cache, 4)
    with pytest.raises(DataError, match="is the file of fashion-mnist, not of mnist"):
        mark_of("mnist")


def test_a_damaged_file_is_named(places):
    path = write_set(places / "env", 4) / f"{named.TRAIN_IMAGES}.gz"
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
    source, published = write_set(places / "source", 6), named._IDX_DATASETS["kmnist"]
    cache = places / "cache/deepbelief/kmnist"
    cache.mkdir(parents=True)
    fetched = []

    def fetch(filename, mirrors, checksum, folder, progress):
        assert mirrors == named.KMNIST.mirrors
        assert checksum == published.checksums[filename.removesuffix(".gz")]
        fetched.append(filename)
        (folder / filename).hardlink_to(source / filename)

    monkeypatch.setattr(named, "download", fetch)
    (cache / f"{named.TRAIN_IMAGES}.gz").hardlink_to(source / f"{named.TRAIN_IMAGES}.gz")
    assert mark_of("kmnist") == 6
    assert fetched == [f"{file}.gz" for file in named.FILES[1:]]
    assert mark_of("kmnist") == 6 and len(fetched) == 3


def test_an_unknown_name_lists_the_names():
    with pytest.raises(
        SettingsError, match=r"'fashion'; use one of fashion-mnist, mnist, kmnist, digits, or .* .npz, .npy or .csv"
    ):
        load_dataset("fashion")
    with pytest.raises(SettingsError, match="use one of"):
        load_images("data.txt")


@pytest.mark.parametrize("known", named._IDX_DATASETS.values(), ids=lambda known: known.name)
def test_what_is_known_is_complete(known):
    assert set(known.checksums) == set(named.FILES)
    assert set(known.contents) == (set() if known.name == "kmnist" else set(named.FILES))
    digests = [*known.checksums.values(), *known.contents.values()]
    assert all(len(bytes.fromhex(digest)) == 32 for digest in digests) and len({*digests}) == len(digests)
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
    return any(named._places(known))


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
