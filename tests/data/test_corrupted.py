"""Corrupted test sets: where their archives are looked for, and downloads from a local server, good and bad."""

import os
from pathlib import Path

import pooch
import pytest

from deepbelief.data import corrupted, load_corrupted
from deepbelief.data.places import ENVIRONMENT_VARIABLE
from deepbelief.errors import DataError, DataWarning, SettingsError
from tests.corrupted_archives import PARTS, assert_all_there, files_in, made_up, put, refusal, stand_in, zipped


@pytest.fixture
def publish(server, tmp_path, monkeypatch):
    """Let an archive's bytes stand for the published one, on mirrors of some kinds; no cache and no folder has it."""
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "env"))
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.setattr(pooch.core.time, "sleep", lambda _: None)

    def published(name: str, content: bytes, *mirrors: str) -> None:
        addresses = [one if "://" in one else f"{server.base}/{one}/" for one in mirrors or ("good",)]
        stand_in(monkeypatch, name, content, *addresses)
        server.files[corrupted._TEST_SETS[name].archive] = content

    return published


@pytest.mark.parametrize("name", PARTS)
def test_from_the_address_to_images(publish, server, tmp_path, name):
    publish(name, zipped(made_up(name)))
    seen = []
    assert_all_there(name, load_corrupted(name, progress=lambda *step: seen.append(step)))
    archive = corrupted._TEST_SETS[name].archive
    size = len(server.files[archive])
    assert seen[-1] == (archive, size, size)
    assert files_in(tmp_path) == [tmp_path / "cache/deepbelief" / name / archive]  # nothing is unpacked
    assert_all_there(name, load_corrupted(name))
    assert server.asked == [f"/good/{archive}"]  # once


@pytest.mark.parametrize("name", PARTS)
def test_the_order_of_places(publish, server, tmp_path, closed, name):
    good = zipped(made_up(name))
    publish(name, good, closed)
    for place in (f"cache/deepbelief/{name}", "env", f"env/{name}", "given", f"given/{name}"):
        path = put(tmp_path / place, name, good)
        folder = tmp_path / "given" if place.startswith("given") else None
        assert_all_there(name, load_corrupted(name, folder))
        if not place.startswith("cache"):
            path.write_bytes(b"from now on another one")
            with pytest.warns(DataWarning) if folder is None else pytest.raises(DataError):
                load_corrupted(name, folder)
            path.write_bytes(good)


def test_a_given_folder_never_falls_through(publish, server, tmp_path):
    publish("mnist-c", good := zipped(made_up("mnist-c")))
    put(tmp_path / "env", "mnist-c", good)
    given = tmp_path / "given"
    assert refusal("mnist-c", given) == f"The folder {given} for mnist-c does not exist; check its path."
    given.mkdir()
    assert refusal("mnist-c", given) == (
        f"The folder {given} lacks mnist_c.zip of mnist-c; put the file there as it is published, "
        "or give no folder to have it found or downloaded."
    )
    assert server.asked == []


def test_an_empty_variable_is_no_folder(publish, tmp_path, monkeypatch):
    publish("mnist-c", zipped(made_up("mnist-c")))
    put(tmp_path / "here", "mnist-c", b"another one")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "")
    assert_all_there("mnist-c", load_corrupted("mnist-c"))  # and no warning
    monkeypatch.delenv(ENVIRONMENT_VARIABLE)
    assert_all_there("mnist-c", load_corrupted("mnist-c"))


def test_another_file_in_the_environments_folder_is_passed_over(publish, tmp_path):
    publish("fashion-mnist-c", zipped(made_up("fashion-mnist-c")))
    path = put(tmp_path / "env", "fashion-mnist-c", b"my own data")
    with pytest.warns(DataWarning) as told:
        found = load_corrupted("fashion-mnist-c")
    assert_all_there("fashion-mnist-c", found)
    (warning,) = told
    assert str(warning.message) == (
        f"{path.parent} is passed over: {path} is not the archive of fashion-mnist-c as it is published, "
        "by its SHA-256; put a fresh copy of the archive there, or give another folder."
    )
    assert warning.filename == __file__
    assert path.read_bytes() == b"my own data"


def test_a_damaged_archive_in_the_cache_is_replaced(publish, tmp_path):
    publish("mnist-c", good := zipped(made_up("mnist-c")))
    path = put(tmp_path / "cache/deepbelief/mnist-c", "mnist-c", good[:-100])
    assert_all_there("mnist-c", load_corrupted("mnist-c"))
    assert path.read_bytes() == good


@pytest.mark.parametrize("damage", ["cut", "altered", "foreign"])
def test_a_given_archive_that_is_damaged(publish, tmp_path, damage):
    publish("mnist-c", good := zipped(made_up("mnist-c")))
    altered = good[:500] + bytes([good[500] ^ 1]) + good[501:]
    bad = {"cut": good[:-1], "altered": altered, "foreign": zipped(made_up("fashion-mnist-c"))}[damage]
    path = put(tmp_path / "given", "mnist-c", bad)
    assert refusal("mnist-c", tmp_path / "given") == (
        f"{path} is not the archive of mnist-c as it is published, by its SHA-256; "
        "put a fresh copy of the archive there, or give another folder."
    )
    assert path.read_bytes() == bad


@pytest.mark.parametrize(
    ("kind", "reason"), [("wrong", "wrong checksum"), ("cut", "connection cut"), ("missing", "HTTP 404")]
)
def test_a_bad_download_leaves_nothing_behind(publish, server, tmp_path, kind, reason):
    publish("mnist-c", zipped(made_up("mnist-c")), kind)
    assert refusal("mnist-c") == (
        f"mnist-c is not on this machine and mnist_c.zip could not be downloaded: {server.base}/{kind}/ ({reason}); "
        "give a folder that holds mnist_c.zip with --data."
    )
    assert files_in(tmp_path) == []


def test_without_a_network(publish, closed):
    publish("fashion-mnist-c", zipped(made_up("fashion-mnist-c")), closed)
    assert refusal("fashion-mnist-c") == (
        f"fashion-mnist-c is not on this machine and data.zip could not be downloaded: {closed} (no connection); "
        "give a folder that holds data.zip with --data."
    )


def test_the_second_mirror_is_asked_when_the_first_fails(publish, server):
    publish("mnist-c", zipped(made_up("mnist-c")), "wrong", "good")
    assert_all_there("mnist-c", load_corrupted("mnist-c"))
    assert server.asked[-1] == "/good/mnist_c.zip" and len(set(server.asked)) == 2


def test_an_archive_without_permission(publish, tmp_path, monkeypatch):
    publish("mnist-c", zipped(made_up("mnist-c")))
    path = put(tmp_path / "given", "mnist-c", b"")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pooch.hashes, "hash_matches", refuse)
    sentence = refusal("mnist-c", path.parent)
    assert sentence == f"{path} cannot be read (Permission denied); check its permissions."


def test_an_unknown_name_lists_the_names():
    with pytest.raises(SettingsError) as error:
        load_corrupted("mnist")
    assert str(error.value) == "There are no corrupted images named 'mnist'; use mnist-c or fashion-mnist-c."


@pytest.mark.parametrize("known", corrupted._TEST_SETS.values(), ids=lambda known: known.name)
def test_what_is_known_is_complete(known):
    assert len(bytes.fromhex(known.checksum)) == 32
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in known.mirrors)
    assert len({*known.mirrors}) == len(known.mirrors)
    assert tuple(known.arrays) == PARTS[known.name]


def here(known: corrupted.CorruptedTestSet) -> bool:
    folders = (os.environ.get(ENVIRONMENT_VARIABLE), Path(pooch.os_cache("deepbelief")))
    return any(next(corrupted._within(known, Path(folder)), None) for folder in folders if folder)


@pytest.mark.parametrize("known", corrupted._TEST_SETS.values(), ids=lambda known: known.name)
def test_the_real_archive(known):
    if not here(known):
        pytest.skip(f"{known.name} is not on this machine")
    for images in load_corrupted(known.name).values():
        assert set(images.required_labels().tolist()) == {*range(known.classes)}
        assert images.pixels.max() > 200
