"""Writes files so that none is ever half-written, and removes the temporary files of killed processes."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

_TEMPORARY: Final = re.compile(r"\.(\d{1,9})\.deepbelief\..+")
"""A temporary file's name: the process that writes it, and the name that it will have (with its ending)."""

_CLOCKS_DIFFER: Final = 2.0  # seconds, at most, between that of the files and that of the processes


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A temporary path to write to, which takes the place of `path` if all goes well, and else disappears.

    An `OSError`, such as that of a full disk, names `path`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(temporary_name(path.name))
    try:
        yield temporary
        with temporary.open("r+b") as file:  # Windows writes out only what is open for writing
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.filename in (None, str(temporary)):  # a write that fails names no file
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path | str, content: bytes) -> None:
    """Write a file so that a reader, a killed process or a power cut leaves the old content or all of the new."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def append(path: Path, content: bytes) -> None:
    """Add to the end of a file; an `OSError`, such as that of a full disk, leaves it as it was and names it."""
    with path.open("ab") as file:
        before = file.tell()
    try:
        with path.open("ab") as file:
            file.write(content)
    except OSError as error:
        os.truncate(path, before)
        error.filename = str(path)
        raise


def temporary_name(name: str) -> str:
    """The name under which this process writes what will be called `name`."""
    return f".{os.getpid()}.deepbelief.{name}"


def is_temporary(path: Path) -> bool:
    """Whether a path has the name of a temporary file."""
    return _TEMPORARY.fullmatch(path.name) is not None


def sweep(folder: Path) -> None:
    """Remove the temporary files and folders that killed processes left in a folder and in the folders in it."""
    for path in folder.rglob(".*"):
        named = _TEMPORARY.fullmatch(path.name)
        if named and not _is_at_work(int(named[1]), path):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _is_at_work(process: int, path: Path) -> bool:
    """Whether the process that wrote a temporary file is still alive, rather than a later one with the same number."""
    try:
        return bool(psutil.Process(process).create_time() < path.stat().st_mtime + _CLOCKS_DIFFER)
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False
