"""Whether images made of a class show that class, by a judge that no study has trained: a small convolutional network.

    .venv/bin/python benchmarks/by_class.py runs/default runs/thorough

Trains the judge on the training images, and lets it look at 100 images of each class from every seed of each finished
study, made as the study's recipe says, and at the test images. Writes benchmarks/results/by-class.json.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer
from readme import by_class_table
from rich.console import Console
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from deepbelief import Random, load_dataset
from deepbelief.cli.output import print_results
from deepbelief.data import Images
from deepbelief.insight import share_taken, spread
from deepbelief.sampling import labelled_fantasies
from deepbelief.study import Run, load_run
from deepbelief.system.machine import describe_machine

HERE: Final = Path(__file__).parent
BATCH: Final = 250


class Judge:
    """Two convolutions and two dense layers, for square grey images whose side is a multiple of 4."""

    def __init__(self, data: Images, classes: int, epochs: int) -> None:
        side = round(data.width**0.5)
        torch.manual_seed(0)
        self.network = nn.Sequential(
            nn.Unflatten(1, (1, side, side)),
            *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Dropout(0.4), nn.Linear(64 * (side // 4) ** 2, 128), nn.ReLU(), nn.Linear(128, classes)),
        )
        images, labels = data.batch(slice(None)), data.required_labels()
        steps = epochs * -(-len(labels) // BATCH)
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=0.002)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
        for _ in range(epochs):
            for rows in torch.randperm(len(labels)).split(BATCH):
                optimizer.zero_grad()
                cross_entropy(self.network(images[rows]), labels[rows]).backward()
                optimizer.step()
                schedule.step()
        self.network.eval()

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """The classes that it takes images for, (n, width) -> (n,)."""
        return torch.cat([self.network(part).argmax(dim=1) for part in images.split(1000)])


def judged(judge: Judge, run: Run, test: Images, each: int) -> dict[str, Any]:
    """Shares taken and spreads of images made by one seed of a study, as shares of those of the test images."""
    classes, recipe = run.labelled.top.classes, run.recipe.generation
    labels = torch.arange(classes).repeat_interleave(each)
    made = labelled_fantasies(
        run.labelled,
        labels,
        Random(run.seed, "by class"),
        recipe.steps,
        hidden_samples=recipe.hidden_samples,
        candidates=recipe.candidates,
    )
    images, known = test.batch(slice(None)), test.required_labels()
    taken = share_taken(judge(made), labels, classes) / share_taken(judge(images), known, classes)
    spreads = spread(made, labels, classes) / spread(images, known, classes)
    return {"seed": run.seed, "taken": taken.tolist(), "spread": spreads.tolist()}


def main(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished studies of one data set.")],
    data: Annotated[Path | None, typer.Option(help="Folder with the data set's files.")] = None,
    name: Annotated[str, typer.Option(help="The data set.")] = "fashion-mnist",
    each: Annotated[int, typer.Option(min=2, help="Images of each class.")] = 100,
    epochs: Annotated[int, typer.Option(min=1, help="Of the judge.")] = 8,
    out: Annotated[Path, typer.Option(help="The record.")] = HERE / "results" / "by-class.json",
) -> None:
    """Train the judge, make images, keep what the judge says."""
    dataset = load_dataset(name, data)
    judge = Judge(dataset.train, len(dataset.class_names), epochs)
    right = judge(dataset.test.batch(slice(None))) == dataset.test.required_labels()
    found = {}
    for folder in runs:
        first = load_run(folder)
        found[first.results.recipe] = [
            judged(judge, load_run(folder, seed), dataset.test, each) for seed in first.results.seeds
        ]
    record = {
        "machine": describe_machine(torch.device("cpu")),
        "data": name,
        "classes": list(dataset.class_names),
        "each": each,
        "judge": float(right.double().mean()),
        "recipes": found,
    }
    print_results(Console(), by_class_table(record))
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
