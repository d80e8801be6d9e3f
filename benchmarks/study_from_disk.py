"""The memory that a study takes of images that stay in their files, beside that of the same images in memory.

    .venv/bin/python benchmarks/study_from_disk.py --images 400000 --folder /somewhere/with/10/GB

Writes noisy copies of the Fashion-MNIST images in shards of 50,000, as a folder of arrays and as one .npz file, and
deletes them at the end. Each of the two studies is a process of its own: the recipe `smoke` with all images, one epoch
of everything and 20 steps of each read-out. Its memory is looked at ten times a second: what is the process's own, and
apart from that the pages of files. Writes benchmarks/results/study_from_disk.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import psutil
import torch
import typer

from deepbelief.data import Dataset, load_dataset
from deepbelief.study.recipe import load_recipe, recipe_source
from deepbelief.study.records import read_results
from deepbelief.system.machine import describe_machine

HERE: Final = Path(__file__).parent
_SHARD: Final = 50_000  # images
_NOISE: Final = 20  # grey levels, the standard deviation
_EVERY: Final = 0.1  # seconds
RECIPE: Final = {
    "train_images = 12000\n": "",
    "epochs = 2\n": "epochs = 1\n",
    "max_iterations = 40": "max_iterations = 20",
    "patience = 2 ": "patience = 1 ",
    "patience = 2\n": "patience = 1\n",
}


def write_data(folder: Path, images: int, clean: Dataset) -> int:
    """The data set as a folder of arrays, `shards`, and as `whole.npz`; returns the bytes of the training images."""
    numbers, shards = np.random.default_rng(0), folder / "shards"
    arrays: dict[str, Any] = {}
    for part in ("train", "test"):
        known = clean.train.loaded() if part == "train" else clean.test
        count = images if part == "train" else len(known)
        (shards / f"{part}_images").mkdir(parents=True)
        rows = numbers.permutation(count) % len(known)
        written = []
        for number, start in enumerate(range(0, count, _SHARD)):
            pixels = known.pixels.numpy()[rows[start : start + _SHARD]]
            noisy = pixels + numbers.normal(0, _NOISE, pixels.shape).astype(np.float32)
            written.append(noisy.clip(0, 255).astype(np.uint8).reshape(-1, *clean.image_shape))
            np.save(shards / f"{part}_images" / f"{number:04}.npy", written[-1])
        arrays |= {f"{part}_images": np.concatenate(written), f"{part}_labels": known.required_labels().numpy()[rows]}
        np.save(shards / f"{part}_labels.npy", arrays[f"{part}_labels"])
    np.savez(folder / "whole.npz", **arrays)
    return int(arrays["train_images"].nbytes)


def recipe_for(data: Path, validation: int | None = None) -> str:
    """The recipe `smoke`, shortened, for these data."""
    text = recipe_source("smoke").replace('name = "fashion-mnist"', f"name = {json.dumps(str(data))}")
    for old, new in RECIPE.items():
        if old not in text:
            raise SystemExit(f"the recipe smoke has no {old!r} any more: change RECIPE in this script.")
        text = text.replace(old, new)
    return text if validation is None else text.replace("validation = 1000", f"validation = {validation}")


def study(data: Path, folder: Path, validation: int | None) -> dict[str, Any]:
    """Run a study in a process of its own, and look at its memory meanwhile."""
    recipe, out = folder / f"{data.stem}.toml", folder / f"run-{data.stem}"
    recipe.write_text(recipe_for(data, validation), encoding="utf-8")
    load_recipe(str(recipe))  # says what is wrong before hours of work
    command = [sys.executable, "-m", "deepbelief", "study", str(recipe), "--out", str(out), "--precision", "fp32"]
    began, own, files, disk = time.perf_counter(), 0, 0, 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        looked = psutil.Process(process.pid)
        while process.poll() is None:
            memory = looked.memory_info()
            own, files = max(own, memory.rss - memory.shared), max(files, memory.shared)
            disk = max(disk, sum(one.stat().st_size for one in out.glob("seed-*/.*/layer_*.npy")))
            time.sleep(_EVERY)
    if process.returncode:
        raise SystemExit(f"`{' '.join(command)}` failed: run it to see why.")
    results = read_results(out)
    stages = {name.removeprefix("time/"): each.mean for name, each in results.metrics.items() if "time/" in name}
    accuracies = {name: results.metrics[f"accuracy/{name}"].mean for name in results.contestants}
    return {
        "seconds": time.perf_counter() - began,
        "own_bytes": own,
        "file_bytes": files,
        "features_on_disk": disk,
        "stages": stages,
        "accuracy": accuracies,
    }


def main(
    images: Annotated[int, typer.Option(min=1, help="Training images of 784 bytes.")] = 400_000,
    folder: Annotated[Path | None, typer.Option(help="Where to write them; the system's own if None.")] = None,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = HERE / "results" / "study_from_disk.json",
    data: Annotated[str, typer.Option(help="The images to copy.")] = "fashion-mnist",
    validation: Annotated[int | None, typer.Option(help="Held out; the recipe's own number if None.")] = None,
) -> None:
    """Run both studies, print and keep the figures."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        size = write_data(Path(place), images, load_dataset(data))
        found = {name: study(Path(place) / name, Path(place), validation) for name in ("shards", "whole.npz")}
    record = {
        "machine": describe_machine(torch.device("cpu")),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "images": images,
        "bytes": size,
        "studies": found,
    }
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    for name, one in found.items():
        own, least = one["own_bytes"] / 2**20, min(one["accuracy"].values())
        typer.echo(f"{name}: {own:,.0f} MiB for {size / 2**20:,.0f} MiB of images, {one['seconds']:.0f} s, {least:.3f}")
    typer.echo(f"Written to {out}")


if __name__ == "__main__":
    typer.run(main)
