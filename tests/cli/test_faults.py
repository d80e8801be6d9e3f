"""What a machine does to a study: a full disk, a folder that cannot be written, another run, a clock that is set back.

Each ends with one sentence and exit code 1; nothing that was finished is lost, and the same command goes on from there.
"""

import errno
import io
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

from deepbelief.data import TensorSource
from deepbelief.explorer import page as explorer_page
from deepbelief.learning import resumption
from deepbelief.learning.backprop.classifier import MinibatchSettings, MinibatchTraining
from deepbelief.models.feedforward import FeedForward
from deepbelief.report import page
from deepbelief.study import execution
from deepbelief.study.context import Context, Findings
from deepbelief.system.atomic import is_temporary
from tests.cli.test_cli import assert_refused, quickly

# What changes a disk: modules and names of functions, and whether a call is such an attempt.
ATTEMPTS: list[tuple[Any, str, Callable[..., bool]]] = [
    (io, "open", lambda path, mode="r", *_, **__: bool({*mode} & {*"wax+"})),
    (os, "open", lambda path, flags, *_, **__: bool(flags & (os.O_WRONLY | os.O_RDWR))),
    (os, "mkdir", lambda path, *_, **__: not Path(path).exists()),
    (os, "replace", lambda *_: True),
]


class Disk:
    """A disk on which whatever is opened for writing, made or renamed in the folder `run` fails, from a moment on.

    Args:
        number: of the first attempt that fails, from 1.
        error: with which it fails, of `errno`.
        for_good: all later attempts fail as well.
    """

    def __init__(self, number: int, error: int, for_good: bool = False) -> None:
        self._left, self._error, self._for_good = number, error, for_good

    @property
    def has_failed(self) -> bool:
        return self._left <= 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patched:
            for module, name, changes in ATTEMPTS:
                patched.setattr(module, name, self._failing(getattr(module, name), changes))
            yield

    def _failing(self, work: Callable[..., Any], changes: Callable[..., bool]) -> Callable[..., Any]:
        def attempt(path: Any, *arguments: Any, **named: Any) -> Any:
            if str(path).startswith("run") and changes(path, *arguments, **named):
                self._left -= 1
                if self._left == 0 or (self._left < 0 and self._for_good):
                    raise OSError(self._error, os.strerror(self._error), str(path))
            return work(path, *arguments, **named)

        return attempt


def trained(context: Context) -> Findings:
    """A stage that trains a network, with a checkpoint after each epoch."""
    network = FeedForward([4, 3, 2], torch.relu, context.random("network"))
    items = TensorSource(context.random("items").uniform((20, 4))), torch.arange(20) % 2
    training = MinibatchTraining(
        network, items, MinibatchSettings(epochs=3, patience=0), random=context.random("training")
    )
    losses = [record.loss for record in context.train("ffnn", training)]
    context.save_network("ffnn", network, "relu")
    return Findings(metrics={"loss/ffnn@3": training.records[-1].loss}, facts={"epochs": len(losses)})


def measured(context: Context) -> Findings:
    """A stage that is done at once."""
    return Findings(metrics={"accuracy/ffnn": 0.5})


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny: str) -> Path:
    """A folder with a recipe whose study has two quick stages and no report."""
    monkeypatch.setattr(execution, "stages_of", lambda *_: {"trained": trained, "measured": measured})
    monkeypatch.setattr(resumption, "_SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    monkeypatch.setattr(page, "build_report", lambda folder: folder / "report.html")
    monkeypatch.setattr(explorer_page, "build_explorer", lambda folder, _: folder / "explorer.html")
    (tmp_path / "mine.toml").write_text(tiny)
    return tmp_path


def held(folder: Path) -> dict[str, Any]:
    """Every lasting file of a run, without what no two runs have in common."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != ".lock" and not path.name.startswith("events."):
            content: Any = path.read_bytes()
            if path.suffix == ".json":
                content = json.loads(content)
                content.pop("seconds", None)
                content["metrics"] = {
                    name: value
                    for name, value in content.get("metrics", {}).items()
                    if not name.startswith(("time/", "memory/"))
                }
                content.get("facts", {}).pop("epochs", None)  # those after an interruption
            found[str(path.relative_to(folder))] = content
    return found


def study(folder: Path, out: str, *more: str) -> subprocess.CompletedProcess[str]:
    return quickly("study", "mine.toml", "--out", out, "--device", "cpu", *more, cwd=folder)


@pytest.mark.parametrize(("for_good", "more"), [(False, ()), (True, ()), (False, ("--tensorboard",))])
def test_a_disk_that_is_full_at_any_moment(quick: Path, for_good: bool, more: tuple[str, ...]) -> None:
    assert study(quick, "whole").returncode == 0
    whole = held(quick / "whole")
    assert len(whole) > 6
    number, moments = 0, 0
    while True:
        number += 1
        disk = Disk(number, errno.ENOSPC, for_good)
        with disk():
            done = study(quick, "run", *more)
        if not disk.has_failed:
            break
        moments += 1
        assert_refused(done, 1, "No space left on device")
        assert "run" in done.stderr
        for path in (quick / "run").rglob("*.json"):
            json.loads(path.read_text())
        before = {path: path.read_bytes() for path in (quick / "run").rglob("stages/*")}
        if number % 2:  # else it goes on from wherever the last moment has left it
            assert study(quick, "run").returncode == 0
            assert all(path.read_bytes() == content for path, content in before.items())
            assert held(quick / "run") == whole
            assert not [path for path in (quick / "run").rglob(".*") if is_temporary(path)]
            (quick / "run").rename(quick / f"run-{number}")
    assert moments > 10
    assert held(quick / "run") == whole


@pytest.mark.parametrize("error", [errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written(quick: Path, error: int) -> None:
    with Disk(1, error, for_good=True)():
        done = study(quick, "run")
    assert_refused(done, 1, f"run can hold no study ({os.strerror(error)}): give another folder with --out.")
    assert study(quick, "run").returncode == 0
    before = held(quick / "run")
    with Disk(1, error, for_good=True)():
        done = study(quick, "run")  # it was finished, and is now on a read-only disk
    assert_refused(done, 1, os.strerror(error))
    assert held(quick / "run") == before


def test_tensorboard_that_is_not_installed_is_told_of_before_any_work(
    quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert_refused(study(quick, "run", "--tensorboard"), 1, 'install it with pip install "deepbelief[tensorboard]".')
    assert not (quick / "run").exists()
    assert study(quick, "run").returncode == 0


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = tmp_path / "file" / "cache"
    for name, value in {"XDG_CACHE_HOME": str(cache), "DEEPBELIEF_DATA": "", "HOME": str(cache)}.items():
        monkeypatch.setenv(name, value)
    done = quickly("data", "kmnist", cwd=tmp_path)
    assert_refused(done, 1, "for downloads cannot be made (Not a directory); give a folder that holds its files")


def test_a_second_run_in_the_same_folder(quick: Path) -> None:
    assert study(quick, "run").returncode == 0
    (quick / "run" / "seed-0" / "stages" / "measured.json").unlink()
    before = held(quick / "run")
    with FileLock(quick / "run" / ".lock"):
        done = study(quick, "run")
    assert_refused(done, 1, "another study is at work in run: wait for it, or give --out.")
    assert held(quick / "run") == before
    assert study(quick, "run").returncode == 0


def test_a_clock_that_is_set_back(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an hour at each look, with files from what is then the future, in an interrupted study."""
    assert study(quick, "whole").returncode == 0
    seconds = itertools.count(time.time(), -3600)
    monkeypatch.setattr(time, "time", lambda: float(next(seconds)))

    def interrupted(context: Context) -> Findings:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(execution, "stages_of", lambda *_: {"trained": trained, "measured": interrupted})
        assert study(quick, "run").returncode == 130
    for path in (quick / "run").rglob("*"):
        os.utime(path, (1e10, 1e10))
    assert study(quick, "run").returncode == 0
    assert held(quick / "run") == held(quick / "whole")
    for path in (quick / "run").rglob("stages/*.json"):
        assert json.loads(path.read_text())["seconds"] >= 0


QUICK = """
import sys
from deepbelief.cli import main
from tests.cli.test_faults import execution, explorer_page, measured, page, trained

execution.stages_of = lambda *_: {"trained": trained, "measured": measured}
page.build_report = lambda folder: folder / "report.html"
explorer_page.build_explorer = lambda folder, _: folder / "explorer.html"
"""
LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
main()
"""
WITHOUT_EVENTS = """
import errno, os
from tensorboard.summary.writer.record_writer import RecordWriter

def full(self, data):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

RecordWriter.write = full
main()
"""


def alone(folder: Path, code: str, *before: str, after: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """A study of the quick stages in a process of its own, started by this code, with words before and after others."""
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = {**os.environ, "PYTHONPATH": paths}
    command = [
        sys.executable,
        "-c",
        QUICK + code,
        *before,
        "study",
        "mine.toml",
        "--out",
        "run",
        "--device",
        "cpu",
        *after,
    ]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)


def test_a_disk_too_full_for_events_is_one_sentence(quick: Path) -> None:
    """TensorBoard writes in a thread of its own, which must not show its traceback as well."""
    done = alone(quick, WITHOUT_EVENTS, after=["--tensorboard"])
    assert_refused(done, 1, "run/seed-0/watch/ffnn: No space left on device; nothing that was finished is lost.")
    assert study(quick, "run").returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit for the size of a file")
def test_a_file_of_which_only_the_beginning_can_be_written(quick: Path) -> None:
    """As on a disk that becomes full in the middle of a file."""
    assert study(quick, "whole").returncode == 0
    whole = held(quick / "whole")
    limit = (quick / "whole" / "results.json").stat().st_size - 1
    done = alone(quick, LIMITED, str(limit))
    assert_refused(done, 1, ": File too large; nothing that was finished is lost.")
    left = held(quick / "run")
    assert left
    assert left.items() <= whole.items()
    assert not [path for path in (quick / "run").rglob(".*") if is_temporary(path)]
    assert study(quick, "run").returncode == 0
    assert held(quick / "run") == whole
