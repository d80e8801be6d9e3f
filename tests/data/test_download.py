"""Downloads from a local server that behaves well or badly."""

import hashlib
import logging
import socket
import subprocess
import sys
import threading
from collections import defaultdict

import pooch
import pytest

from deepbelief.data.download import download
from deepbelief.errors import DataError

BODY = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def server(server):
    """It gives the same file by any name."""
    server.files = defaultdict(lambda: BODY)
    return server


@pytest.mark.parametrize("checksum", [SHA256, f"md5:{hashlib.md5(BODY).hexdigest()}"])
def test_a_good_download(server, tmp_path, checksum, capfd):
    path = download("a.gz", [f"{server.base}/good/"], checksum, tmp_path / "new/cache")
    assert path == tmp_path / "new/cache/a.gz" and path.read_bytes() == BODY
    assert server.asked == ["/good/a.gz"]
    download("a.gz", [f"{server.base}/good/"], checksum, tmp_path / "new/cache")
    assert len(server.asked) == 1  # it is there already
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("kind", "reason"), [("wrong", "wrong checksum"), ("cut", "connection cut"), ("missing", "HTTP 404")]
)
def test_a_bad_download_leaves_nothing_behind(server, tmp_path, kind, reason):
    mirror = f"{server.base}/{kind}/"
    with pytest.raises(DataError) as error:
        download("a.gz", [mirror], SHA256, tmp_path, retries=0)
    assert str(error.value) == f"a.gz could not be downloaded: {mirror} ({reason})"
    assert list(tmp_path.iterdir()) == []


def test_a_bad_download_keeps_other_files(server, tmp_path):
    (tmp_path / "b.gz").write_bytes(b"other")
    with pytest.raises(DataError):
        download("a.gz", [f"{server.base}/cut/"], SHA256, tmp_path, retries=0)
    assert [path.name for path in tmp_path.iterdir()] == ["b.gz"]


def test_a_damaged_file_in_the_cache_is_replaced(server, tmp_path):
    (tmp_path / "a.gz").write_bytes(b"damaged")
    assert download("a.gz", [f"{server.base}/good/"], SHA256, tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("bad", ["wrong", "cut", "missing", None])
def test_the_second_mirror_is_asked_when_the_first_fails(server, tmp_path, closed, bad):
    mirrors = [f"{server.base}/{bad}/" if bad else closed, f"{server.base}/good/"]
    assert download("a.gz", mirrors, SHA256, tmp_path, retries=0).read_bytes() == BODY
    assert [path.name for path in tmp_path.iterdir()] == ["a.gz"]


def test_a_passing_failure_is_tried_again(server, tmp_path, monkeypatch):
    monkeypatch.setattr(pooch.core.time, "sleep", lambda _: None)
    assert download("a.gz", [f"{server.base}/flaky/"], SHA256, tmp_path).read_bytes() == BODY
    assert len(server.asked) == 2


def test_all_mirrors_down(server, tmp_path, closed):
    with pytest.raises(DataError) as error:
        download("a.gz", [closed, f"{server.base}/wrong/"], SHA256, tmp_path, retries=0)
    assert str(error.value) == (
        f"a.gz could not be downloaded: {closed} (no connection), {server.base}/wrong/ (wrong checksum)"
    )


def test_a_silent_mirror(tmp_path, monkeypatch):
    monkeypatch.setattr("deepbelief.data.download._SECONDS_TO_WAIT", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(DataError, match="no answer within"):
            download("a.gz", [f"http://127.0.0.1:{silent.getsockname()[1]}/"], SHA256, tmp_path, retries=0)
    assert list(tmp_path.iterdir()) == []


FETCH = """
import sys
from pathlib import Path
from deepbelief.data.download import download
mirror, checksum, folder = sys.argv[1:]
download("a.gz", [mirror], checksum, Path(folder), retries=0)
"""


def test_two_processes_at_once(server, tmp_path):
    command = [sys.executable, "-W", "error", "-c", FETCH, f"{server.base}/together/", SHA256, str(tmp_path)]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["a.gz"]
    assert (tmp_path / "a.gz").read_bytes() == BODY


def test_progress_counts_the_bytes(server, tmp_path):
    seen = []
    download("a.gz", [f"{server.base}/good/"], SHA256, tmp_path, lambda *step: seen.append(step))
    done = [step[1] for step in seen]
    assert done == sorted(done) and done[-1] == len(BODY)
    assert {(name, total) for name, _, total in seen} == {("a.gz", len(BODY))}


def test_poochs_logger_is_left_as_it_was(server, tmp_path):
    logger = pooch.get_logger()
    before = (logger.level, list(logger.filters), list(logger.handlers))
    download("a.gz", [f"{server.base}/good/"], SHA256, tmp_path)
    with pytest.raises(DataError):
        download("b.gz", [f"{server.base}/missing/"], SHA256, tmp_path, retries=0)
    assert (logger.level, list(logger.filters), list(logger.handlers)) == before


def test_other_threads_are_still_heard(server, tmp_path):
    heard = []
    listener = logging.Handler()
    listener.emit = lambda record: heard.append(record.getMessage())
    logger = pooch.get_logger()
    logger.addHandler(listener)

    def speak(*_):
        if not heard:
            other = threading.Thread(target=logger.info, args=("from elsewhere",))
            other.start()
            other.join()

    try:
        download("a.gz", [f"{server.base}/good/"], SHA256, tmp_path, speak)
    finally:
        logger.removeHandler(listener)
    assert heard == ["from elsewhere"]


def test_folders_that_cannot_be_made_or_written(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be made"):
        download("a.gz", [f"{server.base}/good/"], SHA256, tmp_path / "file")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pooch.core, "make_local_storage", refuse)
    with pytest.raises(DataError, match=r"cannot be written \(Permission denied\)"):
        download("a.gz", [f"{server.base}/good/"], SHA256, tmp_path)
    assert server.asked == []
