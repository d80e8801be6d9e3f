"""A study under `torchrun`: what each process does, and that the result is that of one."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from deepbelief.data import load_dataset
from deepbelief.errors import SettingsError
from deepbelief.study.checks import check_fit
from deepbelief.study.execution import SeedRun
from deepbelief.study.recipe import parse_recipe
from deepbelief.study.records import read_results
from deepbelief.study.run import Study
from deepbelief.system import processes
from deepbelief.system.atomic import is_temporary
from deepbelief.system.precision import FP32
from deepbelief.system.processes import Processes, alone, here
from tests.conftest import TINY

# Checkpoints after each epoch, and the second process kills itself after one of them, once.
WORKER = """
import os, signal
from pathlib import Path
from deepbelief.cli import main
from deepbelief.learning import resumption

save = resumption.save_checkpoint

def save_and_die(path, training, seconds):
    save(path, training, seconds)
    if os.environ["RANK"] == "1" and len(training.records) == 3 and not Path("died").exists():
        Path("died").touch()
        os.kill(os.getpid(), signal.SIGKILL)

resumption._SECONDS_BETWEEN_CHECKPOINTS = 0.0
resumption.save_checkpoint = save_and_die
main()
"""


def test_a_study_of_two_processes_is_that_of_one_though_one_of_them_is_killed(tmp_path: Path) -> None:
    text = TINY.replace("fp32", "fp64")
    (tmp_path / "worker.py").write_text(WORKER)
    (tmp_path / "tiny.toml").write_text(text)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--max-restarts=1"]
    done = subprocess.run(
        [*command, "worker.py", "study", "tiny.toml", "--out", "two"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "died").exists()
    assert done.stdout.count(" generation ") == 1  # one process prints
    assert done.stdout.count("already there") == 2  # the stages before the one that was interrupted
    assert (tmp_path / "two" / "report.html").exists()
    assert (tmp_path / "two" / "explorer.html").exists()
    assert not [path for path in (tmp_path / "two").rglob(".*") if is_temporary(path)]
    alone = Study("tiny", parse_recipe(text, "tiny"), load_dataset("digits"), tmp_path / "one").run()
    together = read_results(tmp_path / "two")
    assert together.machine["processes"] == 2
    assert set(together.metrics) == set(alone.metrics)
    for name, metric in alone.metrics.items():
        if not name.startswith(("time/", "memory/")):
            assert together.metrics[name].mean == pytest.approx(metric.mean, rel=1e-9, abs=1e-9), name
    for path in (tmp_path / "one").rglob("models/*.safetensors"):
        other = load_file(tmp_path / "two" / path.relative_to(tmp_path / "one"))
        for name, values in load_file(path).items():
            np.testing.assert_allclose(other[name], values, rtol=0, atol=1e-9, err_msg=f"{path.name}: {name}")


def test_the_second_process_trains_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself it has all that trainings need but the models of earlier stages: those the first one writes."""
    began = []

    class Told:
        def stage(self, name: str, number: int, total: int, seed: int) -> None:
            began.append(name)

        def step(self, done: int, total: int, line: str) -> None: ...

        def finished(self, name: str, seconds: float, line: str) -> None: ...

    only = frozenset({"data", "samples", "pretraining", "features", "readouts", "psychometric"})
    run = SeedRun(parse_recipe(TINY, "tiny"), 0, torch.device("cpu"), FP32, tmp_path / "seed-0", only=only)
    monkeypatch.setattr(processes, "_here", Processes(2, 1))
    monkeypatch.setattr(Processes, "first_says", lambda self, answer: answer)
    monkeypatch.setattr(Processes, "add_up", lambda self, tensors: None)
    monkeypatch.setattr(Processes, "check_alike", lambda self, *numbers: None)
    monkeypatch.setattr(Processes, "as_first", lambda self, tensors: None)
    run.run(load_dataset("digits"), Told())
    assert began == ["pretraining"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_cannot_be_shared_is_refused_before_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = parse_recipe(TINY.replace("persistent_chains = 20", "persistent_chains = 2"), "tiny")
    check_fit(recipe, load_dataset("digits"), 0)
    monkeypatch.setattr(processes, "_here", Processes(3, 1))
    with pytest.raises(SettingsError, match="3 processes cannot share 2 chains"):
        check_fit(recipe, load_dataset("digits"), 0)


def test_a_process_can_be_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_here", Processes(3, 1))
    with pytest.raises(ZeroDivisionError), alone():
        assert here().count == 1
        raise ZeroDivisionError
    assert here() == Processes(3, 1)
