"""One good training of an RBM and six that went wrong, each with the pictures by which one tells.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/diagnosis.py

Writes benchmarks/results/diagnosis.json and docs/images/diagnose/*.png, which docs/do/diagnose.md shows.
"""

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_wine

from deepbelief import DBN, RBM, Bernoulli, Gaussian, Random, RBMSettings, RBMTraining, fantasies, load_dataset
from deepbelief.insight import receptive_fields
from deepbelief.learning import DivergedError
from deepbelief.sampling import chain
from deepbelief.system.machine import describe_machine

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "benchmarks" / "results" / "diagnosis.json"
PICTURES = ROOT / "docs" / "images" / "diagnose"
GOOD: dict[str, Any] = {"epochs": 20, "batch_size": 32, "learning_rate": 0.01, "final_momentum": 0.9}
CHAINS = {"persistent_chains": 100, "gibbs_steps": 2, "learning_rate": 0.01, "final_momentum": 0.5}
# name -> (training images, settings that differ from a good training's)
RUNS: dict[str, tuple[int, dict[str, Any]]] = {
    "good": (5000, CHAINS),
    "rate-too-high": (5000, {"learning_rate": 1.0}),
    "rate-too-low": (5000, {"learning_rate": 0.00001, "weight_decay": 0.0}),
    "chains-stand-still": (5000, {"persistent_chains": 100, "learning_rate": 0.1}),
    "dead-units": (5000, {"sparsity_target": 0.001, "sparsity_cost": 30.0}),
    "overfitting": (200, {"epochs": 100, "weight_decay": 0.0}),
}


def trained(name: str) -> dict[str, Any]:
    """Train one, draw it, and give its figures."""
    number, changed = RUNS[name]
    random, dataset = Random(0, "diagnosis"), load_dataset("fashion-mnist")
    training = dataset.train.subset(torch.arange(number))
    held_out = dataset.train.subset(torch.arange(5000, 7000))
    rbm = RBM(Bernoulli(training.width), Bernoulli(200), random, weight_std=0.01)
    settings, records, fault = RBMSettings(**(GOOD | changed)), [], ""
    try:
        for record in RBMTraining(rbm, training, settings, random=random, held_out=held_out).epochs():
            records.append(record)
    except DivergedError as error:
        fault = str(error)
    rbm.requires_grad_(False)
    activity = rbm.hidden_mean(held_out.batch(slice(0, 2000)).float()).mean(dim=0)
    start = held_out.batch(slice(0, 10)).float()
    *_, dreams = chain(DBN([rbm]), start, Random(1), betas=[1.0] * 100, every=100)
    draw(name, records, activity, receptive_fields(DBN([rbm]), 1, threshold=0)[:10], dreams)
    curves = {key: [record.monitors.get(key) for record in records] for key in records[0].monitors} if records else {}
    return {"images": number, "settings": GOOD | changed, "diverged": fault, "activity": activity.tolist()} | curves


def draw(name: str, records: list[Any], activity: torch.Tensor, fields: torch.Tensor, dreams: torch.Tensor) -> None:
    """Errors and gap by epoch, how often units are on, ten receptive fields, and where ten chains are."""
    figure = plt.figure(figsize=(8.5, 4.2))
    above, below = figure.subfigures(2, 1, height_ratios=[1.3, 1])
    error, gap, units = above.subplots(1, 3)
    epochs = [record.epoch for record in records]
    for key, label in (("reconstruction_error_unit", "training"), ("held_out_error_unit", "held out")):
        error.plot(epochs, [record.monitors[key] for record in records], label=label)
    error.set(title="reconstruction error", xlabel="epoch", ylim=(0, None))
    error.legend(fontsize=7)
    gap.plot(epochs, [record.monitors["free_energy_gap"] for record in records], color="tab:red")
    gap.set(title="free-energy gap, nats", xlabel="epoch")
    units.hist(activity.numpy(), bins=np.linspace(0, 1, 21), color="tab:green")
    units.set(title="how often units are on", xlabel="mean of a unit", xlim=(0, 1))
    above.subplots_adjust(bottom=0.22, top=0.88, wspace=0.3, left=0.07, right=0.98)
    places = below.subplots(2, 10)
    for row, images, title in zip(places, (fields, dreams), ("units", "made up"), strict=True):
        for place, image in zip(row, images, strict=True):
            place.imshow(image.view(28, 28).numpy(), cmap="gray")
            place.set(xticks=[], yticks=[])
        row[0].set_ylabel(title, fontsize=8)
    below.subplots_adjust(left=0.07, right=0.98, top=0.98, bottom=0.02, wspace=0.05, hspace=0.05)
    figure.savefig(PICTURES / f"{name}.png", dpi=90)
    plt.close(figure)


def wrong_units() -> dict[str, Any]:
    """A table of real values, scaled to 0 to 1 for Bernoulli units and standardised for Gaussian ones."""
    values = torch.from_numpy(load_wine().data).float()
    scaled = (values - values.min(dim=0).values) / (values.max(dim=0).values - values.min(dim=0).values)
    standard = (values - values.mean(dim=0)) / values.std(dim=0)
    told: dict[str, Any] = {}
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.6))
    for place, kind, rows in zip(axes, (Bernoulli, Gaussian), (scaled, standard), strict=True):
        random = Random(0, "units")
        rbm = RBM(kind(rows.shape[1]), Bernoulli(50), random, weight_std=0.01)
        settings = RBMSettings(epochs=300, batch_size=16, learning_rate=0.01, final_momentum=0.5)
        for _ in RBMTraining(rbm, rows, settings, random=random).epochs():
            pass
        rbm.requires_grad_(False)
        made = fantasies(DBN([rbm]), 500, Random(1), steps=200, samples=True)
        for column, label in ((rows[:, 0], "data"), (made[:, 0], "made up")):
            place.hist(column.numpy(), bins=20, density=True, alpha=0.6, label=label)
        place.set(title=f"{kind.__name__} units", xlabel="alcohol, on their scale", yticks=[])
        told[kind.__name__] = {"std of data": float(rows[:, 0].std()), "std of made up": float(made[:, 0].std())}
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(PICTURES / "wrong-units.png", dpi=90)
    plt.close(figure)
    return told


def main() -> None:
    """All of them."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    record = {"machine": describe_machine(torch.device("cpu")), "runs": {name: trained(name) for name in RUNS}}
    record["wrong units"] = wrong_units()
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
