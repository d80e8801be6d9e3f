"""Sums over processes of one host: exact where memory is shared, and by messages everywhere else."""

from pathlib import Path

import pytest
import torch

from deepbelief.system import shared_memory
from deepbelief.system.shared_memory import SharedMemory
from tests.started_together import errors_of, start

PROGRAM = "tests.system.shared_sums"
on_linux = pytest.mark.skipif(not SharedMemory(2, 0)._possible, reason="memory is shared on Linux and x86-64 alone")


@on_linux
def test_sums_are_right_with_and_without_shared_memory(tmp_path: Path) -> None:
    errors = errors_of(start(PROGRAM, "sums", 3, tmp_path))
    assert not any(errors), "\n".join(errors)
    assert not list(tmp_path.iterdir())


@on_linux
def test_those_who_wait_for_a_killed_process_are_told(tmp_path: Path) -> None:
    first, second = start(PROGRAM, "killed", 2, tmp_path)
    error = errors_of([first])[0]  # while nobody has asked for the other's end, which then still counts as a process
    assert "DeepBeliefError: another of the processes that learn together has ended" in error
    second.communicate()
    assert second.returncode == -9


def test_one_process_and_other_processors_share_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not SharedMemory(1, 0).add_up([torch.ones(3)])
    monkeypatch.setattr(shared_memory, "_ORDERED", False)
    assert not SharedMemory(2, 0).add_up([torch.ones(3)])  # without a word to the other one
