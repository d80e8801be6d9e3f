"""How much sooner several processes are done than one, with the same model in the end.

    .venv/bin/python benchmarks/processes.py --rounds 5

An epoch of CD-1 on noise, 784-1000, batches of 512 over all processes, each with one thread; several processes add up
through memory that they share, as those of one host do, and by messages, as those of several hosts do. Runs take turns,
so that a busy moment hits them all; ratios are medians over the rounds. `speed_up` is that of the clock, `work_saved`
that of the first process's time at work. Then the same in float64, and how far the weights are from those of one
process. `--most 4` adds what each further process costs where there are no more cores for it. Writes
benchmarks/results/processes.json.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import torch
import typer

from deepbelief import DBN, Pretraining, Random, RBMSettings
from deepbelief.data import Images
from deepbelief.system.machine import describe_machine
from deepbelief.system.processes import joined
from deepbelief.system.shared_memory import SharedMemory

RESULTS = Path(__file__).parent / "results"
VISIBLE, HIDDEN, BATCH = 784, 1000, 512
WAYS = ("memory", "messages")


def do_without_memory() -> None:
    """From now on add up by messages alone, as on several hosts."""
    SharedMemory.add_up = lambda self, tensors: False  # type: ignore[method-assign]


def train(images: int, dtype: torch.dtype, messages: bool, weights: Path) -> None:
    """One process's part: the seconds of an epoch after a first one, those at work and all, on the output."""
    torch.set_num_threads(1)
    if messages:
        do_without_memory()
    with joined() as processes:
        pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (images, VISIBLE), np.uint8))
        dbn = DBN.from_sizes([VISIBLE, HIDDEN], Random(0), weight_std=0.1).to(dtype)
        settings = RBMSettings(epochs=2, batch_size=BATCH, learning_rate=0.01)
        epochs = Pretraining(dbn, Images(pixels, 255), settings, random=0).epochs()
        next(epochs)
        started, at_work = time.perf_counter(), time.process_time()
        next(epochs)
        if processes.is_first:
            print(json.dumps([time.process_time() - at_work, time.perf_counter() - started]))
            torch.save(dbn.layer(1).weights.detach(), weights)


def shared_environments(count: int) -> list[dict[str, str]]:
    """What `torchrun` would tell each of so many processes of this host, with one thread for each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    return [{**os.environ, **shared, "RANK": str(rank)} for rank in range(count)]


def run(count: int, way: str, images: int, dtype: str, weights: Path) -> tuple[float, float]:
    """The seconds of an epoch in so many processes: those that the first one's threads were at work, and all."""
    command = [sys.executable, __file__, "--one", dtype, "--images", str(images), "--out", str(weights)]
    command += ["--messages"] if way == "messages" else []
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for environment in shared_environments(count)
    ]
    answers = [process.communicate()[0] for process in running]
    at_work, seconds = json.loads(answers[0])
    return at_work, seconds


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each number of processes.")] = 5,
    most: Annotated[int, typer.Option(min=2, help="Processes: 1, 2, 4, ... up to this number.")] = 2,
    images: Annotated[int, typer.Option(help="Of an epoch.")] = 61_440,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = RESULTS / "processes.json",
    one: Annotated[str | None, typer.Option(hidden=True)] = None,
    messages: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Time them, print a line for each number of processes, keep the figures."""
    if one is not None:
        return train(images, getattr(torch, one), messages, out)
    counts = [2**power for power in range(most.bit_length()) if 2**power <= most]
    runs = [(count, way) for count in counts for way in (WAYS if count > 1 else WAYS[:1])]
    took: dict[tuple[int, str], list[tuple[float, float]]] = {each: [] for each in runs}
    load = [psutil.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for each in runs:
                took[each].append(run(*each, images, "float32", Path(folder) / "weights"))
        load.append(psutil.getloadavg()[0])
        weights = {}
        for count, way in runs:
            path = Path(folder) / f"{count} {way}"
            run(count, way, min(images, 10 * BATCH + 100), "float64", path)
            weights[count, way] = torch.load(path)
    alone = runs[0]
    found: list[dict[str, Any]] = [
        {
            "processes": count,
            "by": way,
            "seconds": statistics.median(passed for _, passed in took[count, way]),
            "speed_up": statistics.median(a[1] / b[1] for a, b in zip(took[alone], took[count, way], strict=True)),
            "work_saved": statistics.median(a[0] / b[0] for a, b in zip(took[alone], took[count, way], strict=True)),
            "rounds": [passed for _, passed in took[count, way]],
            "rounds_at_work": [busy for busy, _ in took[count, way]],
            "largest_difference_of_weights_float64": float((weights[count, way] - weights[alone]).abs().max()),
        }
        for count, way in runs
    ]
    for line in found:
        print({name: value for name, value in line.items() if not name.startswith("rounds")})
    record = {
        "machine": describe_machine(torch.device("cpu")) | {"threads": 1},
        "load_average": load,
        "versions": {"torch": torch.__version__},
        "task": {"visible": VISIBLE, "hidden": HIDDEN, "batch": BATCH, "images": images},
        "counts": found,
    }
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
