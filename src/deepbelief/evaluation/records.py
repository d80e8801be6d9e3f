"""The records of an evaluation, in the folder `robustness` of a run; the report reads nothing else.

plan.json                     what the evaluation is: the plan, and the study that it is of
results.json                  all metrics over seeds, the comparisons, the thresholds
seed-0/stages/<stage>.json    one record per finished stage and seed, its arrays beside it
seed-0/models/*.safetensors   the networks that were trained for it
"""

from pathlib import Path
from typing import Any, Final

from deepbelief.study.records import SCHEMA, Metric, MetricName, Name, Record, Seed, read_record

FOLDER: Final = "robustness"
"""Of an evaluation, in the folder of its run."""


NORMS: Final = ("linf", "l2")
"""The norms in which attacks are bounded, as metrics and arrays name them."""

LEVELLED: Final = "_levelled"
"""What is added to the name of a perturbation whose images are shown after `AutoLevels`."""


class PlanRecord(Record):
    """`plan.json`: what decides the results, written before anything else."""

    plan: dict[str, Any]
    study: dict[str, Any]


class Comparison(Record):
    """How much more accurate one contestant is than another under one kind of perturbation or attack.

    The accuracies are means over all its levels.
    """

    first: Name
    second: Name
    kind: str
    mean: float
    ci95: tuple[float, float]
    p: float
    """Corrected for the number of comparisons (Holm 1979)."""


class Evaluated(Record):
    """`results.json`: everything that was measured."""

    schema_version: int = SCHEMA
    plan: dict[str, Any]
    seeds: list[Seed]
    contestants: list[Name]
    units: dict[str, str]
    """What the levels of each kind of perturbation, and the strengths of attacks in each norm, are measured in."""
    images: int
    """Of the test set, on which every perturbation is shown."""
    metrics: dict[MetricName, Metric]
    comparisons: list[Comparison]
    machine: dict[str, Any]

    @property
    def perturbations(self) -> list[str]:
        """As metrics name them, in the order of the plan."""
        return [kind for kind in self.units if kind not in NORMS]

    def levels(self, kind: str) -> list[str]:
        """At which a kind was measured, as written, ascending."""
        start = f"accuracy/{self.contestants[0]}/{kind}@"
        return sorted((name.removeprefix(start) for name in self.metrics if name.startswith(start)), key=float)

    @property
    def norms(self) -> list[str]:
        """In which the contestants were attacked."""
        return [kind for kind in self.units if kind in NORMS]


def read_evaluated(run: Path) -> Evaluated | None:
    """The results of a run's evaluation, if there are any."""
    path = run / FOLDER / "results.json"
    return read_record(path, Evaluated, "run `deepbelief robustness` again") if path.exists() else None
