"""How time and memory grow with the number of images, of hidden units and of Gibbs steps.

    .venv/bin/python benchmarks/scaling.py

Each point is a process of its own, on noise of 784 values an image. Writes benchmarks/results/scaling.json and
docs/images/scaling.png.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import matplotlib
import numpy as np
import psutil
import torch
import typer
from matplotlib import pyplot
from rich.console import Console

from deepbelief import DBN, Images, Pretraining, Random, RBMSettings
from deepbelief.system.machine import describe_machine, peak_memory

ROOT = Path(__file__).parents[1]
VISIBLE, BATCH = 784, 128
IMAGES = [1_000, 10_000, 100_000, 1_000_000]
HIDDEN = [100, 200, 500, 1000, 2000]
STEPS = [1, 2, 5, 10, 20]


def measure(images: int, hidden: int, steps: int) -> dict[str, float]:
    """One epoch of each of two layers: seconds, and the largest memory above what was in use before, data included."""
    random = Random(0)
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (images, VISIBLE), np.uint8))
    source = Images(pixels, 255)
    settings = [RBMSettings(epochs=1, batch_size=BATCH, gibbs_steps=steps, learning_rate=0.01)] * 2
    before = psutil.Process().memory_info().rss
    training = Pretraining(DBN.from_sizes([VISIBLE, hidden, 100], random), source, settings, random)
    started = time.perf_counter()
    for _ in training.epochs():
        pass
    seconds = time.perf_counter() - started
    extra = peak_memory() - before
    return {"images": images, "hidden": hidden, "steps": steps, "seconds": seconds, "extra_bytes": extra}


def draw(points: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Four pictures: time against each of the three, and memory against the number of images."""
    figure, axes = pyplot.subplots(1, 4, figsize=(15, 3.6), layout="constrained")
    panels = [("images", "seconds"), ("images", "extra_bytes"), ("hidden", "seconds"), ("steps", "seconds")]
    names = {"images": "images", "hidden": "hidden units", "steps": "Gibbs steps k"}
    for axis, (by, what) in zip(axes, panels, strict=True):
        along = [point[by] for point in points[by]]
        values = [point[what] / (1e6 if what == "extra_bytes" else 1) for point in points[by]]
        axis.plot(along, values, "o-")
        axis.set_xlabel(names[by])
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.grid(alpha=0.3)
        if what == "seconds":
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter("{x:g}")
            axis.yaxis.set_minor_formatter("")
            axis.plot(along, [values[-1] * one / along[-1] for one in along], ":", color="grey", label="in proportion")
            axis.set_ylabel("seconds for an epoch")
            axis.legend(frameon=False)
        else:
            axis.set_ylim(0, max(400, *values) * 1.1)
            axis.set_ylabel("MB above the data")
    figure.savefig(path, dpi=120)


def main(
    one: Annotated[str | None, typer.Option(help="images,hidden,steps: measure this point alone.")] = None,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = ROOT
    / "benchmarks"
    / "results"
    / "scaling.json",
    picture: Annotated[Path, typer.Option(help="The picture to write.")] = ROOT / "docs" / "images" / "scaling.png",
) -> None:
    """Measure all points in turn."""
    if one is not None:
        print(json.dumps(measure(*map(int, one.split(",")))))
        return
    console = Console()
    grid = {
        "images": [(images, 300, 1) for images in IMAGES],
        "hidden": [(10_000, hidden, 1) for hidden in HIDDEN],
        "steps": [(10_000, 300, steps) for steps in STEPS],
    }
    points: dict[str, list[dict[str, Any]]] = {}
    for by, settings in grid.items():
        points[by] = []
        for images, hidden, steps in settings:
            command = [sys.executable, __file__, "--one", f"{images},{hidden},{steps}"]
            point = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            points[by].append(point)
            extra = point["extra_bytes"] / 1e6
            line = f"{images:8} images, {hidden:4} hidden units, k = {steps:2}"
            console.print(f"{line}: {point['seconds']:7.2f} s, {extra:5.0f} MB above the data", highlight=False)
    matplotlib.use("agg")
    draw(points, picture)
    record = {"machine": describe_machine(torch.device("cpu")), "points": points}
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    console.print(f"Written to {out} and {picture}")


if __name__ == "__main__":
    typer.run(main)
