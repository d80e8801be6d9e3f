"""Runs as tasks of Ray: the same as without it, also when workers and machines are lost on the way."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from safetensors.numpy import load_file

from deepbelief.cluster import pool as pool_module
from deepbelief.cluster.pool import Pool
from deepbelief.cluster.studies import run_studies
from deepbelief.cluster.tasks import Status, Step, Task
from deepbelief.cluster.worker import with_threads
from deepbelief.data import Dataset
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.learning.rbm.records import DivergedError
from deepbelief.study.recipe import parse_recipe
from deepbelief.study.records import Results
from deepbelief.study.run import Study
from tests.cluster.conftest import MakeTask
from tests.conftest import TINY

LONG = "100"  # epochs of each layer, a second or two


def weights_of(folder: Path) -> dict[str, bytes]:
    """All parameters of the DBN that was trained in a folder."""
    return {name: value.tobytes() for name, value in load_file(folder / "models" / "dbn.safetensors").items()}


def test_two_studies_are_the_same_as_one_after_the_other(cluster: Any, digits: Dataset, tmp_path: Path) -> None:
    recipe = parse_recipe(TINY, "tiny")
    with with_threads(1):
        alone = Study("tiny", recipe, digits, tmp_path / "alone", [3]).run()
    studies = [Study("tiny", recipe, digits, tmp_path / name, seeds) for name, seeds in (("a", [3]), ("b", [3]))]
    shown: list[list[Status]] = []
    found: dict[str, Results] = {}

    def keep(study: Study, results: Results) -> None:
        found[study.folder.name] = results

    def workers(runs: int) -> Pool:
        assert runs == 2
        return Pool(cluster.address, runs, show=lambda all_runs: shown.append([replace(one) for one in all_runs]))

    run_studies(studies, workers, keep)
    assert set(found) == {"a", "b"}
    for name in ("a", "b"):
        assert weights_of(tmp_path / name / "seed-3") == weights_of(tmp_path / "alone" / "seed-3")
        kept = {key for key in alone.metrics if not key.startswith(("time/", "memory/"))}
        values = {key: found[name].metrics[key].values[0] for key in kept}
        assert values == {key: alone.metrics[key].values[0] for key in kept}
        assert found[name].machine["threads"] == 1
    assert [run.state for run in shown[-1]] == ["finished"] * 2
    assert {run.state for runs in shown for run in runs} >= {"running", "finished"}
    assert any(run.step is not None and run.step.stages == 19 for run in shown[-1])
    (tmp_path / "a" / "seed-3" / "checkpoints").mkdir()  # of a worker that was killed at its very end
    run_studies(studies, lambda _: pytest.fail("nothing is left to do"), keep)
    assert not (tmp_path / "a" / "seed-3" / "checkpoints").exists()


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers write a checkpoint after each epoch, and the first two begin at the same time."""
    work = pool_module._work

    def saving_often(run: Any, *given: Any) -> Any:
        import time

        from deepbelief.learning import resumption

        resumption._SECONDS_BETWEEN_CHECKPOINTS = 0.0
        (run.folder.parent / f"began-{run.seed}").touch()
        while not all((run.folder.parent / f"began-{seed}").exists() for seed in (0, 1)):
            time.sleep(0.05)
        return work(run, *given)

    saving_often.__module__ = "__main__"  # so that it is sent whole: no worker can import this file
    monkeypatch.setattr(pool_module, "_work", saving_often)


def undisturbed(task: Task, digits: Dataset, folder: Path) -> dict[str, bytes]:
    with with_threads(1):
        replace(task.run, folder=folder).run(digits)
    return weights_of(folder)


def kill_a_worker() -> None:
    """One that has a run."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "saving_often" in "".join(process.cmdline()[:1]):
                process.kill()
                return
    raise AssertionError("there is no worker")


def fail_in(pool: Pool, task_of: MakeTask, images: Any, folder: Path) -> None:
    """One run diverges, and one is on a machine that does not have the folder."""
    diverging = task_of(images, 2, learning_rate="1e30")
    elsewhere = replace(task_of(images, 3), proof=folder / "elsewhere")
    elsewhere.proof.write_text("here")
    pool.submit(diverging)
    pool.submit(elsewhere)
    elsewhere.proof.unlink()
    errors = {task: error for task, _, error in pool.results()}
    assert isinstance(errors[diverging], DivergedError)
    assert "elsewhere: give a folder with --out that all machines of the cluster share" in str(errors[elsewhere])


@pytest.mark.long
@pytest.mark.timeout(900)  # Ray is slow to start workers on a machine with much to do
@pytest.mark.usefixtures("often")
def test_a_killed_worker_and_a_machine_that_goes_away_lose_nothing(
    cluster: Any, task_of: MakeTask, digits: Dataset, tmp_path: Path
) -> None:
    """Each of two machines has a run: one machine goes away, and on the other the worker is killed."""
    disturbed, tasks = False, list[Task]()

    def disturb(runs: Sequence[Status]) -> None:
        nonlocal disturbed
        checkpoints = [task.run.folder / "checkpoints" / "pretraining.safetensors" for task in tasks]
        if not disturbed and all(path.exists() for path in checkpoints):
            disturbed = True
            cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
            kill_a_worker()

    with Pool(cluster.address, 2, show=disturb) as pool:
        images = pool.share(digits)
        tasks += [task_of(images, seed, epochs=LONG) for seed in (0, 1)]
        for task in tasks:
            pool.submit(task)
        ended = list(pool.results())
        fail_in(pool, task_of, images, tmp_path)
    cluster.add_node(num_cpus=1)
    assert disturbed
    assert [error for *_, error in ended] == [None, None]
    assert [status.lost for _, status, _ in ended] == [1, 1]
    for seed in (0, 1):
        with with_threads(1):
            whole = replace(task_of(None, seed, epochs=LONG).run, folder=tmp_path / f"whole-{seed}")
            whole.run(digits)
        assert weights_of(tmp_path / f"seed-{seed}") == weights_of(whole.folder)


def test_impossible_wishes_are_refused(cluster: Any) -> None:
    with (
        pytest.raises(SettingsError, match="no machine has 7 cores, the largest has 1: set --threads lower"),
        Pool(cluster.address, 2, threads=7),
    ):
        pass
    with pytest.raises(SettingsError, match="no machine of the cluster has a GPU"), Pool(cluster.address, 2, gpu=True):
        pass


def test_a_run_that_kills_its_workers_is_given_up(monkeypatch: pytest.MonkeyPatch, task_of: MakeTask) -> None:
    monkeypatch.setattr(pool_module, "_ray", lambda: None)
    pool, task = Pool("local", 1), task_of(None)
    pool._status[task], pool._losses[task] = Status("tiny", 0), {}
    for _ in range(pool_module._MOST_LOSSES - 1):
        pool._count_loss(task, MemoryError("killed"))
    pool._status[task].step = Step("pretraining", 3, 19)
    pool._count_loss(task, MemoryError("killed"))  # in another stage: it got on
    pool._status[task].step = None
    with pytest.raises(DeepBeliefError, match=r"tiny, seed 0: 20 workers were lost at the stage start, .* so: killed"):
        pool._count_loss(task, MemoryError("killed"))
