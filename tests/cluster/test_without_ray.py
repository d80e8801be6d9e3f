"""What studies at once need that is not Ray's: the order of things, the table, a worker's work, mistakes of users."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from rich.console import Console

from deepbelief.cli.runs import RunsTable, without_notices_of_ray
from deepbelief.cluster import pool, worker
from deepbelief.cluster.in_turn import InTurn
from deepbelief.cluster.pool import Pool
from deepbelief.cluster.studies import run_studies
from deepbelief.cluster.tasks import Status, Step
from deepbelief.cluster.worker import Teller, run_in_worker, with_threads
from deepbelief.data import Dataset
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.study import execution
from deepbelief.study.context import Context, Findings
from deepbelief.study.recipe import parse_recipe
from deepbelief.study.run import Study
from tests.cli.test_cli import assert_refused, quickly
from tests.cluster.conftest import MakeTask
from tests.conftest import TINY


def quick(context: Context) -> Findings:
    """A stage that fails for some seeds."""
    if context.seed >= 10:
        raise DeepBeliefError(f"seed {context.seed} is too large.")
    return Findings(metrics={"accuracy/ffnn": 0.5})


@pytest.fixture
def quick_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "stages_of", lambda *_: {"quick": quick})


@pytest.mark.usefixtures("quick_stages")
def test_one_study_fails_and_the_other_is_finished(digits: Dataset, tmp_path: Path) -> None:
    recipe = parse_recipe(TINY, "tiny")
    studies = [Study(name, recipe, digits, tmp_path / name, seeds) for name, seeds in (("a", [1, 10, 11]), ("b", [2]))]
    finished = []
    with pytest.raises(DeepBeliefError, match=r"a, seed 10: seed 10 is too large. 1 more failed."):
        run_studies(studies, lambda _: InTurn(), lambda study, results: finished.append((study.name, results.seeds)))
    assert finished == [("b", [2])]
    assert not (tmp_path / "a" / "results.json").exists()
    assert (tmp_path / "a" / "seed-1" / "stages" / "quick.json").exists()  # stays


@pytest.mark.usefixtures("quick_stages")
def test_all_folders_are_locked_before_anything_runs(digits: Dataset, tmp_path: Path) -> None:
    recipe = parse_recipe(TINY, "tiny")
    studies = [Study(name, recipe, digits, tmp_path / name) for name in ("a", "b")]
    (tmp_path / "b").mkdir()
    with FileLock(tmp_path / "b" / ".lock"), pytest.raises(DeepBeliefError, match=r"another study is at work in .*b: "):
        run_studies(studies, lambda _: pytest.fail("it began"), lambda *_: None)


def test_a_worker_has_its_threads_and_no_other_worker_in_the_folder(
    digits: Dataset, task_of: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, steps, before = task_of(digits), list[Step](), torch.get_num_threads()
    monkeypatch.setattr(worker, "_PATIENCE", 0.01)
    proof = task.proof, task.proof.read_bytes()
    task.run.folder.mkdir()
    half_written = task.run.folder / ".999999999.deepbelief.dbn.safetensors"  # no process has this number
    half_written.touch()
    with FileLock(task.run.folder / ".lock"), pytest.raises(DeepBeliefError, match="another worker is at work in"):
        run_in_worker(task.run, digits, proof, 3, steps.append)
    machine, seconds = run_in_worker(task.run, digits, proof, 3, steps.append)
    assert not half_written.exists()
    assert machine["threads"] == 3
    assert torch.get_num_threads() == before
    assert seconds > 0
    assert {(step.stage, step.number, step.stages) for step in steps} == {("pretraining", 1, 1)}  # more, if it is slow


def test_threads_are_put_back_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), with_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise ZeroDivisionError
    assert torch.get_num_threads() == before


def test_steps_are_told_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[Step]()
    teller = Teller(told.append, "here")
    teller.stage("pretraining", 3, 19, 0)
    teller.step(1, 5, "at once")
    monkeypatch.setattr(worker, "_SECONDS_BETWEEN_STEPS", 0.0)
    teller.step(2, 5, "later")
    teller.finished("pretraining", 1.0, "")
    assert told == [Step("pretraining", 3, 19, host="here"), Step("pretraining", 3, 19, "2/5 later", "here")]


def shown(runs: list[list[Status]], **how: Any) -> str:
    stream = io.StringIO()
    with RunsTable(Console(file=stream, width=100, **how)) as table:
        for state in runs:
            table.show(state)
    return stream.getvalue()


STORY = [
    [Status("tiny", 0), Status("[b]", 1)],
    [Status("tiny", 0, "running", Step("data", 1, 19, "1/2 [x]", "first"), seconds=3.0), Status("[b]", 1)],
    [Status("tiny", 0, "waiting", lost=1), Status("[b]", 1, "failed")],
    [Status("tiny", 0, "finished", lost=1, seconds=7.0), Status("[b]", 1, "failed")],
]


def test_changes_are_lines_where_the_output_goes_to_a_file() -> None:
    assert shown(STORY).splitlines() == [
        "tiny seed 0: running on first",
        "tiny seed 0: waiting, its worker was lost, after 1 lost workers",
        "[b] seed 1: failed",
        "tiny seed 0: finished, after 1 lost workers, 7 s",
    ]


def test_a_terminal_shows_what_is_at_work_in_a_table() -> None:
    text = shown(STORY, force_terminal=True)
    assert "first     1/19 data" in text
    assert "1/2 [x]" in text
    assert "waiting, its worker was lost" in text
    assert "tiny seed 0: finished" in text


def test_notices_of_ray_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    with without_notices_of_ray():
        for stream in (sys.stdout, sys.stderr):
            print("\033[33m(raylet)\033[0m A worker died or was killed\nin two lines", file=stream)
            print("something else", file=stream)
            assert stream.encoding
    assert tuple(capsys.readouterr()) == ("something else\n", "something else\n")


Refused = Callable[[str, str, int], None]


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    def check(arguments: str, message: str, code: int) -> None:
        before = sorted(tmp_path.rglob("*"))
        done = quickly(*arguments.split(), cwd=tmp_path)
        assert_refused(done, code, message)
        assert done.stdout == ""
        assert sorted(tmp_path.rglob("*")) == before

    return check


def test_mistakes_are_told_in_a_sentence(refused: Refused, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    refused("study tiny.toml --threads 2", "--threads is for --ray", 2)
    refused("study tiny.toml ./tiny.toml", "two recipes are called tiny", 2)
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    refused("study tiny.toml --ray local", "use one of the two", 2)
    refused("search plan.toml", "start it without torchrun", 2)


def test_without_ray_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingsError, match=r"""--ray needs the package ray: pip install "deepbelief\[ray\]"."""):
        Pool("local", 1)


def test_errors_of_a_machine_become_sentences() -> None:
    class Raised(Exception):
        def __init__(self, cause: Exception) -> None:
            self.cause = cause

    full = pool._as_ours(Raised(OSError(28, "No space left on device", "run/x")))
    assert str(full) == "run/x: No space left on device; nothing that was finished is lost."
    lacking = pool._as_ours(Raised(ModuleNotFoundError("No module named 'deepbelief'")))
    assert "install the same on all of them" in str(lacking)
    with pytest.raises(Raised):
        pool._as_ours(Raised(KeyError("a fault of ours")))
