"""Whether products in bfloat16 teach an RBM as much as products in float32.

    .venv/bin/python benchmarks/precision.py --seeds 5

Both learn the same images in the same order from the same weights; differences are paired by seed. Without bfloat16
in the processor its products are emulated: just as exact, and slow. Writes benchmarks/results/precision.json.
"""

import json
import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from readme import precision_table
from rich.console import Console

from deepbelief import (
    DBN,
    ConvergedTraining,
    FeedForward,
    MinibatchSettings,
    MinibatchTraining,
    Pretraining,
    Random,
    RBMSettings,
    accuracy,
    encode_source,
    load_dataset,
    network_to_finetune,
)
from deepbelief.cli.output import print_results
from deepbelief.data import Dataset, TensorSource
from deepbelief.learning import ConvergedSettings, FullBatchSettings, FullBatchTraining
from deepbelief.study.records import Metric
from deepbelief.system.machine import describe_machine
from deepbelief.system.precision import BF16, FP32, Precision

HERE = Path(__file__).parent
HELD_OUT = 5000
FULL_BATCH = 2000  # images


def learn(dataset: Dataset, precision: Precision, seed: int, images: int, hidden: int, epochs: int) -> dict[str, float]:
    """Train one RBM, fine-tune it, train a small network on full batches; all measured in float32."""
    training, held_out = dataset.split(HELD_OUT, seed)
    training = training.subset(Random(seed, "subset").permutation(len(training))[:images])
    random = Random(seed, "training")
    dbn = DBN.from_sizes([training.width, hidden], random, weight_std=0.1)
    settings = [RBMSettings(epochs=epochs, final_momentum=0.9)]
    records = list(Pretraining(dbn, training, settings, random=random, products=precision.products).epochs())
    dbn.requires_grad_(False)
    features, labels = encode_source(dbn, training), training.required_labels()
    readout = FeedForward([hidden, 10], torch.relu, random)
    list(ConvergedTraining(readout, (features, labels), ConvergedSettings(l2=(3e-4,), max_iterations=80)).epochs())
    seen = dbn.layer(1).free_energy(training.batch(slice(0, HELD_OUT))).mean()
    unseen = dbn.layer(1).free_energy(held_out.batch(slice(0, HELD_OUT))).mean()
    test, wanted = TensorSource(encode_source(dbn, dataset.test)), dataset.test.required_labels()
    finetuned = network_to_finetune(dbn, 10, random, readout).requires_grad_(True)
    job = MinibatchTraining(
        finetuned,
        (training, labels),
        MinibatchSettings(epochs=3, dropout=0.1, patience=0),
        random=random,
        products=precision.products,
    )
    list(job.epochs())
    few = training.subset(torch.arange(min(FULL_BATCH, len(training))))
    network = FeedForward([training.width, 64, 10], torch.relu, Random(seed, "network"))
    full = FullBatchSettings(steps=100, learning_rate=0.1)
    list(FullBatchTraining(network, (few, few.required_labels()), full, products=precision.products).epochs())
    return {
        "reconstruction error": records[-1].reconstruction_error,
        "held-out free energy, nats": float(unseen),
        "held-out minus training free energy, nats": float(unseen - seen),
        "read-out's test accuracy": accuracy(readout, test, wanted),
        "fine-tuned network's test accuracy": accuracy(finetuned, dataset.test, wanted),
        "full-batch network's test accuracy": accuracy(network, dataset.test, wanted),
    }


def main(
    seeds: Annotated[int, typer.Option(min=2, help="Independent pairs.")] = 5,
    images: Annotated[int, typer.Option(min=1000, help="Training images.")] = 6_000,
    hidden: Annotated[int, typer.Option(min=1, help="Hidden units.")] = 128,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs.")] = 6,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = HERE / "results" / "precision.json",
) -> None:
    """Train pairs, print the differences, keep the figures."""
    console, dataset, started = Console(), load_dataset("fashion-mnist"), time.perf_counter()
    found: dict[str, list[dict[str, float]]] = {"fp32": [], "bf16": []}
    for seed in range(seeds):
        for precision in (FP32, BF16):
            found[precision.name].append(learn(dataset, precision, seed, images, hidden, epochs))
            seconds = time.perf_counter() - started
            console.print(
                f"{seconds:5.0f} s: seed {seed}, {precision.name}: {found[precision.name][-1]}", highlight=False
            )
    figures = {}
    for name in found["fp32"][0]:
        wide, narrow = ([record[name] for record in found[kind]] for kind in ("fp32", "bf16"))
        difference = Metric.over_seeds([low - high for low, high in zip(narrow, wide, strict=True)])
        figures[name] = {"fp32": wide, "bf16": narrow, "difference": difference.mean, "ci95": difference.ci95}
    settings = {"images": images, "hidden": hidden, "epochs": epochs, "seeds": list(range(seeds))}
    record = {"machine": describe_machine(torch.device("cpu")), "settings": settings, "figures": figures}
    print_results(console, precision_table(record))
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    console.print(f"Written to {out}")


if __name__ == "__main__":
    typer.run(main)
