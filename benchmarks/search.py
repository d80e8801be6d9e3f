"""How the settings of the recipe `thorough` were chosen: candidates, measured on held-out training images.

    .venv/bin/python benchmarks/search.py --models runs/search

The candidates stand in benchmarks/search.toml: DBNs, and networks that learn from labels, some of which begin at one of
these DBNs, or see its features. Each is trained once, from seed 0, on the training images without 5,000 that are held
out, and measured on these, clean and under Gaussian noise; no test image is looked at. Writes
benchmarks/results/search.json after each one; a candidate that is there already, with the same settings, is not trained
again.
"""

import itertools
import json
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer
from rich.console import Console
from torch import Tensor, nn

from deepbelief import (
    DBN,
    ConvergedSettings,
    ConvergedTraining,
    FeedForward,
    MinibatchSettings,
    MinibatchTraining,
    Pretraining,
    Random,
    RBMSettings,
    accuracy,
    load_dataset,
    load_dbn,
    save_dbn,
)
from deepbelief.data import Dataset, TensorSource
from deepbelief.learning import network_to_finetune
from deepbelief.models.readout import ReadoutClassifier, side_by_side
from deepbelief.models.views import encode_source_all
from deepbelief.robustness import gaussian
from deepbelief.system.machine import describe_machine
from deepbelief.system.memory import keep_freed_memory
from deepbelief.system.precision import PrecisionName, choose_precision

HERE: Final = Path(__file__).parent
LEVELS: Final = (0.0, 0.3, 0.5, 0.7, 1.0, 1.3)
CLASSES: Final = 10
PENALTIES: Final = (1e-2, 1e-3, 1e-4)  # of a read-out; the best on held-out images is kept
ROBUST: Final = (0.05,)  # of the robust read-out
Candidate = dict[str, Any]
Classifier = Callable[[Tensor], Tensor]


class Search:
    """The images, and what trains and measures a candidate of each kind."""

    def __init__(self, dataset: Dataset, models: Path, held_out: int, products: torch.dtype) -> None:
        self.training, self.held_out = dataset.split(held_out, 0)
        self.models, self.products = models, products
        images, noise = self.held_out.batch(slice(None)), Random(0, "noise")
        # The same noisy images for all.
        self.noisy = [gaussian(images, level, noise) if level else images for level in LEVELS]

    def under_noise(self, classifier: Classifier) -> list[float]:
        """The accuracy on the held-out images at each of the `LEVELS`."""
        labels = self.held_out.required_labels()
        return [accuracy(classifier, TensorSource(images), labels) for images in self.noisy]

    def dbn(self, candidate: Candidate) -> dict[str, Any]:
        """Train a DBN; its read-outs under noise, and norms of weights.

        There is a read-out of each layer, one of all layers side by side, and one of the top layer whose penalty is
        strong.
        """
        hidden, random = candidate["hidden"], Random(0, "pretraining")
        dbn = DBN.from_sizes([self.training.width, *hidden], random, candidate.get("weight_std"))
        settings = [RBMSettings(**of_layer(candidate["pretraining"], layer)) for layer in range(len(hidden))]
        for _ in Pretraining(dbn, self.training, settings, random=random, products=self.products).epochs():
            pass
        save_dbn(self.models / f"{candidate['name']}.safetensors", dbn.requires_grad_(False))
        seen = [encode_source_all(dbn, part) for part in (self.training, self.held_out)]
        numbers = list(range(1, len(dbn) + 1))
        readouts = {f"layer {layer}": ([layer], PENALTIES) for layer in numbers}
        readouts |= {"all layers": (numbers, PENALTIES), "robust": ([len(dbn)], ROBUST)}
        accuracies = {
            name: self.under_noise(self.readout(dbn, layers, *seen, penalties))
            for name, (layers, penalties) in readouts.items()
        }
        norms = [float(dbn.layer(layer).weights.norm(dim=0).mean()) for layer in range(1, len(dbn) + 1)]
        return {"accuracies": accuracies, "norms": norms}

    def readout(
        self,
        dbn: DBN,
        layers: list[int],
        training: list[Tensor],
        held_out: list[Tensor],
        penalties: tuple[float, ...] = PENALTIES,
    ) -> Classifier:
        """A converged linear read-out."""
        features, others = side_by_side(training, layers), side_by_side(held_out, layers)
        network = FeedForward([features.shape[1], CLASSES], torch.relu, Random(0))
        settings = ConvergedSettings(l2=penalties, max_iterations=80)
        learnt, checked = (features, self.training.labels), (others, self.held_out.labels)
        for _ in ConvergedTraining(network, learnt, settings, held_out=checked).epochs():
            pass
        return ReadoutClassifier(dbn, layers, network)

    def network(self, candidate: Candidate) -> dict[str, Any]:
        """Train a network with labels; its accuracy under noise.

        It begins at random weights, or at a DBN's; or it is a head, which sees the frozen features of all its layers.
        """
        random, seen = Random(0, "network"), [self.training, self.held_out]
        labels = [part.required_labels() for part in seen]
        as_classifier: Callable[[FeedForward], Classifier] = nn.Identity()
        if (name := candidate.get("dbn") or candidate.get("features_of")) is not None:
            dbn = load_dbn(self.models / f"{name}.safetensors")
            layers, features = list(range(1, len(dbn) + 1)), [encode_source_all(dbn, part) for part in seen]
        if "features_of" in candidate:
            seen = [TensorSource(side_by_side(part, layers)) for part in features]
            as_classifier = partial(ReadoutClassifier, dbn, layers)
        if "dbn" in candidate:
            top = self.readout(dbn, layers[-1:], *features)
            assert isinstance(top, ReadoutClassifier)
            network = network_to_finetune(dbn, CLASSES, random, top.readout)
        else:
            sizes = [seen[0].width, *candidate["hidden"], CLASSES]
            network = FeedForward(sizes, getattr(torch, candidate["units"]), random)
        parts = list(zip(seen, labels, strict=True))
        settings = MinibatchSettings(**candidate["training"])
        job = MinibatchTraining(
            network.requires_grad_(True), parts[0], settings, random=random, held_out=parts[1], products=self.products
        )
        scores = [record.score for record in job.epochs()]
        accuracies = {"network": self.under_noise(as_classifier(network))}
        return {"accuracies": accuracies, "scores": scores, "best_epoch": job.best_epoch}


def of_layer(settings: Mapping[str, Any], layer: int) -> dict[str, Any]:
    """The settings of a layer, from 0; a list gives each layer its own value, as in a recipe."""
    return {name: value[layer] if isinstance(value, list) else value for name, value in settings.items()}


def combinations(candidate: Candidate) -> Iterator[Candidate]:
    """Of a network: a list of values for a setting of its training stands for one candidate with each of them."""
    training = candidate["training"]
    choices = [value if isinstance(value, list) else [value] for value in training.values()]
    for values in itertools.product(*choices):
        yield {**candidate, "training": dict(zip(training, values, strict=True))}


def main(
    models: Annotated[Path, typer.Option(help="A folder for the trained DBNs.")],
    data: Annotated[Path | None, typer.Option(help="Folder with the data set's files.")] = None,
    candidates: Annotated[Path, typer.Option(help="The file of the candidates.")] = HERE / "search.toml",
    out: Annotated[Path, typer.Option(help="The record.")] = HERE / "results" / "search.json",
    name: Annotated[str, typer.Option(help="The data set.")] = "fashion-mnist",
    held_out: Annotated[int, typer.Option(min=1, help="Training images to measure on.")] = 5000,
    precision: Annotated[PrecisionName, typer.Option(help="Of the products in training.")] = "auto",
) -> None:
    """Train and measure every candidate that has no record yet."""
    keep_freed_memory()
    console, chosen = Console(), choose_precision(precision, torch.device("cpu"))
    search = Search(load_dataset(name, data), models, held_out, chosen.products)
    wanted = tomllib.loads(candidates.read_text(encoding="utf-8"))
    wanted["network"] = [one for network in wanted.get("network", []) for one in combinations(network)]
    found = json.loads(out.read_text(encoding="utf-8"))["candidates"] if out.exists() else []
    for kind, learn in (("dbn", search.dbn), ("network", search.network)):
        for candidate in wanted.get(kind, []):
            if any(one["kind"] == kind and one["candidate"] == candidate for one in found):
                continue
            started = time.perf_counter()
            measured = learn(candidate)
            seconds = time.perf_counter() - started
            machine = {**describe_machine(torch.device("cpu")), "precision": chosen.name}
            found.append({"kind": kind, "candidate": candidate, **measured, "seconds": seconds})
            for what, values in measured["accuracies"].items():
                console.print(f"{candidate['name']} {candidate.get('training', '')}, {what}: {values}", highlight=False)
            record = {"machine": machine, "levels": LEVELS, "held_out": held_out, "data": name, "candidates": found}
            out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
