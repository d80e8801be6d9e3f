"""Sets up the streams to which a command writes."""

import io
import sys


def write_in_any_encoding() -> None:
    """Write `?` for a character that the standard streams' encoding lacks, instead of ending with an error.

    Where a system's own encoding is not UTF-8 (a redirected output on Windows, `LC_ALL=POSIX` in some containers), a
    dash or a plus-minus sign would end a study with an error after hours. It is a choice for a whole process,
    so the command line makes it and the library never does.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
