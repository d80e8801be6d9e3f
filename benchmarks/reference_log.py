"""What the published log tells of learning, from runs of the recipe `reference` that need not have come to their end.

    .venv/bin/python benchmarks/reference_log.py runs/reference-0 runs/reference-1 runs/reference-2

reads the finished stages `pretraining` and `readouts` of every seed in these folders, a third of the work, attacks the
published example through each seed's top read-out, and writes benchmarks/results/reference-log.json.
"""

import json
import subprocess
import sys
from pathlib import Path

import torch

from deepbelief.data import load_dataset
from deepbelief.models.readout import ReadoutClassifier
from deepbelief.robustness import fgsm
from deepbelief.study.context import Context
from deepbelief.study.progress import Silent
from deepbelief.study.recipe import load_recipe
from deepbelief.study.records import Metric, read_stage
from deepbelief.system.machine import describe_machine
from deepbelief.system.precision import FP32

KEPT = Path(__file__).parent / "results" / "reference-log.json"
STAGES = ("pretraining", "readouts")
CPU = torch.device("cpu")


def of_seed(folder: Path) -> dict[str, float]:
    """The metrics of a seed's folder, and the class of the example before and after the attack."""
    metrics: dict[str, float] = {}
    for stage in STAGES:
        metrics |= read_stage(folder / "stages", stage)[0].metrics
    recipe, seed = load_recipe("reference")[1], int(folder.name.removeprefix("seed-"))
    context = Context(recipe, load_dataset(recipe.data.name), seed, CPU, FP32, folder, Silent())
    layer, example, epsilon = len(context.dbn), recipe.attack.example, recipe.attack.example_epsilon
    assert example is not None  # `reference` names it
    image, label = context.test_pixels[example : example + 1], context.test.required_labels()[example : example + 1]
    classifier = ReadoutClassifier(context.dbn, layer, context.network(f"readout_{layer}"))
    for suffix, shown in (("", image), (f"/fgsm@{epsilon:g}", fgsm(classifier, image, label, epsilon))):
        metrics[f"prediction/readout_{layer}{suffix}"] = float(classifier(shown).argmax())
    return metrics


def main() -> None:
    """Read the runs given on the command line and write the record."""
    folders = sorted(folder for run in sys.argv[1:] for folder in Path(run).glob("seed-*"))
    each = [of_seed(folder) for folder in folders]
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    record = {
        "commit": commit,
        "machine": {**describe_machine(CPU), "precision": FP32.name},
        "seeds": [folder.name for folder in folders],
        "metrics": {name: Metric.over_seeds([one[name] for one in each]).model_dump() for name in each[0]},
    }
    KEPT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"{KEPT}: {len(folders)} seeds")


if __name__ == "__main__":
    main()
