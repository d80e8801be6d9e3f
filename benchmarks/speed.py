"""How fast deepbelief learns and encodes, side by side with others and with the bare matrix products.

    make bench                                  # or: .venv/bin/python benchmarks/speed.py --rounds 7

Each contender is a process of its own; they take turns (A B C A B C ...), so that a busy moment of the machine hits
them all. Ratios are medians over the rounds of the ratio within a round. Contenders that are not installed are left
out. Writes benchmarks/results/speed.json.
"""

import importlib.metadata
import json
import math
import statistics
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from contenders import Task
from readme import comparison_table
from rich.console import Console

from deepbelief.cli.output import print_results
from deepbelief.system.compilation import cpp_compiler
from deepbelief.system.machine import describe_machine
from deepbelief.system.precision import seconds_per_product
from deepbelief.system.products import fewest_for_onednn

HERE = Path(__file__).parent
EPOCH = 60_000  # images, to which times are scaled
PEERS = ("scikit-learn", "learnergy", "rbms")
PACKAGES = ("deepbelief", "torch", "numpy", *PEERS)
HOPELESS = 5.0  # bfloat16 so many times slower than float32 is emulated, and not timed

SIZES = [(784, 300, 128), (784, 1000, 128), (784, 1000, 512)]
OURS = ["deepbelief", "products"]
CD = [*OURS, "textbook", "scikit-learn", "learnergy"]
PCD = [*OURS, "textbook", "rbms"]
NARROW = ["deepbelief bf16", "products bf16"]
COMPILED = {"deepbelief": "deepbelief compiled", "deepbelief bf16": "deepbelief compiled bf16"}
# Images of a round, in whole batches: an epoch ends by measuring 2,000 images, too large a share of few.
CD_IMAGES, PCD_IMAGES = 59_904, 20_480


class Contender:
    """A process that does a round of work when told to."""

    def __init__(self, name: str, task: Task) -> None:
        self.name = name
        self.seconds: list[float] = []
        self.peak_bytes = 0
        command = [sys.executable, str(HERE / "contenders.py"), name, json.dumps(asdict(task))]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        if self._answer() != "ready":
            self.stop()
            raise SystemExit(f"the contender {name} did not start: run `{' '.join(command)}` to see why.")

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def round(self) -> None:
        """One pass over the images."""
        assert self._process.stdin is not None
        print("go", file=self._process.stdin, flush=True)
        answer = json.loads(self._answer())
        self.seconds.append(answer["seconds"])
        self.peak_bytes = answer["peak_bytes"]

    def stop(self) -> None:
        """End the process: it ends with its input."""
        self._process.communicate()


def compare(title: str, task: Task, names: list[str], rounds: int, console: Console) -> dict[str, Any]:
    """Let contenders take turns at a task; times for 60,000 images, and ratios to ours and to the products."""
    contenders = [Contender(name, task) for name in names if name not in PEERS or installed(name)]
    with console.status(title) as status:
        for number in range(rounds):
            for contender in contenders:
                status.update(f"{title}: round {number + 1} of {rounds}, {contender.name}")
                contender.round()
    for contender in contenders:
        contender.stop()
    rounds_of = {contender.name: contender.seconds for contender in contenders}
    records = {}
    for contender in contenders:
        suffix = " bf16" if contender.name.endswith("bf16") else ""
        floor = "encoding products" if "encoding" in rounds_of else f"products{suffix}"
        ours = "encoding" if "encoding" in rounds_of else "deepbelief"
        records[contender.name] = {
            "seconds": statistics.median(contender.seconds) * EPOCH / task.images,
            "over_products": ratio(contender.seconds, rounds_of[floor]),
            "over_deepbelief": ratio(contender.seconds, rounds_of[ours]),
            "peak_bytes": contender.peak_bytes,
            "rounds": contender.seconds,
        }
    comparison = {"title": title, "task": asdict(task), "contenders": records}
    print_results(console, comparison_table(comparison))
    return comparison


def ratio(seconds: list[float], reference: list[float]) -> float:
    """The median over rounds of the ratio within a round."""
    return statistics.median(one / other for one, other in zip(seconds, reference, strict=True))


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each contender.")] = 7,
    device: Annotated[str, typer.Option(help="cpu, or cuda for deepbelief against its products alone.")] = "cpu",
    compiled: Annotated[bool, typer.Option(help="Whether deepbelief runs with compiled steps, too.")] = True,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = HERE / "results" / "speed.json",
) -> None:
    """Time everything, print tables, keep the figures."""
    console = Console()
    where = torch.device(device)
    slower = seconds_per_product(torch.bfloat16, where) / seconds_per_product(torch.float32, where)
    narrow = NARROW if slower < HOPELESS else []
    if not narrow:
        console.print(f"bfloat16 is left out: its products take {slower:.0f} times float32's here.")
    peers = device == "cpu"
    faster = peers and fewest_for_onednn() < math.inf
    compiled = compiled and peers and cpp_compiler() is not None
    comparisons = []
    for visible, hidden, batch in SIZES:
        size = f"{visible}-{hidden}, batch {batch}"
        for persistent, steps, names in ((False, 1, CD), (True, 10, PCD)):
            task = Task(visible, hidden, batch, steps, persistent, PCD_IMAGES if persistent else CD_IMAGES, device)
            title = f"{'PCD' if persistent else 'CD'}-{steps}, {size}"
            chosen = [*(names if peers else OURS), *narrow, *(["products oneDNN"] if faster else [])]
            chosen += [COMPILED[name] for name in chosen if compiled and name in COMPILED]
            comparisons.append(compare(title, task, chosen, rounds, console))
    if peers:
        title = "Encoding to the top layer, 784-300-300-700"
        task = Task(784, 700, 2048, images=EPOCH)
        chosen = ["encoding", "encoding products", *(["encoding products oneDNN"] if faster else [])]
        comparisons.append(compare(title, task, chosen, rounds, console))
    record = {
        "machine": describe_machine(where),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES if installed(name)},
        "bf16_products_over_fp32": slower,
        "rounds": rounds,
        "comparisons": comparisons,
    }
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    console.print(f"Written to {out}")


def installed(name: str) -> bool:
    """Whether a package is there."""
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False


if __name__ == "__main__":
    typer.run(main)
