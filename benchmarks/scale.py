"""What a step of learning costs in computing and in messages, and from that a model of many processes and hosts.

    .venv/bin/python benchmarks/scale.py

Measures, for CD-1 of 784-1000 in float32: the seconds of a step for batches of several sizes with one thread; those of
adding up in 2 and 4 processes on this host, through shared memory and by messages; the drawing of random numbers; and,
on Fashion-MNIST, what the same number of images teaches in batches of several sizes. Writes
benchmarks/results/scale.json, from which `scale_tables.py` foretells the tables of docs/scale.md.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from processes import BATCH, HIDDEN, VISIBLE, WAYS, do_without_memory, shared_environments

from deepbelief import DBN, Pretraining, Random, RBMSettings, evaluate, load_dataset
from deepbelief.data import Images
from deepbelief.likelihood import AISSettings
from deepbelief.system.machine import describe_machine
from deepbelief.system.processes import joined

RESULTS = Path(__file__).parent / "results"
PARAMETERS = VISIBLE * HIDDEN + VISIBLE + HIDDEN
SHARES = [16, 32, 64, 128, 256, 512]
BATCHES = [128, 512, 2048, 8192]
RATES = [0.025, 0.05, 0.1, 0.2, 0.4]
REPEATS = 40


def step_of(batch: int) -> float:
    """Seconds of a step of one process with one thread: the median of some epochs of 40 steps."""
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (batch * REPEATS, VISIBLE), np.uint8))
    dbn = DBN.from_sizes([VISIBLE, HIDDEN], Random(0), weight_std=0.1)
    settings = RBMSettings(epochs=6, batch_size=batch, learning_rate=0.01)
    moments = []
    for _ in Pretraining(dbn, Images(pixels, 255), settings, random=0).epochs():
        moments.append(time.perf_counter())
    return statistics.median(np.diff(moments)) / REPEATS


def adding_up(way: str) -> None:
    """One process's part: seconds of a sum of all parameters, and of a single value, on the output."""
    torch.set_num_threads(1)
    if way == "messages":
        do_without_memory()
    with joined() as processes:
        seconds = []
        for size in (PARAMETERS, 1):
            values, moments = torch.zeros(size), [time.perf_counter()]
            for _ in range(5 * REPEATS):
                processes.add_up([values])
                moments.append(time.perf_counter())
            seconds.append(statistics.median(np.diff(moments)))
        if processes.is_first:
            print(json.dumps(seconds))


def sums(count: int, way: str) -> dict[str, Any]:
    """What `adding_up` finds in so many processes."""
    command = [sys.executable, __file__, "--adding-up", way]
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for environment in shared_environments(count)
    ]
    every, one = json.loads(running[0].communicate()[0])
    for process in running:
        process.wait()
    return {"processes": count, "by": way, "all_parameters": every, "one_value": one}


def drawing() -> float:
    """Seconds of the random numbers of a row: a state of each hidden and of each visible unit."""
    random, probabilities = Random(0), torch.full((BATCH, VISIBLE + HIDDEN), 0.5)
    states, moments = torch.empty_like(probabilities), [time.perf_counter()]
    for _ in range(REPEATS):
        random.bernoulli(probabilities, out=states)
        moments.append(time.perf_counter())
    return statistics.median(np.diff(moments)) / BATCH


def batch_limits(images: int, epochs: int, hidden: int) -> list[dict[str, Any]]:
    """Log-likelihood of test images after the same number of images, in batches of several sizes, at several rates."""
    data, found = load_dataset("fashion-mnist"), []
    training = data.train.subset(slice(0, images)) if images else data.train
    for batch in BATCHES:
        for rate in RATES:
            dbn = DBN.from_sizes([VISIBLE, hidden], Random(0, "weights"))
            settings = RBMSettings(epochs=epochs, batch_size=batch, learning_rate=rate)
            list(Pretraining(dbn, training, settings, random=1).epochs())
            chosen = AISSettings.of(temperatures=1000, chains=50)
            both = evaluate(dbn, training, data.test, Random(2), chosen, number=500).bracket
            found.append({"batch": batch, "rate": rate, "upper": both.upper_mean, "lower": both.lower_mean})
            print(found[-1])
    return found


def main(
    images: Annotated[int, typer.Option(help="Training images for the limits of the batch; 0: all.")] = 0,
    epochs: Annotated[int, typer.Option(help="Of these.")] = 5,
    hidden: Annotated[int, typer.Option(help="Units, for these.")] = 300,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = RESULTS / "scale.json",
    adding: Annotated[str | None, typer.Option("--adding-up", hidden=True)] = None,
) -> None:
    """Measure, print, keep the figures."""
    if adding is not None:
        return adding_up(adding)
    limits = batch_limits(images, epochs, hidden)
    torch.set_num_threads(1)
    record = {
        "machine": describe_machine(torch.device("cpu")) | {"threads": 1},
        "versions": {"torch": torch.__version__},
        "task": {"visible": VISIBLE, "hidden": HIDDEN, "parameters": PARAMETERS},
        "steps": {str(batch): step_of(batch) for batch in SHARES},
        "drawing_row": drawing(),
        "sums": [sums(count, way) for count in (2, 4) for way in WAYS],
        "limits": {"images": images or 60_000, "epochs": epochs, "hidden": hidden, "found": limits},
    }
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: record[name] for name in ("steps", "drawing_row", "sums")}, indent=1))


if __name__ == "__main__":
    typer.run(main)
