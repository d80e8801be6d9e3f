"""Whether images made of a class show that class, by a judge that no study has trained: a small convolutional network.

    .venv/bin/python benchmarks/by_class.py runs/default runs/thorough

Trains the judge on the training images, and lets it look at 100 images of each class from every seed of each finished
study, made as the study's recipe says, and at the test images. Writes benchmarks/results/by-class.json; recipes that
are there and were judged in the same way stay.
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
from deepbelief.study import Run, load_run
from deepbelief.study.generation import images_of_each_class
from deepbelief.study.records import read_results
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


def seen(predicted: Tensor, images: Tensor, labels: Tensor, classes: int) -> dict[str, Tensor]:
    """Of the images of each class the share that the judge takes for it, and their spread: (classes,) each."""
    return {"taken": share_taken(predicted, labels, classes), "spread": spread(images, labels, classes)}


def judged(judge: Judge, run: Run, real: dict[str, Tensor], each: int) -> dict[str, Any]:
    """The same of images made by one seed of a study, relative to what is seen of real ones."""
    made = images_of_each_class(run.labelled, run.recipe.generation, each, Random(run.seed, "by class"))
    images, labels = made.flatten(0, 1), torch.arange(len(made)).repeat_interleave(each)
    found = seen(judge(images), images, labels, len(made))
    return {"seed": run.seed, **{name: (found[name] / real[name]).tolist() for name in found}}


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
    images, labels, classes = dataset.test.batch(slice(None)), dataset.test.required_labels(), len(dataset.class_names)
    judge = Judge(dataset.train, classes, epochs)
    predicted = judge(images)
    real = seen(predicted, images, labels, classes)
    conditions = {
        "machine": describe_machine(torch.device("cpu")),
        "data": name,
        "classes": list(dataset.class_names),
        "each": each,
        "judge": float((predicted == labels).double().mean()),
    }
    before = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {}
    alike = all(before.get(key) == conditions[key] for key in ("data", "classes", "each", "judge"))
    found = before["recipes"] if alike else {}
    for folder in runs:
        results = read_results(folder)
        found[results.recipe] = [judged(judge, load_run(folder, seed), real, each) for seed in results.seeds]
    record = {**conditions, "recipes": found}
    print_results(Console(), by_class_table(record))
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
