"""What each setting of an RBM does: small trainings on Fashion-MNIST that differ from one another in one setting.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/settings_curves.py

Each of them learns from 5,000 images, and is measured on others: by its features, with a linear read-out by least
squares; by its reconstruction error; by its free-energy gap; and under noise. Writes benchmarks/results/settings.json
and docs/images/settings.png; names of settings measure
these anew, and `--draw` only draws the picture from the record.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from rich.progress import track

from deepbelief import RBM, Bernoulli, Random, RBMSettings, RBMTraining, load_dataset
from deepbelief.data import Dataset
from deepbelief.insight import ridge_readout
from deepbelief.learning import DivergedError
from deepbelief.robustness import gaussian
from deepbelief.system.machine import describe_machine

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "benchmarks" / "results" / "settings.json"
PICTURE = ROOT / "docs" / "images" / "settings.png"
IMAGES, EPOCHS, HIDDEN, NOISE, SEEDS = 5000, 5, 200, 0.7, (0, 1)
BASE: dict[str, Any] = {"batch_size": 64, "final_momentum": 0.9, "visible_samples": False}
TRIED: dict[str, list[Any]] = {
    "learning_rate": [0.003, 0.01, 0.03, 0.1, 0.3],
    "batch_size": [32, 64, 256, 1024],
    "epochs": [1, 2, 5, 10],
    "final_momentum": [0.5, 0.8, 0.9, 0.95],
    "weight_decay": [0.0, 0.0001, 0.0005, 0.002, 0.01],
    "hidden": [25, 50, 100, 200, 400],
    "weight_std": [0.001, 0.01, 0.1, 0.5],
    "dropout": [0.0, 0.2, 0.5],
    "sparsity_cost": [0.0, 0.03, 0.3],
    "visible_samples": [False, True],
    "gibbs_steps": [1, 3],
    "centring": [False, True],
}
# What goes with a setting, without which it would change nothing here.
ALONG: dict[str, dict[str, Any]] = {"final_momentum": {"momentum_switch": 1}, "sparsity_cost": {"sparsity_target": 0.1}}
FIGURES = {
    "accuracy": "read-out, clean",
    "noisy": f"read-out, noise {NOISE:g}",
    "error": "held-out error",
    "gap": "gap",
}


def measured(dataset: Dataset, changed: dict[str, Any], seed: int) -> dict[str, float] | None:
    """One training with these settings, and its figures; None where it diverged."""
    random = Random(seed, "settings")
    training = dataset.train.subset(torch.arange(IMAGES))
    held_out = dataset.train.subset(torch.arange(IMAGES, 2 * IMAGES))
    changed = {"hidden": HIDDEN, "weight_std": 0.1, "epochs": EPOCHS} | BASE | changed
    hidden, std = changed.pop("hidden"), changed.pop("weight_std")
    rbm = RBM(Bernoulli(training.width), Bernoulli(hidden), random, weight_std=std)
    start = time.process_time()
    try:
        *_, last = RBMTraining(rbm, training, RBMSettings(**changed), random=random, held_out=held_out).epochs()
    except DivergedError:
        return None
    seconds = time.process_time() - start
    rbm.requires_grad_(False)
    images, others = (source.batch(slice(0, IMAGES)).float() for source in (training, held_out))
    readout = ridge_readout(rbm.hidden_mean(images), training.required_labels(), len(dataset.class_names), l2=0.01)
    wanted = held_out.required_labels()

    def recognised(shown: torch.Tensor) -> float:
        return float((readout(rbm.hidden_mean(shown)).argmax(dim=1) == wanted).double().mean())

    monitors = last.monitors
    return {
        "accuracy": recognised(others),
        "noisy": recognised(gaussian(others, NOISE, Random(seed, "noise"))),
        "error": monitors["held_out_error_unit"],
        "gap": monitors["free_energy_gap"],
        "seconds": seconds,
    }


def main() -> None:
    """Train for the settings that are named, or for all; write the record, draw it."""
    if "--draw" not in sys.argv:
        dataset = load_dataset("fashion-mnist")
        found = json.loads(RECORD.read_text(encoding="utf-8"))["tried"] if sys.argv[1:] else {}
        for name in track(sys.argv[1:] or TRIED, "settings"):
            found[name] = [
                {
                    "value": value,
                    "seeds": [measured(dataset, {name: value} | ALONG.get(name, {}), seed) for seed in SEEDS],
                }
                for value in TRIED[name]
            ]
        record = {
            "settings": {"images": IMAGES, "epochs": EPOCHS, "hidden": HIDDEN, "base": BASE, "seeds": SEEDS},
            "machine": describe_machine(torch.device("cpu")),
            "tried": found,
        }
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    draw(json.loads(RECORD.read_text(encoding="utf-8")))


def draw(record: dict[str, Any]) -> None:
    """A panel for each setting: what a linear read-out recognises, clean and under noise, from least to most."""
    figure, axes = plt.subplots(3, 4, figsize=(11, 7), sharey=True)
    for place, (name, tried) in zip(axes.flat, record["tried"].items(), strict=True):
        labels = [str(one["value"]) for one in tried]
        for what, colour in (("accuracy", "tab:blue"), ("noisy", "tab:red")):
            points = [[seed[what] for seed in one["seeds"] if seed] for one in tried]
            at = [position for position, values in enumerate(points) if values]
            place.plot(at, [sum(points[i]) / len(points[i]) for i in at], color=colour, label=FIGURES[what])
            for i in at:
                place.plot([i] * len(points[i]), points[i], ".", color=colour, markersize=4)
        place.set_xticks(range(len(labels)), labels)
        place.set_title(name, fontsize=10)
    for place in axes[:, 0]:
        place.set_ylabel("accuracy")
    axes[0, 0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(PICTURE, dpi=100)


if __name__ == "__main__":
    main()
