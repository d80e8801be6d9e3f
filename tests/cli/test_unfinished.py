"""A training of one's own table that is stopped goes on; whatever else is in its folder stays."""

import json
from pathlib import Path

import numpy as np
import pytest

from deepbelief.learning import resumption
from deepbelief.system.lock import locked
from tests.cli.test_cli import assert_refused, quickly
from tests.cli.test_tables import frame

WORDS = ("train", "t.csv", "--without", "name", "--hidden", "6,4", "--epochs", 3, "--classifier-epochs", 3)
STEPS = 3 + 3 + 3  # epochs of both layers and of the classifier


class Stops:
    """A `Progress` that is stopped at a step, counted from 1."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, what: str, done: int, total: int) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table, whose trainings write a checkpoint after each step."""
    frame().to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.setattr(resumption, "_SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    return tmp_path


def stop(here: Path, at: int, out: str) -> None:
    """Begin, or go on with, a training and stop it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("deepbelief.cli.output.steps_line", Stops(at))
        done = quickly(*WORDS, "--out", out, cwd=here)
    assert_refused(done, 130, "stopped; the same command goes on from here.")
    assert not (here / out / "dbn.safetensors").exists()


def files(folder: Path) -> dict[str, bytes]:
    """Names and contents of the files of a model; of its record all but the time."""
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}
    record = json.loads(found["training.json"])
    assert record.pop("seconds") >= 0
    return {**found, "training.json": json.dumps(record).encode()}


def test_a_stopped_training_goes_on_to_the_same_model(here: Path) -> None:
    assert quickly(*WORDS, "--out", "whole", cwd=here).returncode == 0
    whole = files(here / "whole")
    assert sorted(whole) == ["classifier.safetensors", "dbn.safetensors", "training.json"]
    for step in range(1, STEPS + 1):
        stop(here, step, f"{step}")
        assert quickly(*WORDS, "--out", f"{step}", cwd=here).returncode == 0
        assert files(here / f"{step}") == whole, step
    for _ in range(STEPS):  # one step at a time
        stop(here, 1, "often")
    assert quickly(*WORDS, "--out", "often", cwd=here).returncode == 0
    assert files(here / "often") == whole


def test_what_was_stopped_goes_on_with_the_same_alone(here: Path) -> None:
    stop(here, 4, "m")
    left = sorted((here / "m").rglob("*"))
    refused = "m holds a stopped training of other rows or with other options"
    for other in (("--seed", 1), ("--batch-size", 10), ("--without", "tail")):
        assert_refused(quickly(*WORDS, *other, "--out", "m", cwd=here), 2, refused)
    table = (here / "t.csv").read_text()
    (here / "t.csv").write_text(table.replace("fox", "jay", 1))
    assert_refused(quickly(*WORDS, "--out", "m", cwd=here), 2, refused)
    (here / "t.csv").write_text(table)
    with locked(here / "m"):
        assert_refused(quickly(*WORDS, "--out", "m", cwd=here), 1, "another training is at work in m")
    assert sorted((here / "m").rglob("*")) == left
    (here / "m" / "training.json").write_text("{")  # a model that was written in part
    assert quickly(*WORDS, "--out", "m", cwd=here).returncode == 0
    assert_refused(quickly(*WORDS, "--out", "m", cwd=here), 2, "m is there and not empty")


def test_a_damaged_checkpoint_is_named(here: Path) -> None:
    stop(here, 4, "m")
    checkpoint = here / "m" / "unfinished" / "layers.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    assert_refused(quickly(*WORDS, "--out", "m", cwd=here), 1, "layers.safetensors cannot be read")
    checkpoint.unlink()
    assert quickly(*WORDS, "--out", "m", cwd=here).returncode == 0


def test_a_training_that_fails_leaves_nothing_in_its_way(here: Path) -> None:
    done = quickly(*WORDS, "--learning-rate", 1e30, "--out", "m", cwd=here)
    assert_refused(done, 1, "diverged")
    assert quickly(*WORDS, "--out", "m", cwd=here).returncode == 0


def test_a_stopped_training_of_a_folder_of_files_goes_on(here: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)
    (here / "d").mkdir()
    for number, part in enumerate(np.split(rows, 3)):
        np.save(here / "d" / f"{number}.npy", part)
    words = ("train", "d", "--hidden", "6,4", "--epochs", 3)
    done = quickly(*words, "--out", "whole", cwd=here)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("d: 4 real columns; 90 rows")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("deepbelief.cli.output.steps_line", Stops(4))
        assert_refused(quickly(*words, "--out", "m", cwd=here), 130, "stopped; the same command goes on from here.")
    np.save(here / "d" / "2.npy", rows[:30])
    assert_refused(quickly(*words, "--out", "m", cwd=here), 2, "m holds a stopped training of other rows")
    np.save(here / "d" / "2.npy", rows[60:])
    assert quickly(*words, "--out", "m", cwd=here).returncode == 0
    assert files(here / "m") == files(here / "whole")
