"""A limit for compressed files: a few bytes of gzip or zip can expand to gigabytes, which would take all memory."""

from pathlib import Path
from typing import Final

from deepbelief.errors import DataError

_DEFLATE: Final = 1032  # no byte of gzip or zip expands to more, https://zlib.net/zlib_tech.html
_IMAGES: Final = 100  # the most that images are ever compressed
_ALWAYS: Final = 256 << 20  # bytes that any machine has


def check_promise(path: Path, promised: int, packed: int) -> None:
    """Refuse a file that promises more bytes than its packed ones can hold, before any memory is taken for them.

    The limit is 256 MiB or 100 times the packed size, whichever is more, and at most what deflate allows, 1032 times.

    Raises `DataError`.

    >>> check_promise(Path("images.gz"), promised=47_040_016, packed=9_912_422)
    """
    if promised > min(_DEFLATE * packed, max(_ALWAYS, _IMAGES * packed)):
        raise DataError(
            f"{path} promises {promised} bytes in {packed} packed ones, too much to be true of images; "
            "write it anew, and unpacked if it is right."
        )
