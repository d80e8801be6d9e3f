"""The streams to which a command writes, and its last sentence after an error."""

import io
import sys
from typing import NoReturn


def write_in_any_encoding() -> None:
    """Write `?` for a character that the standard streams' encoding lacks, instead of ending with an error.

    Where a system's own encoding is not UTF-8 (a redirected output on Windows, `LC_ALL=POSIX` in some containers), a
    dash or a plus-minus sign would end a study with an error after hours. It is a choice for a whole process,
    so the command line makes it and the library never does.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def stop(message: object, code: int) -> NoReturn:
    """End the process with one sentence on the error stream and an exit code."""
    print(f"deepbelief: {message}", file=sys.stderr)
    sys.exit(code)
