"""Downloads one file from the first of its mirrors that gives it whole and unaltered."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, final

import pooch
import requests

from deepbelief.errors import DataError
from deepbelief.progress import Progress
from deepbelief.system.atomic import sweep, temporary_name

_SECONDS_TO_WAIT: Final = 30
_CHUNK: Final = 1 << 16


def download(
    filename: str,
    mirrors: Sequence[str],
    checksum: str,
    folder: Path,
    progress: Progress | None = None,
    retries: int = 1,
) -> Path:
    """Fetch ``filename`` into ``folder`` from the first mirror that has it, unless it is there already.

    ``mirrors`` are base addresses that end in a slash, tried in order, each ``retries`` times more after a failure.
    ``checksum`` is a SHA-256 in hexadecimal, or ``"md5:..."``. ``progress`` gets the file's name and counts bytes. The
    file is written under a temporary name, checked, and only then renamed, so ``folder`` never holds part of it and
    several processes may ask for it at once. Unfinished downloads of killed processes are removed.

    Returns the file's path.

    Raises `DataError` if the folder cannot be written, or every mirror failed (the message says how).

    >>> import hashlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.gz").write_bytes(b"here already")
    ...     checksum = hashlib.sha256(b"here already").hexdigest()
    ...     download("a.gz", ["https://example.org/"], checksum, Path(folder)).name
    'a.gz'
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"the folder {folder} for downloads cannot be made ({error.strerror})") from error
    path, failures = folder / filename, []
    if path.is_file() and pooch.hashes.hash_matches(path, checksum):
        return path
    sweep(folder)
    for mirror in mirrors:
        bar = None if progress is None else _Bar(filename, progress)
        downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK, timeout=_SECONDS_TO_WAIT)
        try:
            with _quiet_pooch(), TemporaryDirectory(prefix=temporary_name(""), dir=folder) as temporary:
                # One store per mirror, since pooch knows only one address per file.
                store = pooch.create(temporary, mirror, registry={filename: checksum}, retry_if_failed=retries)
                return Path(store.fetch(filename, downloader=downloader)).replace(path)
        except PermissionError as error:
            raise DataError(f"the folder {folder} for downloads cannot be written ({error.strerror})") from error
        except (OSError, ValueError) as error:  # requests' errors are OSErrors; ValueError is pooch's wrong checksum
            failures.append(f"{mirror} ({_reason(error)})")
    raise DataError(f"{filename} could not be downloaded: " + ", ".join(failures))


def _reason(error: Exception) -> str:
    """Why a download failed, in a few words."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code}"
    reasons: list[tuple[type[Exception], str]] = [
        (requests.Timeout, f"no answer within {_SECONDS_TO_WAIT} s"),
        (requests.exceptions.SSLError, "no secure connection"),
        (requests.exceptions.ChunkedEncodingError, "connection cut"),
        (requests.ConnectionError, "no connection"),
        (requests.RequestException, type(error).__name__),
        (ValueError, "wrong checksum"),
    ]
    otherwise = getattr(error, "strerror", None) or type(error).__name__
    return next((words for kind, words in reasons if isinstance(error, kind)), otherwise)


@final
class _Bar:
    """The progress bar that pooch expects; it calls a function."""

    def __init__(self, filename: str, progress: Progress) -> None:
        self._filename = filename
        self._progress = progress
        self._done = 0
        self.total = 0  # set by pooch

    def update(self, size: int) -> None:
        # pooch counts whole chunks, also for the last, shorter one.
        self._done = min(self._done + size, self.total) if self.total else self._done + size
        self._progress(self._filename, self._done, self.total)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        """Nothing to close."""


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Hold back what pooch logs below WARNING in this thread.

    A filter rather than a level: two threads that saved and restored the one global level could leave it changed.
    """
    thread = threading.get_ident()

    def loud_or_foreign(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or record.thread != thread

    logger = pooch.get_logger()
    logger.addFilter(loud_or_foreign)
    try:
        yield
    finally:
        logger.removeFilter(loud_or_foreign)
