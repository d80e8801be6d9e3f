"""A lock that keeps other processes out of a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from deepbelief.errors import DeepBeliefError
from deepbelief.system.atomic import is_temporary

LOCK: Final = ".lock"  # the name of its file


def is_unused(folder: Path) -> bool:
    """Whether a folder has nothing in it but a lock, and temporary files of processes that were killed."""
    return all(path.name == LOCK or is_temporary(path) for path in folder.iterdir())


@contextmanager
def locked(
    folder: Path, work: str = "study", advice: str = "wait for it, or give --out", patience: float = 0.0
) -> Iterator[None]:
    """Make a folder for some work, and keep other processes from claiming it and from working in it.

    Args:
        folder: to have.
        work: what is done there, for messages.
        advice: what to do where another process is at work there.
        patience: seconds to wait for it to end.

    Raises:
        DeepBeliefError: another process is at work there, or there can be no such folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = FileLock(folder / LOCK, timeout=patience).acquire()
    except Timeout:
        raise DeepBeliefError(f"another {work} is at work in {folder}: {advice}.") from None
    except (OSError, NotImplementedError) as error:  # the latter where a file system has no locks
        why = getattr(error, "strerror", None) or error
        raise DeepBeliefError(f"{folder} can hold no {work} ({why}): give another folder with --out.") from None
    with held:
        yield
