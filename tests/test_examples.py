"""The examples run as a user would run them."""

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def printed(script: str, *arguments: str) -> list[str]:
    """The lines that an example prints; no warning is let pass."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / script), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_every_example_is_tested() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == ["fashion_mnist.py", "ratings.py"]


def test_fashion_mnist() -> None:
    lines = printed("fashion_mnist.py", "digits", "3")
    assert lines[0].startswith("layer 1 epoch 1: reconstruction error")
    accuracies = [float(line.rpartition(" ")[2]) for line in lines if "accuracy" in line]
    assert len(accuracies) == 8
    assert min(accuracies[:2]) > 0.8


def test_ratings() -> None:
    constant, ours, best = (float(line.rpartition(" ")[2]) for line in printed("ratings.py", "20")[-3:])
    assert best <= ours < best + 0.05 < constant - 0.3
