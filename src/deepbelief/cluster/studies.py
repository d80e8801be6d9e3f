"""Several studies at once: each seed of each of them is a run of its own."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack

from deepbelief.cluster.tasks import Task, Workers
from deepbelief.errors import DeepBeliefError
from deepbelief.study.execution import SeedRun
from deepbelief.study.records import Results
from deepbelief.study.run import Study


def run_studies(
    studies: Sequence[Study],
    workers_of: Callable[[int], AbstractContextManager[Workers]],
    finished: Callable[[Study, Results], None],
) -> None:
    """Run the seeds of all studies by several workers; each study ends as if it had run alone.

    Args:
        studies: each in a folder of its own, which all machines share.
        workers_of: gives the workers, from the number of runs there are to do; it is not called if there are none.
        finished: is called for each study whose seeds have all come to their end, while others still run.

    Raises:
        DeepBeliefError: a folder is another's, or runs failed; all others come to their end before.
    """
    with ExitStack() as held:
        runs = [(study, held.enter_context(study.claimed())) for study in studies]
        left = [(study, [run for run in of if not run.is_finished(study.dataset)]) for study, of in runs]
        for (study, of), (_, to_do) in zip(runs, left, strict=True):
            for run in of:
                if run not in to_do:
                    run.run(study.dataset)  # which removes what is needed no longer, if that was not done
            if not to_do:
                finished(study, study.write_results())
        if count := sum(len(to_do) for _, to_do in left):
            _run_all(
                [(study, to_do) for study, to_do in left if to_do], held.enter_context(workers_of(count)), finished
            )


def _run_all(
    left: list[tuple[Study, list[SeedRun]]], workers: Workers, finished: Callable[[Study, Results], None]
) -> None:
    """Run what is left of each study."""
    study_of, failed = {}, []
    missing = {study: len(to_do) for study, to_do in left}
    for study, to_do in left:
        images = workers.share(study.dataset)
        for run in to_do:
            task = Task(study.name, run, images, study.folder / "study.json")
            study_of[task] = study
            workers.submit(task)
    for task, status, error in workers.results():
        study = study_of[task]
        if error is not None:
            failed.append(f"{task.name}, seed {task.run.seed}: {error}")
            continue
        missing[study] -= 1
        if not missing[study]:
            finished(study, study.write_results(status.machine))
    if failed:
        more = f" {len(failed) - 1} more failed." if len(failed) > 1 else ""
        raise DeepBeliefError(f"{failed[0]}{more}")
