"""Temporary files: of whom they are, when they go, and what a full disk says."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepbelief.system.atomic import replacing, sweep, temporary_name, write_atomically


def test_what_a_killed_process_left_is_swept_up(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from deepbelief.system.atomic import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    inside = tmp_path / "seed-0" / "models"
    subprocess.run([sys.executable, "-c", code, str(inside / "dbn.safetensors")], check=False)
    (left,) = inside.iterdir()
    assert left.name.endswith(".deepbelief.dbn.safetensors")
    for name in (".12.notes", ".deepbelief", ".x.deepbelief.y", "1.deepbelief.z"):  # a user's own
        (inside / name).write_text("mine")
    (tmp_path / f"{left.name}.d").mkdir()  # such as a download's
    sweep(tmp_path)
    assert not left.exists()
    assert sorted(path.name for path in inside.iterdir()) == [
        ".12.notes",
        ".deepbelief",
        ".x.deepbelief.y",
        "1.deepbelief.z",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["seed-0"]


def test_what_is_being_written_stays(tmp_path: Path) -> None:
    with replacing(tmp_path / "record") as temporary:
        temporary.write_bytes(b"half")
        sweep(tmp_path)
        assert temporary.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["record"]


def test_the_number_of_a_process_may_be_given_to_another_one(tmp_path: Path) -> None:
    old = tmp_path / temporary_name("record")
    old.write_bytes(b"half")
    os.utime(old, (1e9, 1e9))  # long before this process began
    sweep(tmp_path)
    assert not old.exists()


@pytest.mark.parametrize("method", ["write_bytes", "open", "replace"])
def test_a_full_disk_names_the_file(tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record"
    write_atomically(path, b"old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk, pytest.raises(OSError, match="No space left on device") as raised:
        disk.setattr(Path, method, full)
        write_atomically(path, b"new")
    assert raised.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_added_whole_is_not_added(tmp_path: Path) -> None:
    """As on a disk that becomes full in the middle of a line."""
    pytest.importorskip("resource", reason="Windows has no limit for the size of a file")
    code = """
import resource, sys
from pathlib import Path
from deepbelief.system.atomic import append
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
path = Path(sys.argv[1])
append(path, b"whole\\n")
try:
    append(path, b"x" * 200_000)
except OSError as error:
    print(error.filename, path.stat().st_size)
"""
    path = tmp_path / "lines"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path} 6\n"
    assert path.read_bytes() == b"whole\n"
