"""How well models that learn labels classify MNIST: the hybrid RBM, a DBN with up-down, and a fine-tuned DBN.

    .venv/bin/python benchmarks/labels.py hybrid --data FOLDER
    .venv/bin/python benchmarks/labels.py updown --data FOLDER --held-out 10000
    .venv/bin/python benchmarks/labels.py updown --data FOLDER --discriminative-weight 0
    .venv/bin/python benchmarks/labels.py finetuned --data FOLDER

The settings were chosen on 10,000 held-out training images (`--held-out 10000` shows their error after each epoch);
the figures are of training on all 60,000, without early stopping: the learning rate goes to 0 and the parameters of
the last epoch are averaged, but for the fine-tuned DBN. Images are grey, as probabilities. Writes hybrid.json,
updown.json or, of the published up-down algorithm (`--discriminative-weight 0`), updown-published.json, and
finetuned.json into benchmarks/results/.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from readme import labels_table
from rich.console import Console

from deepbelief import (
    DBN,
    Bernoulli,
    HybridSettings,
    HybridTraining,
    Labelled,
    LabelledDBN,
    LabelledRBM,
    MinibatchSettings,
    MinibatchTraining,
    Pretraining,
    Random,
    RBMSettings,
    UpDownSettings,
    UpDownTraining,
    accuracy,
    encode_source,
    load_dataset,
)
from deepbelief.cli.output import print_results
from deepbelief.data import Images, TensorSource
from deepbelief.learning import network_to_finetune
from deepbelief.learning.course import Record
from deepbelief.system.machine import describe_machine
from deepbelief.system.memory import keep_freed_memory
from deepbelief.system.precision import Precision, PrecisionName, choose_precision

HERE = Path(__file__).parent
CLASSES = 10
Figures = dict[str, Any]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
Data = Annotated[Path | None, typer.Option(help="Folder with MNIST's files.", show_default="looked for")]
Seeds = Annotated[int, typer.Option(min=1, help="Independent runs.")]
HeldOut = Annotated[int, typer.Option(min=0, help="Training images to measure and not to learn from.")]
Images_ = Annotated[int, typer.Option(min=0, help="Training images to learn from; 0: all.")]


def watched(records: Iterable[Record], console: Console, started: float) -> Iterator[Record]:
    """The same records, with a line for each."""
    for record in records:
        score = record.score
        told = "" if score is None else f", held-out error {100 * (1 - score):.2f} %"
        console.print(
            f"{time.perf_counter() - started:6.0f} s: epoch {record.epoch}, loss {record.loss:.4f}{told}",
            highlight=False,
        )
        yield record


def error_of(model: Callable[[torch.Tensor], torch.Tensor], images: Images) -> float:
    """Per cent."""
    return 100 * (1 - accuracy(model, images, images.required_labels()))


def learn_hybrid(
    training: Images, held_out: Images, test: Images, hidden: int, settings: HybridSettings, seed: int, console: Console
) -> Figures:
    """Train one hybrid RBM; its errors in per cent."""
    started, random = time.perf_counter(), Random(seed, "hybrid")
    model = LabelledRBM(Bernoulli(training.width), CLASSES, Bernoulli(hidden), random)
    aside = (held_out, held_out.required_labels()) if len(held_out) else None
    job = HybridTraining(model, (training, training.required_labels()), settings, random=random, held_out=aside)
    records = list(watched(job.epochs(), console, started))
    seconds = time.perf_counter() - started
    return {"seed": seed, "seconds": seconds, "test error": error_of(model, test), "epochs": list(map(asdict, records))}


def learn_updown(
    training: Images,
    held_out: Images,
    test: Images,
    sizes: list[int],
    pretraining: list[RBMSettings],
    settings: UpDownSettings,
    seed: int,
    console: Console,
) -> Figures:
    """Pre-train a DBN with labels layer by layer, then up-down; its errors in per cent before and after."""
    started, random = time.perf_counter(), Random(seed, "up-down")
    labels = training.required_labels()
    model = LabelledDBN.from_sizes([training.width, *sizes], CLASSES, random, weight_std=0.05).requires_grad_(False)
    for record in Pretraining(model.below, training, pretraining[:-1], random=random).epochs():
        seconds = time.perf_counter() - started
        console.print(f"{seconds:6.0f} s: layer {record.layer}, epoch {record.epoch}", highlight=False)
    joined = Labelled(TensorSource(encode_source(model.below, training)), labels, CLASSES)
    for record in Pretraining(DBN([model.top.rbm]), joined, pretraining[-1:], random=random).epochs():
        console.print(f"{time.perf_counter() - started:6.0f} s: top, epoch {record.epoch}", highlight=False)
    before = error_of(model, test)
    console.print(f"Test error after pre-training: {before:.2f} %", highlight=False)
    aside = (held_out, held_out.required_labels()) if len(held_out) else None
    job = UpDownTraining(model, (training, labels), settings, random=random, held_out=aside)
    records = list(watched(job.epochs(), console, started))
    seconds = time.perf_counter() - started
    return {
        "seed": seed,
        "seconds": seconds,
        "test error before up-down": before,
        "test error": error_of(model, test),
        "epochs": list(map(asdict, records)),
    }


def learn_finetuned(
    training: Images,
    held_out: Images,
    test: Images,
    sizes: list[int],
    pretraining: list[RBMSettings],
    settings: MinibatchSettings,
    precision: Precision,
    seed: int,
    console: Console,
) -> Figures:
    """Pre-train a DBN layer by layer, then fine-tune it with dropout; its error in per cent."""
    started, random = time.perf_counter(), Random(seed, "fine-tuning")
    dbn = DBN.from_sizes([training.width, *sizes], random).requires_grad_(False)
    for record in Pretraining(dbn, training, pretraining, random=random, products=precision.products).epochs():
        console.print(f"{time.perf_counter() - started:6.0f} s: layer {record.layer}, epoch {record.epoch}")
    network = network_to_finetune(dbn, CLASSES, random).requires_grad_(True)
    parts = [(part, part.required_labels()) for part in (training, held_out) if len(part)]
    aside = parts[1] if len(held_out) else None
    job = MinibatchTraining(network, parts[0], settings, random=random, held_out=aside, products=precision.products)
    records = list(watched(job.epochs(), console, started))
    seconds = time.perf_counter() - started
    return {
        "seed": seed,
        "seconds": seconds,
        "precision": precision.name,
        "test error": error_of(network, test),
        "epochs": list(map(asdict, records)),
    }


def measure(
    name: str,
    learn: Callable[[Images, Images, Images, int], Figures],
    settings: dict[str, Any],
    seeds: int,
    held_out: int,
    images: int,
    data: Path | None,
    out: Path,
    console: Console,
) -> None:
    """Run all seeds, print the table, keep the figures."""
    keep_freed_memory()
    dataset = load_dataset("mnist", data)
    runs = []
    for seed in range(seeds):
        training, aside = dataset.split(held_out, seed)
        if images:
            training = training.subset(torch.arange(images))
        runs.append(learn(training, aside, dataset.test, seed))
        console.print(f"seed {seed}: test error {runs[-1]['test error']:.2f} %", highlight=False)
    settings = {**settings, "held_out": held_out, "images": len(training)}
    record = {"machine": describe_machine(torch.device("cpu")), "name": name, "settings": settings, "runs": runs}
    print_results(console, labels_table(record))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    console.print(f"Written to {out}")


@app.command()
def hybrid(
    data: Data = None,
    seeds: Seeds = 1,
    held_out: HeldOut = 0,
    images: Images_ = 0,
    hidden: Annotated[int, typer.Option(min=1, help="Hidden units.")] = 1500,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs.")] = 40,
    learning_rate: Annotated[float, typer.Option(help="Adam's, at the start.")] = 0.01,
    generative_weight: Annotated[float, typer.Option(min=0, help="alpha.")] = 0.03,
    dropout: Annotated[float, typer.Option(min=0, help="Of the hidden units.")] = 0.5,
    input_dropout: Annotated[float, typer.Option(min=0, help="Of the pixels.")] = 0.0,
    averaging: Annotated[float, typer.Option(min=0, help="Epochs that parameters are averaged over.")] = 1.0,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = HERE / "results" / "hybrid.json",
) -> None:
    """The hybrid RBM (Larochelle & Bengio 2008: 1.28 % with 1,500 hidden units)."""
    settings = HybridSettings(
        epochs=epochs,
        learning_rate=learning_rate,
        generative_weight=generative_weight,
        dropout=dropout,
        input_dropout=input_dropout,
        averaging=averaging,
        patience=0,
    )
    console = Console()
    measure(
        "hybrid RBM",
        lambda training, aside, test, seed: learn_hybrid(training, aside, test, hidden, settings, seed, console),
        {"hidden": hidden, **asdict(settings)},
        seeds,
        held_out,
        images,
        data,
        out,
        console,
    )


@app.command()
def updown(
    data: Data = None,
    seeds: Seeds = 1,
    held_out: HeldOut = 0,
    images: Images_ = 0,
    sizes: Annotated[str, typer.Option(help="Hidden units of each layer.")] = "500,500,2000",
    pretraining_epochs: Annotated[int, typer.Option(min=1, help="Of each layer below the top.")] = 20,
    top_epochs: Annotated[int, typer.Option(min=1, help="Of the top RBM.")] = 20,
    epochs: Annotated[int, typer.Option(min=1, help="Of up-down.")] = 55,
    learning_rate: Annotated[float, typer.Option(help="Of the untied weights, at the start.")] = 0.02,
    top_learning_rate: Annotated[float, typer.Option(help="Of the top RBM, at the start.")] = 0.1,
    gibbs_steps: Annotated[int, typer.Option(min=1, help="Of the top RBM, at the last epoch.")] = 5,
    discriminative_weight: Annotated[
        float, typer.Option(min=0, help="Of log p(y | s) in the top RBM; 0: as published.")
    ] = 4.0,
    out: Annotated[
        Path | None,
        typer.Option(help="The JSON file to write.", show_default="updown.json, or updown-published.json as published"),
    ] = None,
) -> None:
    """A DBN with the up-down algorithm (Hinton, Osindero & Teh 2006: 1.25 % with 784-500-500-2000)."""
    layers = [int(size) for size in sizes.split(",")]
    name = "updown" if discriminative_weight else "updown-published"
    settings = UpDownSettings(
        epochs=epochs,
        learning_rate=learning_rate,
        top_learning_rate=top_learning_rate,
        gibbs_steps=gibbs_steps,
        growing_gibbs_steps=True,
        discriminative_weight=discriminative_weight,
    )
    counts = [pretraining_epochs] * (len(layers) - 1) + [top_epochs]
    pretraining = [
        RBMSettings(epochs=count, batch_size=100, final_momentum=0.9, learning_rate_to_zero=True, weight_decay=0.0002)
        for count in counts
    ]
    console = Console()
    measure(
        "up-down",
        lambda training, aside, test, seed: learn_updown(
            training, aside, test, layers, pretraining, settings, seed, console
        ),
        {"layers": layers, "pretraining": list(map(asdict, pretraining)), **asdict(settings)},
        seeds,
        held_out,
        images,
        data,
        out or HERE / "results" / f"{name}.json",
        console,
    )


@app.command()
def finetuned(
    data: Data = None,
    seeds: Seeds = 1,
    held_out: HeldOut = 0,
    images: Images_ = 0,
    sizes: Annotated[str, typer.Option(help="Hidden units of each layer.")] = "500,500,2000",
    pretraining_epochs: Annotated[int, typer.Option(min=1, help="Of each layer.")] = 30,
    epochs: Annotated[int, typer.Option(min=1, help="Of fine-tuning.")] = 120,
    learning_rate: Annotated[float, typer.Option(help="Adam's, at the start.")] = 0.001,
    dropout: Annotated[float, typer.Option(min=0, help="Of the hidden units.")] = 0.3,
    input_dropout: Annotated[float, typer.Option(min=0, help="Of the pixels.")] = 0.1,
    label_smoothing: Annotated[float, typer.Option(min=0, help="The part of a target that all classes share.")] = 0.0,
    precision: Annotated[PrecisionName, typer.Option(help="Of the products in training.")] = "auto",
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = HERE / "results" / "finetuned.json",
) -> None:
    """A DBN fine-tuned with dropout (Srivastava et al. 2014: 0.92 % with 784-500-500-2000)."""
    layers = [int(size) for size in sizes.split(",")]
    settings = MinibatchSettings(
        epochs=epochs,
        learning_rate=learning_rate,
        dropout=dropout,
        input_dropout=input_dropout,
        label_smoothing=label_smoothing,
        patience=0,
    )
    of_layer = RBMSettings(
        epochs=pretraining_epochs, final_momentum=0.9, learning_rate_to_zero=True, weight_decay=0.0002
    )
    # Layers above the first learn from states drawn anew at each sight, and see the images' grey values through them.
    above, console = replace(of_layer, binarise=True), Console()
    pretraining = [of_layer, *[above] * (len(layers) - 1)]
    chosen = choose_precision(precision, torch.device("cpu"))
    measure(
        "fine-tuned DBN",
        lambda training, aside, test, seed: learn_finetuned(
            training, aside, test, layers, pretraining, settings, chosen, seed, console
        ),
        {"layers": layers, "pretraining": list(map(asdict, pretraining)), **asdict(settings)},
        seeds,
        held_out,
        images,
        data,
        out,
        console,
    )


if __name__ == "__main__":
    app()
