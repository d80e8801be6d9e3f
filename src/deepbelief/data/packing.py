"""How much a packed file may promise: a few bytes of gzip or zip can hold gigabytes, which would take all memory."""

from pathlib import Path
from typing import Final

from deepbelief.errors import DataError

_DEFLATE: Final = 1032  # no byte of gzip or zip gives more, https://zlib.net/zlib_tech.html
_IMAGES: Final = 100  # times smaller than unpacked: more than images ever are
_ALWAYS: Final = 256 << 20  # bytes that any machine can spare


def check_promise(path: Path, promised: int, packed: int) -> None:
    """Refuse a file that promises too many bytes for the size of its packed ones, before any memory is taken for them.

    Taken is what deflate can give at most (1032 times as much), up to 256 MiB or 100 times as much, whichever is more.

    Raises `DataError`.

    >>> check_promise(Path("images.gz"), promised=47_040_016, packed=9_912_422)
    """
    if promised > min(_DEFLATE * packed, max(_ALWAYS, _IMAGES * packed)):
        raise DataError(
            f"{path} promises {promised} bytes in {packed} packed ones, too much to be true of images; "
            "write it anew, and unpacked if it is right."
        )
