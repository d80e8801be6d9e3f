"""Starts a program of the tests several times, as processes that find each other."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def start(module: str, work: str, count: int, folder: Path) -> list[subprocess.Popen[str]]:
    """`python -m MODULE WORK FOLDER` so many times, with what `torchrun` would give them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    return [
        subprocess.Popen(
            [sys.executable, "-m", module, work, str(folder)],
            env={**os.environ, **shared, "RANK": str(rank)},
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]


def errors_of(running: list[subprocess.Popen[str]]) -> list[str]:
    """What each process wrote to its error stream; empty where it ended well."""
    errors = [process.communicate()[1] for process in running]
    return [error if process.returncode else "" for process, error in zip(running, errors, strict=True)]
