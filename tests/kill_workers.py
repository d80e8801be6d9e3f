"""Kills workers of studies under `torchrun` at random moments: they go on, and nothing may be lost.

`make kill-workers` does 20 kills by SIGKILL, each of one of two workers, at a random moment of a study. `torchrun` ends
the other one and starts both anew. What is in the folder of a study that has come to its end is compared with that of a
study that nobody disturbed, and another study begins.

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
from pathlib import Path

import psutil
from conftest import TINY
from kill import differences, what_lasts

# A training of some seconds, and a checkpoint after each of its epochs: as much to interrupt as there can be.
RECIPE = TINY.replace("epochs = [3, 2]", "epochs = [40, 40]").replace("epochs = 3", "epochs = 40")
WORKER = """
from deepbelief.cli import main
from deepbelief.learning import resumption
resumption._SECONDS_BETWEEN_CHECKPOINTS = 0.0
main()
"""
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--max-restarts=1000"]


def start(place: Path, out: str) -> subprocess.Popen[bytes]:
    """Two workers on a study whose folder is `out`."""
    command = [*TORCHRUN, "--monitor-interval=0.1", "worker.py", "study", "killed.toml", "--out", out]
    with (place / f"{out}.log").open("ab") as log:
        return subprocess.Popen(command, cwd=place, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})


def workers(agent: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The workers that are alive, in the order of their ranks."""
    found = []
    for process in psutil.Process(agent.pid).children():
        try:
            if "worker.py" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append((int(process.environ()["RANK"]), process))
        except (psutil.Error, KeyError):  # it has just ended, or just begun
            continue
    return [process for _, process in sorted(found, key=lambda pair: pair[0])]


def run_and_kill(place: Path, out: str, most: int, longest: float, moments: random.Random) -> Counter[str]:
    """Run a study to its end, and kill its workers so many times at the most; returns whom.

    Raises:
        ChildProcessError: it failed.
    """
    agent, kills = start(place, out), Counter[str]()
    try:
        while kills.total() < most:
            try:
                agent.wait(moments.uniform(0, longest))
                break
            except subprocess.TimeoutExpired:
                if len(alive := workers(agent)) == 2:  # else they are just being started
                    rank = moments.randrange(2)
                    alive[rank].kill()
                    kills[f"worker {rank}"] += 1
        if agent.wait(timeout=300):
            raise ChildProcessError((place / f"{out}.log").read_text(encoding="utf-8")[-2000:])
    finally:
        if agent.poll() is None:
            agent.terminate()
            agent.wait()
    return kills


def main() -> None:
    """Do it and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments; they also depend on the machine")
    arguments = parser.parse_args()
    moments, kills, studies, lost = random.Random(arguments.seed), Counter[str](), 0, 0
    place = Path(tempfile.mkdtemp(prefix="deepbelief-kill-workers-"))
    try:
        (place / "killed.toml").write_text(RECIPE, encoding="utf-8")
        (place / "worker.py").write_text(WORKER, encoding="utf-8")
        begun = time.monotonic()
        run_and_kill(place, "whole", 0, 0.0, moments)
        longest, whole = time.monotonic() - begun, dict(what_lasts(place / "whole"))
        print(f"undisturbed: {longest:.1f} s", flush=True)
        while kills.total() < arguments.kills:
            studies, out = studies + 1, f"study-{studies + 1}"
            try:
                kills += run_and_kill(place, out, arguments.kills - kills.total(), longest, moments)
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
