"""How fast an RBM learns from rows on a disk, and in how much memory, against the same rows in memory.

    .venv/bin/python benchmarks/from_disk.py --rows 10000000 --folder /somewhere/with/8/GB

Writes a file of noise of so many rows of 784 bytes, and deletes it at the end. Contenders are processes of their own
and take turns: `memory` has loaded the file, `disk` reads it in every epoch, and `cold` does so after the system was
told to forget what it keeps of the file (POSIX only). A round is an epoch of CD-1, 784-300, batch 128, with products in
bfloat16 where these are faster, as learning should be as quick as it gets. Writes benchmarks/results/from_disk.json.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import psutil
import torch
import typer
from numpy.lib.format import open_memmap

from deepbelief import DBN, Pretraining, Random, RBMSettings
from deepbelief.data import Images, Source, open_rows
from deepbelief.system.machine import describe_machine, peak_memory
from deepbelief.system.precision import seconds_per_product

HERE: Final = Path(__file__).parent
WIDTH: Final = 784
_PART: Final = 100_000  # rows written at a time


def write_noise(path: Path, rows: int) -> None:
    """A .npy file of random bytes, (rows, 784)."""
    numbers = np.random.default_rng(0)
    file = open_memmap(path, mode="w+", dtype=np.uint8, shape=(rows, WIDTH))
    for start in range(0, rows, _PART):
        end = min(start + _PART, rows)
        file[start:end] = numbers.integers(0, 256, (end - start, WIDTH), np.uint8)
    file.flush()


def source_of(name: str, path: Path) -> Source:
    """The rows of the file, in memory or on the disk."""
    return Images(torch.from_numpy(np.load(path)), 255) if name == "memory" else open_rows(path)


def forget(path: Path) -> None:
    """Let the system drop what it keeps of a file in memory."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def work(name: str, path: Path, products: str) -> None:
    """A contender: an epoch for each line that it reads, and then a line about it."""
    random, source = Random(0), source_of(name, path)
    dbn = DBN.from_sizes([WIDTH, 300], random, weight_std=0.1)
    settings = RBMSettings(epochs=10**6, batch_size=128, learning_rate=0.01)
    epochs = Pretraining(dbn, source, settings, random=random, products=getattr(torch, products)).epochs()
    print("ready", flush=True)
    for _ in sys.stdin:
        if name == "cold":
            forget(path)
        before = clocks()
        next(epochs)
        found = {key: value - before[key] for key, value in clocks().items()}
        print(json.dumps({**found, "peak_bytes": peak_memory()}), flush=True)


def clocks() -> dict[str, float]:
    """Seconds that passed, that the processor worked for the learning thread and for the others; bytes from the disk.

    On a busy machine the second is the steadier one.
    """
    learning = time.thread_time()
    return {
        "seconds": time.perf_counter(),
        "learning_seconds": learning,
        "other_seconds": time.process_time() - learning,
        "read_bytes": psutil.Process().io_counters().read_bytes if hasattr(psutil.Process, "io_counters") else 0,
    }


@contextmanager
def contender(name: str, path: Path, products: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has its rows."""
    command = [sys.executable, __file__, "work", name, str(path), products]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise SystemExit(f"the contender {name} did not start: run `{' '.join(command)}` to see why.")
        yield process
        assert process.stdin is not None
        process.stdin.close()


def round_of(process: subprocess.Popen[str]) -> dict[str, float]:
    """One epoch."""
    assert process.stdin is not None and process.stdout is not None
    print("go", file=process.stdin, flush=True)
    return dict(json.loads(process.stdout.readline()))


def compare(path: Path, names: list[str], products: str, rounds: int) -> dict[str, Any]:
    """Rounds in turns; after one that does not count, in which the disk contender's file comes into the cache."""
    with contender(names[0], path, products) as one, contender(names[1], path, products) as other:
        pair = dict(zip(names, (one, other), strict=True))
        found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for number in range(rounds + 1):
            for name, process in pair.items():
                measured = round_of(process)
                if number:
                    found[name].append(measured)
                busy, resident = measured["learning_seconds"], measured["peak_bytes"] / 2**20
                typer.echo(f"{name}: {measured['seconds']:.2f} s ({busy:.2f} at work), {resident:.0f} MiB")
    return {
        "contenders": {name: {key: [one[key] for one in each] for key in each[0]} for name, each in found.items()},
        "speed": ratio(found, names, "seconds"),
        "speed_by_processor": ratio(found, names, "learning_seconds"),
    }


def ratio(found: dict[str, list[dict[str, float]]], names: list[str], clock: str) -> float:
    """How fast the second is, beside the first: the median over rounds."""
    return statistics.median(
        first[clock] / second[clock] for first, second in zip(found[names[0]], found[names[1]], strict=True)
    )


def main(
    rows: Annotated[int, typer.Option(min=1, help="Rows of 784 bytes.")] = 10**6,
    rounds: Annotated[int, typer.Option(min=1, help="Epochs of each.")] = 3,
    folder: Annotated[Path | None, typer.Option(help="Where to write the rows; the system's own if None.")] = None,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = HERE / "results" / "from_disk.json",
) -> None:
    """Time both, print and keep the figures."""
    cpu = torch.device("cpu")
    narrow = seconds_per_product(torch.bfloat16, cpu) < seconds_per_product(torch.float32, cpu)
    products = "bfloat16" if narrow else "float32"
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "rows.npy"
        write_noise(path, rows)
        kinds = ["disk", "cold"] if hasattr(os, "posix_fadvise") else ["disk"]
        comparisons = {kind: compare(path, ["memory", kind], products, rounds) for kind in kinds}
    record = {
        "machine": describe_machine(cpu),
        "load": psutil.getloadavg(),
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "rows": rows,
        "bytes": rows * WIDTH,
        "products": products,
        "comparisons": comparisons,
    }
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    for kind, compared in comparisons.items():
        typer.echo(
            f"{kind}: {compared['speed']:.3f} of the speed in memory, {compared['speed_by_processor']:.3f} by the "
            "processor's time of the learning thread"
        )
    typer.echo(f"Written to {out}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2], Path(sys.argv[3]), sys.argv[4])
    else:
        typer.run(main)
