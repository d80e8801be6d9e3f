"""Runs the stages of a seed, except those that already have a record."""

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch

from deepbelief.data import Dataset
from deepbelief.study.context import Context
from deepbelief.study.progress import Silent, StudyProgress
from deepbelief.study.recipe import Recipe
from deepbelief.study.records import Metric, StageRecord, read_stage, write_stage
from deepbelief.study.stages import TOGETHER, Stage, stages_of
from deepbelief.system.compilation import Compiler
from deepbelief.system.machine import peak_memory
from deepbelief.system.precision import Precision
from deepbelief.system.processes import alone, here


@final
@dataclass(frozen=True)
class SeedRun:
    """One seed of a study: all that running it takes but the images, to be run here or in another process."""

    recipe: Recipe
    seed: int
    device: torch.device
    precision: Precision
    folder: Path
    """Of the seed."""
    tensorboard: bool = False
    compiled: bool = False
    """Whether the steps of pre-training are compiled."""
    only: frozenset[str] | None = None
    """The stages that are run, if not all of the recipe."""

    def stages(self, dataset: Dataset) -> dict[str, Stage]:
        """The stages to run, in order."""
        every = stages_of(self.recipe, dataset)
        return {name: stage for name, stage in every.items() if self.only is None or name in self.only}

    def is_finished(self, dataset: Dataset) -> bool:
        """Whether all stages have their records."""
        return all((self.folder / "stages" / f"{name}.json").exists() for name in self.stages(dataset))

    def run(self, dataset: Dataset, progress: StudyProgress | None = None) -> None:
        """Run the stages that are not finished.

        Raises:
            DeepBeliefError: a file in the folder is damaged, or a training diverged.
        """
        context = Context(
            self.recipe,
            dataset,
            self.seed,
            self.device,
            self.precision,
            self.folder,
            progress or Silent(),
            compiler=Compiler() if self.compiled else None,
            tensorboard=self.tensorboard,
        )
        run_stages(context, self.stages(dataset))
        if context.writes:  # all stages have their records and need the snapshots no longer
            shutil.rmtree(context.snapshots, ignore_errors=True)


def run_stages(context: Context, stages: Mapping[str, Stage]) -> None:
    """Run the stages of a seed that have no record in the context's folder, and write their records.

    Of processes that work together, all do the stages in `TOGETHER`; the first one alone does the others, and writes.
    """
    progress, records, processes = context.progress, context.folder / "stages", here()
    for number, (name, stage) in enumerate(stages.items(), start=1):
        # The first process says so when it has written the stage before: the others find what they need.
        if processes.first_says((records / f"{name}.json").exists()):
            progress.finished(name, 0.0, "already there")
            continue
        together = name in TOGETHER
        if not (together or context.writes):
            continue
        progress.stage(name, number, len(stages), context.seed)
        context.start_clock()
        with nullcontext() if together else alone():
            found = stage(context)
        if not context.writes:
            continue
        seconds = context.seconds()
        found.metrics["memory/peak"] = float(peak_memory(context.device))
        record = StageRecord(stage=name, seconds=seconds, metrics=found.metrics, facts=found.facts)
        write_stage(records, record, found.arrays)
        # The stage has its record: the checkpoints of its training are no longer needed.
        shutil.rmtree(context.checkpoints, ignore_errors=True)
        progress.finished(name, seconds, found.headline)
    if context.writes:  # those of a process that was killed just before it removed them
        shutil.rmtree(context.checkpoints, ignore_errors=True)


def check_records(folder: Path, stages: Iterable[str]) -> None:
    """Read the records that a seed's folder has: a damaged one is found now and not at the end."""
    for stage in stages:
        if (folder / "stages" / f"{stage}.json").exists():
            read_stage(folder / "stages", stage)


def metrics_over_seeds(folders: Sequence[Path], stages: Collection[str]) -> dict[str, Metric]:
    """The metrics that all seeds have, each in its folder."""
    per_seed = [_metrics(folder, stages) for folder in folders]
    names = [name for name in per_seed[0] if all(name in metrics for metrics in per_seed)]
    return {name: Metric.over_seeds([metrics[name] for metrics in per_seed]) for name in names}


def _metrics(folder: Path, stages: Iterable[str]) -> dict[str, float]:
    """All metrics of a seed, with the times of its stages and the largest of its memory peaks."""
    records = [read_stage(folder / "stages", stage)[0] for stage in stages]
    metrics = {name: value for record in records for name, value in record.metrics.items()}
    times = {f"time/{record.stage}": record.seconds for record in records}
    peak = max(record.metrics.get("memory/peak", 0.0) for record in records)
    return {**metrics, **times, "time/total": sum(times.values()), "memory/peak": peak}
