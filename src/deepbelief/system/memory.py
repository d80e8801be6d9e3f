"""How this process keeps freed memory."""

import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1  # numbers of glibc's malloc.h
_MMAP_THRESHOLD: Final = -3
_LARGEST_TRIM: Final = 2**31 - 1
_LARGEST_MMAP: Final = 32 * 2**20  # glibc takes no more


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory for later use instead of giving it back to the system at once.

    PyTorch takes and frees megabytes for every intermediate result; without this each of them is mapped and zeroed
    anew by the system, a fifth of the time of a small network on a CPU. It is a choice for a whole process, so the
    command line makes it and the library never does. Elsewhere than on glibc nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_TRIM_THRESHOLD, _LARGEST_TRIM)
    mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP)
