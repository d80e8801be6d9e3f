"""Trainings that processes share: the model of one process, whatever their number."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.learning import Tempering
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.learning.rbm.training import RBMTraining
from deepbelief.models.rbm import RBM, bernoulli_rbm
from deepbelief.models.units import Bernoulli, ReplicatedSoftmax
from deepbelief.randomness import Random
from deepbelief.system import processes
from deepbelief.system.processes import Processes
from tests.learning.shared_trainings import TRAININGS, everything, first_half, halves, items, rbm_training, second_half
from tests.started_together import errors_of, start

ROOT = Path(__file__).parents[2]
PROGRAM = "tests.learning.shared_trainings"


def finish(work: str, count: int, folder: Path) -> None:
    errors = errors_of(start(PROGRAM, work, count, folder))
    assert not any(errors), "\n".join(errors)


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The ends of all trainings in two processes, and in four, more than the last batch has rows, by messages alone."""
    folders = {count: tmp_path_factory.mktemp(f"{count}-processes") for count in (2, 4)}
    work = {2: "all", 4: "all_by_messages"}
    running = {count: start(PROGRAM, work[count], count, folder) for count, folder in folders.items()}
    for count in running:
        errors = errors_of(running[count])
        assert not any(errors), "\n".join(errors)
    return folders


def assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Equal up to rounding in float64, and random numbers bit by bit."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if value.is_floating_point():
            torch.testing.assert_close(found[name], value, rtol=0, atol=1e-12, equal_nan=True, msg=name)
        else:
            assert torch.equal(found[name], value), name


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("name", TRAININGS)
def test_processes_learn_what_one_learns(ends: dict[int, Path], name: str, count: int) -> None:
    assert_equal(load_file(ends[count] / f"{name}.safetensors"), everything(TRAININGS[name]()))


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_a_checkpoint_goes_on_in_another_number_of_processes(tmp_path: Path, before: int, after: int) -> None:
    for work, count in ((first_half, before), (second_half, after)):
        if count > 1:
            finish(work.__name__, count, tmp_path)
        else:
            work(tmp_path, first=True)
    assert_equal(load_file(tmp_path / "whole.safetensors"), everything(halves()))


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_killed_workers_go_on_and_end_with_the_same_model(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--max-restarts=2"]
    work = ["-m", "tests.learning.shared_trainings", "killed", str(tmp_path)]
    done = subprocess.run([*command, *work], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "epochs").read_text().split() == ["1", "2", "3", "4"]  # no epoch is done again
    assert_equal(load_file(tmp_path / "whole.safetensors"), everything(halves()))


def test_processes_with_other_seeds_are_told(tmp_path: Path) -> None:
    errors = errors_of(start(PROGRAM, "other_seeds", 2, tmp_path))
    assert any("DeepBeliefError: the processes do not have the same data or random numbers" in one for one in errors)


def test_one_process_alone_is_not_asked_to_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_distributed", None)  # any use of it fails
    monkeypatch.setattr(processes, "started_together", lambda: False)
    list(rbm_training(persistent_chains=4, centring=True, sparsity_cost=1.0).epochs())


def test_what_processes_cannot_share_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for settings, message in (
        ({"persistent_chains": 8, "tempering": Tempering(temperatures=3)}, "tempering is for one process"),
        ({"persistent_chains": 2}, "3 processes cannot share 2 chains"),
    ):
        rbm = bernoulli_rbm(7, 5, Random(0))
        monkeypatch.setattr(processes, "_here", Processes(3, 1))
        with pytest.raises(SettingsError, match=message):
            RBMTraining(rbm, items(), RBMSettings(**settings))
    counts = RBM(ReplicatedSoftmax(7, 2), Bernoulli(5), Random(0))
    with pytest.raises(SettingsError, match="counts of words"):
        RBMTraining(counts, torch.ones(4, 7), RBMSettings())


@pytest.mark.parametrize(("whole", "count"), [(10, 3), (2, 5), (0, 2), (512, 8)])
def test_shares_are_the_whole(whole: int, count: int) -> None:
    shares = [Processes(count, rank).share(whole) for rank in range(count)]
    rows = torch.arange(100, 100 + whole)
    assert torch.equal(torch.cat([share.of(rows) for share in shares]), rows)
    assert [share.of(slice(5, 5 + whole)).start for share in shares[1:]] == [5 + one.rows.stop for one in shares[:-1]]
    assert sum(share.here for share in shares) == whole
    assert max(share.here for share in shares) <= Processes(count).most(whole)
    assert max(share.here for share in shares) - min(share.here for share in shares) <= 1


def test_deepbelief_train_runs_under_torchrun(tmp_path: Path) -> None:
    rows = [f"{number % 2},{number % 3 % 2},{'yes' if number % 2 else 'no'}" for number in range(60)]
    (tmp_path / "table.csv").write_text("\n".join(["first,second,label", *rows]) + "\n")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "deepbelief", "train"]
    options = ["--hidden", "4", "--epochs", "2", "--classifier-epochs", "2", "--out", "model"]
    done = subprocess.run([*command, "table.csv", *options], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2, done.stdout  # what is in the table, and what became of it: once each
    written = {path.name for path in (tmp_path / "model").iterdir() if not path.name.startswith(".")}
    assert written == {"dbn.safetensors", "classifier.safetensors", "training.json"}
