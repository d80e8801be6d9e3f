"""A run as the report sees it: results over all seeds, and the records of the first seed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepbelief.errors import DeepBeliefError
from deepbelief.study.records import SPELT, Arrays, Metric, Results, StageRecord, read_results, read_stage

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stage:
    """One finished stage: its record and its arrays."""

    record: StageRecord
    arrays: Arrays

    def array(self, name: str) -> NDArray[Any]:
        """The array of this name, or a `DeepBeliefError` that says what is missing."""
        if name not in self.arrays:
            raise DeepBeliefError(f"the record of stage {self.record.stage} lacks the array {name}: run it again.")
        return self.arrays[name]

    def floats(self, name: str) -> Floats:
        """The array of this name, of whatever type its numbers are, as floats."""
        return self.array(name).astype(float)

    def fact(self, name: str) -> Any:
        """The fact of this name, or a `DeepBeliefError` that says what is missing."""
        if name not in self.record.facts:
            raise DeepBeliefError(f"the record of stage {self.record.stage} lacks the fact {name}: run it again.")
        return self.record.facts[name]

    def numbered(self, prefix: str, suffix: str = "") -> list[int]:
        """The numbers n, ascending, for which an array `<prefix><n><suffix>` is there."""
        middles = (
            name[len(prefix) : len(name) - len(suffix)]
            for name in self.arrays
            if name.startswith(prefix) and name.endswith(suffix)
        )
        return sorted(int(middle) for middle in middles if middle.isdecimal())


@dataclass(frozen=True)
class Series:
    """A metric measured at several levels: means, and the confidence band when there are several seeds."""

    levels: Floats
    mean: Floats
    low: Floats | None
    high: Floats | None

    def nearest(self, level: float) -> tuple[float, float]:
        """The measured level nearest to `level`, and the mean there."""
        index = int(np.argmin(np.abs(self.levels - level)))
        return float(self.levels[index]), float(self.mean[index])


@dataclass(frozen=True)
class Run:
    """The contents of `results.json`, and the finished stages of the first seed."""

    results: Results
    stages: dict[str, Stage]

    @property
    def contestants(self) -> list[str]:
        """The classifiers that are compared, in the order of the study."""
        return self.results.contestants

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, from the first stage that states them."""
        for stage in self.stages.values():
            if names := stage.record.facts.get("class_names"):
                return [str(name) for name in names]
        return []

    @property
    def chance(self) -> float | None:
        """Accuracy of guessing, 1 / number of classes."""
        return 1 / len(self.class_names) if self.class_names else None

    @property
    def layers(self) -> int:
        """How many layers the network has."""
        if widths := self.facts("pretraining").get("layers"):
            return len(widths) - 1
        return sum(name.startswith("readout_") for name in self.contestants)

    @property
    def data_name(self) -> str:
        """The name of the data set."""
        name = str(self.facts("data").get("name") or self.results.data.get("name") or "the data")
        return SPELT.get(name, name)

    def facts(self, stage: str) -> dict[str, Any]:
        """The facts of a stage, empty when it has not run."""
        return self.stages[stage].record.facts if stage in self.stages else {}

    def metric(self, name: str) -> Metric | None:
        """The metric of this name over all seeds."""
        return self.results.metrics.get(name)

    def class_name(self, label: Any) -> str:
        """The name of a class given by its index; anything else is shown as it is."""
        names = self.class_names
        if isinstance(label, int | np.integer) and 0 <= label < len(names):
            return names[int(label)]
        return str(label)

    def series(self, name: str) -> Series | None:
        """All metrics `<name>@<level>`, ascending in level."""
        return series_of(self.results.metrics, name)


def series_of(metrics: Mapping[str, Metric], name: str, clean: str = "") -> Series | None:
    """The metrics `<name>@<level>`, ascending in level; None if there are none.

    Where none is of level 0, the metric `clean` is.
    """
    found = sorted(
        (float(full.rpartition("@")[2]), metric) for full, metric in metrics.items() if full.rpartition("@")[0] == name
    )
    if not found:
        return None
    if clean in metrics and found[0][0] > 0:
        found.insert(0, (0.0, metrics[clean]))
    bands = [metric.ci95 for _, metric in found if metric.ci95 is not None]
    low, high = np.asarray(bands, float).T if len(bands) == len(found) else (None, None)
    levels, means = [level for level, _ in found], [metric.mean for _, metric in found]
    return Series(np.asarray(levels), np.asarray(means), low, high)


def load_run(folder: Path, stages: Iterable[str]) -> Run:
    """Read `results.json` and those of `stages` that the first seed has finished."""
    results = read_results(folder)
    if not results.seeds:
        raise DeepBeliefError(f"{folder / 'results.json'} names no seed: run the study again.")
    records = folder / f"seed-{results.seeds[0]}" / "stages"
    present = (stage for stage in stages if (records / f"{stage}.json").exists())
    return Run(results, {stage: Stage(*read_stage(records, stage)) for stage in present})
