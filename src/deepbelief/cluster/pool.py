"""Runs as tasks of Ray: they wait for a free worker, and go on in another one when theirs is lost."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, final

from deepbelief.cluster.tasks import Status, Step, Task
from deepbelief.cluster.worker import run_in_worker
from deepbelief.data import Dataset
from deepbelief.errors import DeepBeliefError, SettingsError, one_line
from deepbelief.study.execution import SeedRun

LOCAL: Final = "local"
"""The address that stands for this machine alone."""
_PAUSE: Final = 0.5  # seconds between two looks at the runs
_MOST_LOSSES: Final = 20  # of a run's workers in one stage: then it is the run that kills them


@final
class Pool:
    """Workers of Ray, on this machine or on a cluster; use it in a `with` block.

    Args:
        address: "local", or that of a cluster (host:port, or "auto" on one of its machines).
        at_once: how many runs there will be, at the most, at the same time: the cores are shared out among them.
        threads: of each run, if not a share of the cores.
        gpu: whether each run needs a GPU.
        show: is given the state of all runs twice a second.

    Raises:
        SettingsError: Ray is not installed, or no machine has so many cores, or a GPU.
        DeepBeliefError: there is no cluster at this address.
    """

    def __init__(
        self,
        address: str,
        at_once: int,
        threads: int | None = None,
        gpu: bool = False,
        show: Callable[[Sequence[Status]], None] = lambda _: None,
    ) -> None:
        self._address, self._at_once, self._wanted, self._gpu, self._show = address, at_once, threads, gpu, show
        self._ray = _ray()
        self._at_work: dict[Any, Task] = {}
        self._status: dict[Task, Status] = {}
        self._losses: dict[Task, dict[str, int]] = {}

    def __enter__(self) -> "Pool":
        ray = self._ray
        try:
            ray.init(
                address=self._address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **({"include_dashboard": False} if self._address == LOCAL else {}),
            )
        except Exception as error:  # of many kinds, also the bare one
            raise DeepBeliefError(self._no_cluster(one_line(str(error)))) from error
        try:
            self.threads = self._share_of_cores()
            self._board = ray.remote(num_cpus=0, max_restarts=-1)(_Board).remote()
            # Lost workers are seen to here, where a user is told of them.
            self._work = ray.remote(num_cpus=self.threads, num_gpus=int(self._gpu), max_retries=0)(_work)
        except BaseException:
            ray.shutdown()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reference in self._at_work:
            self._ray.cancel(reference, force=True)
        self._ray.shutdown()

    def _no_cluster(self, why: str) -> str:
        """The sentence where Ray cannot be reached, or does not start."""
        if self._address == LOCAL:
            return f"Ray does not start here ({why}): give the same command again when the machine has less to do."
        return (
            f"there is no cluster of Ray at {self._address} ({why}): give the address that `ray start --head` "
            "printed, or local."
        )

    def _share_of_cores(self) -> int:
        """How many threads each run has."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        cores = [int(node.get("CPU", 0)) for node in nodes]
        if self._gpu and not any(node.get("GPU") for node in nodes):
            raise SettingsError("no machine of the cluster has a GPU: give --device cpu.")
        threads = self._wanted or max(1, min(sum(cores) // max(1, self._at_once), min(one for one in cores if one)))
        if threads > max(cores):
            raise SettingsError(f"no machine has {threads} cores, the largest has {max(cores)}: set --threads lower.")
        return threads

    @property
    def at_once(self) -> int:
        """How many runs the cores are enough for at the same time."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)) // self.threads)

    def share(self, images: Dataset) -> Any:
        """A reference to images, for `Task`: they are sent to each machine once."""
        return self._ray.put(images)

    def submit(self, task: Task) -> None:
        """Let a run wait for a free worker."""
        self._status[task] = Status(task.name, task.run.seed)
        self._losses[task] = {}
        self._send(task)

    def _send(self, task: Task) -> None:
        proof = task.proof, task.proof.read_bytes()
        number = list(self._status).index(task)
        self._at_work[self._work.remote(task.run, task.images, proof, self.threads, self._board, number)] = task

    def results(self) -> Iterator[tuple[Task, Status, DeepBeliefError | None]]:
        """Each run that comes to its end, or its error; until none is left, also of those that are submitted meanwhile.

        Raises:
            DeepBeliefError: workers of a run are lost again and again in the same stage.
        """
        while self._at_work:
            ready, _ = self._ray.wait(list(self._at_work), timeout=_PAUSE)
            self._look()
            ended = [(task := self._at_work.pop(reference), self._end_of(reference, task)) for reference in ready]
            self._show(list(self._status.values()))
            for task, end in ended:
                if end is not None:
                    yield task, *end

    def _look(self) -> None:
        """Learn where all runs are."""
        try:
            told: dict[int, tuple[Step, float]] = self._ray.get(self._board.told.remote(), timeout=10 * _PAUSE)
        except self._ray.exceptions.RayError:  # its own worker was lost, and is there again soon
            return
        at_work = {*self._at_work.values()}
        for number, (task, status) in enumerate(self._status.items()):
            if number in told and task in at_work:
                status.state = "running"
                status.step, status.seconds = told[number]

    def _end_of(self, reference: Any, task: Task) -> tuple[Status, DeepBeliefError | None] | None:
        """How a run ended; None if its worker was lost, and it goes on in another one."""
        status, exceptions = self._status[task], self._ray.exceptions
        try:
            status.machine, status.seconds = self._ray.get(reference)
        except exceptions.RayTaskError as error:
            status.state = "failed"
            return status, _as_ours(error)
        except exceptions.RayError as error:
            self._count_loss(task, error)
            self._send(task)
            return None
        status.state = "finished"
        return status, None

    def _count_loss(self, task: Task, error: Exception) -> None:
        status, losses = self._status[task], self._losses[task]
        status.lost, status.state = status.lost + 1, "waiting"
        stage = status.step.stage if status.step is not None else "start"
        losses[stage] = losses.get(stage, 0) + 1
        if losses[stage] >= _MOST_LOSSES:
            raise DeepBeliefError(
                f"{task.name}, seed {task.run.seed}: {_MOST_LOSSES} workers were lost at the stage {stage}, the last "
                f"one so: {one_line(str(error))[:300]}; what is finished stays, and the same command goes on."
            )


class _Board:
    """An actor of Ray to which workers tell where they are."""

    def __init__(self) -> None:
        self._told: dict[int, Step] = {}
        self._begun: dict[int, float] = {}

    def tell(self, number: int, step: Step) -> None:
        """Where a run is."""
        self._told[number] = step
        self._begun.setdefault(number, time.monotonic())

    def told(self) -> dict[int, tuple[Step, float]]:
        """Where all are, and how many seconds since they began."""
        now = time.monotonic()
        return {number: (step, now - self._begun[number]) for number, step in self._told.items()}


def _work(
    run: SeedRun, images: Dataset, proof: tuple[Path, bytes], threads: int, board: Any, number: int
) -> tuple[dict[str, Any], float]:
    """The task of Ray."""
    return run_in_worker(run, images, proof, threads, lambda step: board.tell.remote(number, step))


def _as_ours(error: Any) -> DeepBeliefError:
    """The error of a run, as it was raised in the worker; one that no user can mend stays as it is."""
    cause = error.cause
    if isinstance(cause, DeepBeliefError):
        return cause
    if isinstance(cause, OSError):
        return DeepBeliefError(
            f"{cause.filename or 'the system'}: {cause.strerror}; nothing that was finished is lost."
        )
    if isinstance(cause, ModuleNotFoundError):
        return DeepBeliefError(f"a machine of the cluster lacks a package ({cause}): install the same on all of them.")
    raise error


def _ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ModuleNotFoundError:
        raise SettingsError('--ray needs the package ray: pip install "deepbelief[ray]".') from None
    return ray
