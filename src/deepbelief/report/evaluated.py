"""An evaluation as the report sees it: results over all seeds, and the records of the first seed."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from deepbelief.evaluation.records import FOLDER, Evaluated, read_evaluated
from deepbelief.report.curves import Curve
from deepbelief.report.run import Run, Stage, series_of
from deepbelief.report.style import contestant_looks
from deepbelief.study.records import Metric, read_stage


@dataclass(frozen=True)
class EvaluatedRun:
    """A run with the evaluation of its robustness."""

    run: Run
    results: Evaluated
    folder: Path
    """Of the first seed's records."""

    def stage(self, name: str) -> Stage:
        """The record of a stage of the first seed."""
        return Stage(*read_stage(self.folder, name))

    @cached_property
    def _first_seed(self) -> dict[str, Metric]:
        """The metrics of the first seed alone."""
        return {name: Metric.over_seeds(metric.values[:1]) for name, metric in self.results.metrics.items()}

    def accuracy(self, contestant: str, kind: str, level: str) -> Metric | None:
        """Of a contestant at a level as it is written."""
        return self.results.metrics.get(f"accuracy/{contestant}/{kind}@{level}")

    def levels(self, kind: str) -> list[str]:
        """At which a kind was measured, as written, ascending."""
        return self.results.levels(kind)

    def curves(self, kind: str, contestants: list[str]) -> list[Curve]:
        """A line for each of some contestants, from the clean images on; dashed for those that look top-down."""
        looks = contestant_looks([name.partition("_rebuilt_")[0] for name in contestants], self.run.layers)
        found = []
        for name in contestants:
            bare = name.partition("_rebuilt_")[0]
            series = series_of(self.results.metrics, f"accuracy/{name}/{kind}", f"accuracy/{name}")
            if series is not None:
                look = replace(looks[bare], name=contestant_looks([name], 1)[name].name)
                found.append(Curve.of_series(series, look, dashed=name != bare))
        return found

    def fitted(self, kind: str, contestants: list[str]) -> tuple[list[Curve], list[Curve]]:
        """The psychometric curves of the first seed, with their bands, and the accuracies that they were fitted to."""
        stage, lines, points = self.stage(f"perturbation_{kind}"), [], []
        for measured, name in zip(self.curves(kind, contestants), contestants, strict=True):
            if f"fitted/{name}" in stage.arrays:
                accuracy, low, high = 100 * stage.floats(f"fitted/{name}")
                lines.append(replace(measured, x=stage.floats("fitted_levels"), y=accuracy, low=low, high=high))
                first = series_of(self._first_seed, f"accuracy/{name}/{kind}", f"accuracy/{name}")
                assert first is not None
                points.append(Curve.of_series(first, measured.look))
        return lines, points

    def fitted_class(self, kind: str, number: int) -> tuple[list[Curve], list[Curve]]:
        """The same of the images of one class, of the contestants that were asked about by class."""
        stage, lines, points = self.stage(f"perturbation_{kind}"), [], []
        asked = [name for name in self.results.contestants if f"of_classes/{name}" in stage.arrays]
        for measured, name in zip(self.curves(kind, asked), asked, strict=True):
            accuracy, low, high = 100 * stage.floats(f"fitted_classes/{name}")[number]
            lines.append(replace(measured, x=stage.floats("fitted_levels"), y=accuracy, low=low, high=high))
            measured_here = 100 * stage.floats(f"of_classes/{name}")[number]
            points.append(replace(measured, y=measured_here, low=None, high=None))
        return lines, points


def load_evaluated(folder: Path, run: Run) -> EvaluatedRun | None:
    """The evaluation of a run, if there is one."""
    if (results := read_evaluated(folder)) is None:
        return None
    return EvaluatedRun(run, results, folder / FOLDER / f"seed-{results.seeds[0]}" / "stages")
