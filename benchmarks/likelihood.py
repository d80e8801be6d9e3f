"""Whether AIS and RAISE find a likelihood that is known exactly, and how long the full recipe takes where it is not.

    .venv/bin/python benchmarks/likelihood.py --seeds 3

Trains RBMs of few hidden units by PCD on MNIST, made binary once, and measures them all three ways; then one of 500
hidden units with the recipe of Salakhutdinov & Murray. With --model it measures a saved DBN instead and writes nothing
unless told where. Writes benchmarks/results/likelihood.json.
"""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from readme import likelihood_table
from rich.console import Console

from deepbelief import (
    DBN,
    AISSettings,
    Pretraining,
    Random,
    RBMSettings,
    TensorSource,
    as_states,
    evaluate,
    load_dataset,
    load_dbn,
)
from deepbelief.cli.output import print_results, steps_line
from deepbelief.data import Source
from deepbelief.likelihood import Evaluation
from deepbelief.system.machine import describe_machine
from deepbelief.system.memory import keep_freed_memory

HERE = Path(__file__).parent


def binary(images: Source, dbn: DBN, seed: int) -> TensorSource:
    """All of a source as states of the visible units."""
    return TensorSource(as_states(dbn.layer(1).visible, images.batch(slice(0, len(images))), Random(seed, "binary")))


def learn(data: Source, hidden: int, epochs: int, seed: int) -> tuple[DBN, float]:
    """An RBM that has learnt by PCD, its biases starting at the pixels' log-odds; and the seconds it took."""
    random = Random(seed, "training")
    dbn = DBN.from_sizes([data.width, hidden], random, weight_std=0.01)
    seen = data.batch(slice(0, min(len(data), 10_000)))
    rbm = dbn.layer(1)
    rbm.visible.bias.data = torch.logit((seen.sum(dim=0) + 0.5) / (len(seen) + 1))
    settings = RBMSettings(
        epochs=epochs,
        batch_size=100,
        learning_rate=0.05,
        learning_rate_to_zero=True,
        final_momentum=0.5,
        weight_decay=0.0,
        persistent_chains=100,
    )
    started = time.perf_counter()
    list(Pretraining(dbn, data, [settings], random).epochs())
    return dbn.requires_grad_(False), time.perf_counter() - started


def figures(found: Evaluation) -> dict[str, Any]:
    """What was found, for the record."""
    both, layers = found.bracket, []
    for layer in found.layers:
        layers.append(
            {
                "shape": layer.shape,
                "log_z_ais": layer.ais.log_z,
                "log_z_ais_interval": layer.ais.interval,
                "log_z_exact": layer.exact,
                "effective_sample_size": layer.ais.effective_sample_size,
                "seconds": layer.ais.seconds,
            }
        )
    return {
        "layers": layers,
        "items": len(both.upper),
        "upper": both.upper_mean,
        "upper_interval": both.upper_interval,
        "lower": both.lower_mean,
        "lower_interval": both.lower_interval,
        "gap": both.gap,
        "gap_interval": both.gap_interval,
        "exact": found.exact_mean,
        "raise_error": float(1.96 * (both.upper - both.lower).std() / len(both.upper) ** 0.5),  # 95 %, for these items
        "warnings": both.warnings,
    }


def measure(
    dbn: DBN, training: Source, test: Source, seed: int, settings: AISSettings, items: int, device: str = "cpu"
) -> dict[str, Any]:
    """Both sides, and the exact value where there is one, of a DBN on some test items."""
    started = time.perf_counter()
    random = Random(seed, "likelihood", device)
    found = figures(evaluate(dbn.to(device), training, test, random, settings, items, steps_line))
    used = {"temperatures": len(settings.betas) - 1, "chains": settings.chains}
    return {**found, **used, "seed": seed, "seconds": time.perf_counter() - started}


def main(
    seeds: Annotated[int, typer.Option(min=1, help="Independent trainings of each size.")] = 3,
    hidden: Annotated[str, typer.Option(help="Hidden units that can be enumerated.")] = "10,15,20",
    large: Annotated[int, typer.Option(min=0, help="Hidden units of the RBM that is timed; 0 for none.")] = 500,
    epochs: Annotated[int, typer.Option(min=1, help="Of each training.")] = 5,
    images: Annotated[int, typer.Option(min=100, help="Training images.")] = 60_000,
    items: Annotated[int, typer.Option(min=2, help="Test images.")] = 100,
    temperatures: Annotated[int, typer.Option(min=1, help="For the small RBMs.")] = 14_500,
    chains: Annotated[int, typer.Option(min=2, help="For the small RBMs.")] = 200,
    full: Annotated[int, typer.Option(min=1, help="Temperatures for the large RBM and for --model.")] = 14_500,
    name: Annotated[str, typer.Option(help="The data set.")] = "mnist",
    data: Annotated[Path | None, typer.Option(help="Folder with the data set's files.")] = None,
    model: Annotated[Path | None, typer.Option(help="Measure this saved DBN alone.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    out: Annotated[Path | None, typer.Option(help="The JSON file.", show_default="results/likelihood.json")] = None,
) -> None:
    """Measure, print, keep the figures."""
    keep_freed_memory()
    console, dataset = Console(), load_dataset(name, data)
    machine, found = describe_machine(torch.device(device)), []
    if model is not None:
        found.append(measure(load_dbn(model), dataset.train, dataset.test, 0, AISSettings.of(full), items, device))
        found[-1]["model"] = model.name
    else:
        kept = torch.arange(min(images, len(dataset.train)))
        blank = DBN.from_sizes([dataset.train.width, 1], Random(0))
        training, test = binary(dataset.train.subset(kept), blank, 0), binary(dataset.test, blank, 1)
        last = [(large, 0, AISSettings.of(full))] if large else []
        small = AISSettings.of(temperatures, chains)
        for size, seed, settings in [(int(n), seed, small) for n in hidden.split(",") for seed in range(seeds)] + last:
            dbn, seconds = learn(training, size, epochs, seed)
            found.append(measure(dbn, training, test, seed, settings, items, device))
            found[-1] |= {"training_seconds": seconds}
            line = f"784-{size}, seed {seed}: {found[-1]['upper']:.2f} to {found[-1]['lower']:.2f}"
            console.print(f"{line}, exact {found[-1]['exact']}", highlight=False)
    record = {"machine": machine, "data": name, "items": items, "models": found}
    print_results(console, likelihood_table(record))
    if out is not None or model is None:
        path = out or HERE / "results" / "likelihood.json"
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        console.print(f"Written to {path}")


if __name__ == "__main__":
    typer.run(main)
