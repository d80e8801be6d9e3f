"""AutoAttack, by the people who invented it, beside the worst case of an evaluation: does it find more?

    .venv/bin/python -m pip install -c constraints.txt -e ".[robustness]"
    .venv/bin/python benchmarks/autoattack.py runs/thorough --contestant readout_3 --contestant ffnn

Attacks contestants of a run with an evaluation (`deepbelief robustness RUN`) by the standard AutoAttack of pyautoattack
(two kinds of APGD, FAB and the square attack; Croce & Hein 2020), at one epsilon of the evaluation, on the images that
it has attacked, or the first of them. Writes benchmarks/results/autoattack.json.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer
from pyautoattack import AutoAttack
from rich.console import Console
from torch import Tensor, nn

from deepbelief import load_dataset
from deepbelief.arrays import Classifier
from deepbelief.evaluation import Evaluation, Plan
from deepbelief.evaluation.perturbed import unpacked
from deepbelief.evaluation.records import FOLDER, read_evaluated
from deepbelief.study import load_run
from deepbelief.study.records import read_stage
from deepbelief.system.machine import describe_machine

HERE: Final = Path(__file__).parent


class OnSquares(nn.Module):
    """A classifier of images in rows as one of images (batch, 1, rows, columns), as AutoAttack wants them."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 1, rows, columns) -> (batch, classes)."""
        return self.classifier(images.flatten(1))


def main(
    run: Annotated[Path, typer.Argument(help="The folder of a study with an evaluation.")],
    contestant: Annotated[list[str], typer.Option(help="Whom to attack; several times for several.")],
    epsilon: Annotated[float, typer.Option(help="One of those of the evaluation.")] = 0.1,
    images: Annotated[int, typer.Option(min=1, help="How many of the evaluation's images.")] = 100,
    data: Annotated[Path | None, typer.Option(help="Folder with the data set's files.")] = None,
    out: Annotated[Path, typer.Option(help="The record.")] = HERE / "results" / "autoattack.json",
) -> None:
    """Attack some contestants of the first seed, and compare."""
    evaluated, study = read_evaluated(run), load_run(run)
    if evaluated is None:
        raise typer.BadParameter(f"{run} has no evaluation: run `deepbelief robustness {run}` first.")
    dataset, seed, console = load_dataset(study.recipe.data.name, data), evaluated.seeds[0], Console()
    evaluation = Evaluation(run, Plan.model_validate(evaluated.plan), dataset)
    contestants, test = evaluation.contestants(seed), evaluation.dataset.test
    place = sorted(evaluated.plan["attacks"]["epsilons"]).index(epsilon)
    found = []
    for name in contestant:
        record, arrays = read_stage(run / FOLDER / f"seed-{seed}" / "stages", f"attacks_{name}")
        rows = torch.tensor(record.facts["rows"])[:images]
        given = test.batch(rows).float().view(-1, 1, *dataset.image_shape)
        labels = test.required_labels()[rows]
        model = OnSquares(contestants[name])
        theirs = AutoAttack(model, eps=epsilon, seed=0, version="standard")
        attacked, _ = theirs.run_standard_evaluation(given, labels, batch_size=100)
        right = (model(attacked).argmax(dim=1) == labels).numpy()
        ours = unpacked(arrays["worst/linf"], record.facts["images"])[place, : len(rows)]
        figures: dict[str, Any] = {
            "contestant": name,
            "deepbelief": float(ours.mean()),
            "autoattack": float(right.mean()),
            "only autoattack": int((ours & ~right).sum()),
            "only deepbelief": int((right & ~ours).sum()),
        }
        console.print(figures, highlight=False)
        found.append(figures)
    machine = describe_machine(torch.device("cpu"))
    content = {"machine": machine, "epsilon": epsilon, "images": images, "plan": evaluated.plan, "found": found}
    out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
