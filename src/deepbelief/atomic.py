"""Files that are either old or new, never half-written; and the temporary files that a killed process left."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

_TEMPORARY: Final = re.compile(r"\.(\d{1,9})\.deepbelief\..+")
"""A temporary file's name: the process that writes it, and the name that it will have (with its ending)."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path to write to, which takes the place of `path` if all goes well, and else disappears.

    An `OSError`, such as that of a full disk, names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.deepbelief.{path.name}")
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


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, a killed process or a power cut leaves the old content or all of the new."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def is_temporary(path: Path) -> bool:
    """Whether a path is that of a file which `replacing` writes to."""
    return _TEMPORARY.fullmatch(path.name) is not None


def sweep(folder: Path) -> None:
    """Remove what killed processes left of `replacing` in a folder and the folders in it.

    Files of other processes that are alive stay. Those of this one go: call it before this process writes there, which
    in a container often has the same number as the one that was killed.
    """
    for path in folder.rglob(".*"):
        named = _TEMPORARY.fullmatch(path.name)
        if named and path.is_file() and (int(named[1]) == os.getpid() or not psutil.pid_exists(int(named[1]))):
            path.unlink(missing_ok=True)
