"""Kills workers of studies at random moments: the studies go on, and nothing may be lost.

`make kill-workers` does 20 kills by SIGKILL, each of one of two workers of `torchrun`, at a random moment of a study:
`torchrun` ends the other one and starts both anew. `make kill-workers ARGS="--ray --kills 10"` kills those of Ray that
have a seed each, and the one to which they tell where they are. What is in the folder of a study that has come to its
end is compared with that of a study that nobody disturbed, and another study begins.

The last line tells of the kills and of the studies that lost something; if there are any, the exit code is 1.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
from conftest import TINY
from kill import differences, what_lasts

# A training of some seconds, and a checkpoint after each of its epochs: as much to interrupt as there can be.
RECIPE = TINY.replace("epochs = [3, 2]", "epochs = 20").replace("epochs = 3", "epochs = 20")
RECIPE = RECIPE.replace("batch_size = 10", "batch_size = 50")
WORKER = """
from deepbelief.cli import main
from deepbelief.cluster import pool
from deepbelief.learning import resumption

resumption._SECONDS_BETWEEN_CHECKPOINTS = 0.0
work = pool._work

def saving_often(*given):
    resumption._SECONDS_BETWEEN_CHECKPOINTS = 0.0
    return work(*given)

pool._work = saving_often
main()
"""
STUDY = ["worker.py", "study", "killed.toml"]
TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--max-restarts=1000", "--monitor-interval=0.1"]


@dataclass(frozen=True)
class Way:
    """How studies are run, and which processes are killed."""

    begin: list[str]
    end: list[str]

    def start(self, place: Path, out: str) -> subprocess.Popen[bytes]:
        """Two workers on a study whose folder is `out`."""
        command = [sys.executable, *self.begin, *STUDY, *self.end, "--out", out]
        with (place / f"{out}.log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=place, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}
            )

    def at_work(self, started: subprocess.Popen[bytes]) -> list[tuple[str, psutil.Process]]:
        """The workers that are alive and have something to do, by their names."""
        found = []
        for process in psutil.Process(started.pid).children(recursive=True):
            try:
                name = self._name_of(process)
                if name and process.status() != psutil.STATUS_ZOMBIE:
                    found.append((name, process))
            except (psutil.Error, KeyError):  # it has just ended, or just begun
                continue
        return sorted(found, key=lambda pair: pair[0])

    def _name_of(self, process: psutil.Process) -> str:
        """The name of a worker; none if it is no worker, or has nothing to do."""
        title = " ".join(process.cmdline()[:1])
        if self.begin:
            return f"worker {process.environ()['RANK']}" if "worker.py" in process.cmdline() else ""
        return title if title.startswith(("ray::saving_often", "ray::_Board")) else ""


def run_and_kill(way: Way, place: Path, out: str, most: int, longest: float, moments: random.Random) -> Counter[str]:
    """Run a study to its end, and kill its workers so many times at the most; returns whom.

    Raises:
        ChildProcessError: it failed.
    """
    started, kills = way.start(place, out), Counter[str]()
    try:
        while kills.total() < most:
            try:
                started.wait(moments.uniform(0, longest))
                break
            except subprocess.TimeoutExpired:
                if alive := way.at_work(started):  # else they are just being started
                    name, process = moments.choice(alive)
                    process.kill()
                    kills[name] += 1
        if started.wait(timeout=1200):
            raise ChildProcessError((place / f"{out}.log").read_text(encoding="utf-8")[-2000:])
    finally:
        if started.poll() is None:
            started.terminate()
            started.wait()
    return kills


def main() -> None:
    """Do it and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments; they also depend on the machine")
    parser.add_argument("--ray", action="store_true", help="kill workers of Ray instead of those of torchrun")
    arguments = parser.parse_args()
    moments, kills, studies, lost = random.Random(arguments.seed), Counter[str](), 0, 0
    # What Ray runs is compared with two seeds that ran one after the other.
    way = Way([], ["--seeds", "2", "--ray", "local"]) if arguments.ray else Way(TORCHRUN, [])
    undisturbed = Way([], ["--seeds", "2"]) if arguments.ray else way
    place = Path(tempfile.mkdtemp(prefix="deepbelief-kill-workers-"))
    try:
        (place / "killed.toml").write_text(RECIPE, encoding="utf-8")
        (place / "worker.py").write_text(WORKER, encoding="utf-8")
        begun = time.monotonic()
        run_and_kill(undisturbed, place, "whole", 0, 0.0, moments)
        longest, whole = time.monotonic() - begun, dict(what_lasts(place / "whole"))
        print(f"undisturbed: {longest:.1f} s", flush=True)
        while kills.total() < arguments.kills:
            studies, out, begun = studies + 1, f"study-{studies + 1}", time.monotonic()
            try:
                kills += run_and_kill(way, place, out, arguments.kills - kills.total(), longest, moments)
                longest = min(longest, time.monotonic() - begun)  # the machine may have less else to do now
                wrong = differences(place / out, whole)
            except ChildProcessError as error:
                sys.exit(f"study {studies} did not go on: {error}")
            lost += bool(wrong)
            print(f"study {studies}: {kills.total()} kills so far, {', '.join(wrong) or 'nothing lost'}", flush=True)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print("killed:", ", ".join(f"{whom} {count} times" for whom, count in sorted(kills.items())))
    print(
        f"{kills.total()} kills of {studies} studies: {lost} studies lost anything; the others' weights, records and "
        "results are bit for bit those of a study that was not killed"
    )
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
