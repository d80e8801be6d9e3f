"""The examples run as a user would run them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_every_example_is_tested() -> None:
    assert [path.name for path in EXAMPLES.glob("*.py")] == ["fashion_mnist.py"]


@pytest.mark.parametrize("script", ["fashion_mnist.py"])
def test_example(script: str) -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLES / script), "digits", "3"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()
    assert last[0].startswith("layer 1 epoch 1: reconstruction error")
    accuracies = [float(line.rpartition(" ")[2]) for line in last if "accuracy" in line]
    assert len(accuracies) == 8
    assert min(accuracies[:2]) > 0.8
