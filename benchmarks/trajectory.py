"""Whether the log Z that trajectory tempering finds on its way is right: against the exact one, and against AIS.

    .venv/bin/python benchmarks/trajectory.py digits
    .venv/bin/python benchmarks/trajectory.py mnist --data FOLDER

Trains RBMs of few hidden units, whose log Z is summed exactly, and a larger one, on images made binary anew at each
sight, with trajectory tempering. Compares its log Z with the exact one or AIS, and makes the checks of equilibrium: the
drift of the training's own chains and of chains from test images, and the total probability of all training images.
Writes benchmarks/results/trajectory-DATASET.json.
"""

import json
import time
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer
from likelihood import binary
from readme import trajectory_table
from rich.console import Console

from deepbelief import DBN, RBM, Bernoulli, Random, RBMSettings, load_dataset
from deepbelief.cli.output import print_results, steps_line
from deepbelief.data import Source
from deepbelief.learning import RBMTraining, Tempering, free_energy_drift, log_total_probability
from deepbelief.learning.rbm.negative_phases.trajectory import TrajectoryTempering
from deepbelief.likelihood import AISSettings, ais, exact_log_z
from deepbelief.models.annealed_path import AnnealedPath, base_rate_bias
from deepbelief.system.machine import describe_machine
from deepbelief.system.memory import keep_freed_memory

HERE: Final = Path(__file__).parent
SHOWN: Final = ("log_z", "log_z_error", "log_likelihood", "swap_rate", "snapshots", "undone")
SUMMED: Final = 20  # hidden units whose states are few enough to sum over


def settings_of(epochs: int, learning_rate: float, chains: int, batch_size: int) -> RBMSettings:
    """Plain steps at a learning rate that ends at zero."""
    return RBMSettings(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        learning_rate_to_zero=True,
        initial_momentum=0.0,
        final_momentum=0.0,
        weight_decay=0.0,
        persistent_chains=chains,
        tempering=Tempering(trajectory=True),
        centring=True,
        binarise=True,
    )


def measure(
    training: Source, test: Source, hidden: int, settings: RBMSettings, ais_settings: AISSettings, seed: int
) -> dict[str, Any]:
    """Train one RBM, and find its log Z in every way there is."""
    random, started = Random(seed, "trajectory"), time.perf_counter()
    rbm = RBM(Bernoulli(training.width), Bernoulli(hidden), random, weight_std=0.01).requires_grad_(False)
    job = RBMTraining(rbm, training, settings, random=random)
    course = [{name: record.monitors[name] for name in SHOWN} for record in job.epochs()]
    seconds, last, phase = time.perf_counter() - started, course[-1], job.negative_phase
    assert isinstance(phase, TrajectoryTempering)
    learnt, seen = (binary(part, DBN([rbm]), number).values for number, part in enumerate((training, test)))
    path = AnnealedPath(rbm, base_rate_bias(rbm.visible, [learnt[:10_000]]))
    by_ais = ais(path, random, ais_settings, steps_line)
    drift = free_energy_drift(rbm, phase.chains, seen[: len(phase.chains)], random, steps=500)
    return {
        "sizes": [training.width, hidden],
        "seed": seed,
        "training_seconds": seconds,
        "course": course,
        "log_z": last["log_z"],
        "log_z_error": last["log_z_error"],
        "log_z_exact": exact_log_z(rbm) if hidden <= SUMMED else None,
        "log_z_ais": by_ais.log_z,
        "log_z_ais_interval": by_ais.interval,
        "ais_seconds": by_ais.seconds,
        "temperatures": len(ais_settings.betas) - 1,
        "log_likelihood_test": float(-rbm.free_energy(seen).double().mean()) - last["log_z"],
        "drift": [drift.drift, drift.drift_error],
        "gap": [drift.gap, drift.gap_error],
        "log_total_probability": log_total_probability(rbm, learnt, last["log_z"]),
    }


def main(
    name: Annotated[str, typer.Argument(help="digits, mnist, fashion-mnist or another data set.")],
    data: Annotated[Path | None, typer.Option(help="Folder with the data set's files.")] = None,
    hidden: Annotated[str, typer.Option(help="Hidden units of each RBM.")] = "10,15,20,200",
    epochs: Annotated[int, typer.Option(min=1, help="Of each training.")] = 10,
    learning_rate: Annotated[float, typer.Option(help="At the start.")] = 0.1,
    chains: Annotated[int, typer.Option(min=2, help="Of the negative phase.")] = 500,
    batch_size: Annotated[int, typer.Option(min=1, help="Images for an update.")] = 500,
    images: Annotated[int, typer.Option(min=100, help="Training images.")] = 60_000,
    temperatures: Annotated[int, typer.Option(min=1, help="Of AIS.")] = 5_000,
    seed: Annotated[int, typer.Option(min=0, help="Of everything.")] = 0,
) -> None:
    """Train, measure, print, keep the figures."""
    keep_freed_memory()
    console, dataset, found = Console(), load_dataset(name, data), []
    training = dataset.train.subset(torch.arange(min(images, len(dataset.train))))
    settings = settings_of(epochs, learning_rate, chains, batch_size)
    for units in map(int, hidden.split(",")):
        found.append(measure(training, dataset.test, units, settings, AISSettings.of(temperatures, 100), seed))
        record = {
            "machine": describe_machine(torch.device("cpu")),
            "data": name,
            "images": len(training),
            "epochs": epochs,
            "learning_rate": learning_rate,
            "chains": chains,
            "batch_size": batch_size,
            "models": found,
        }
        print_results(console, trajectory_table(record))
    path = HERE / "results" / f"trajectory-{name}.json"
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    console.print(f"Written to {path}")


if __name__ == "__main__":
    typer.run(main)
