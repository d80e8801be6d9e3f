"""Runs the stages of a seed, except those that already have a record."""

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from deepbelief.study.context import Context
from deepbelief.study.records import Metric, StageRecord, read_stage, write_stage
from deepbelief.study.stages import Stage
from deepbelief.system.machine import peak_memory


def run_stages(context: Context, stages: Mapping[str, Stage]) -> None:
    """Run the stages of a seed that have no record in the context's folder, and write their records."""
    progress, records = context.progress, context.folder / "stages"
    for number, (name, stage) in enumerate(stages.items(), start=1):
        if (records / f"{name}.json").exists():
            progress.finished(name, 0.0, "already there")
            continue
        progress.stage(name, number, len(stages), context.seed)
        context.start_clock()
        found = stage(context)
        seconds = context.seconds()
        found.metrics["memory/peak"] = float(peak_memory(context.device))
        record = StageRecord(stage=name, seconds=seconds, metrics=found.metrics, facts=found.facts)
        write_stage(records, record, found.arrays)
        # The stage has its record: the checkpoints of its training are no longer needed.
        shutil.rmtree(context.checkpoints, ignore_errors=True)
        progress.finished(name, seconds, found.headline)
    # Those of a process that was killed just before it removed them.
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
