"""Ends the command after an error."""

import sys
from typing import NoReturn


def stop(message: object, code: int) -> NoReturn:
    """End the process with one sentence on the error stream and an exit code."""
    print(f"deepbelief: {message}", file=sys.stderr)
    sys.exit(code)
