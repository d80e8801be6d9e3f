"""A study from beginning to end: seeds and stages in turn, each skipped when its records are there."""

import importlib.metadata
import json
import platform
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, final

import torch
from filelock import FileLock, Timeout
from pydantic import ValidationError

from deepbelief.atomic import write_atomically
from deepbelief.data import Dataset
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.machine import describe_machine, peak_memory
from deepbelief.precision import FP32, choose_precision
from deepbelief.study.context import Context
from deepbelief.study.progress import Progress, Silent
from deepbelief.study.recipe import Recipe
from deepbelief.study.records import Metric, Results, StageRecord, read_stage, write_json, write_stage
from deepbelief.study.stages import STAGES

_PACKAGES: Final = ("deepbelief", "torch", "numpy", "scipy", "scikit-learn", "matplotlib", "safetensors")


@final
class Study:
    """One recipe on one data set, for one or several seeds, in one folder.

    Args:
        name: of the recipe, for the records.
        recipe: all settings.
        dataset: labelled images.
        folder: where records and models go; a folder of the same study is continued.
        seeds: one independent run each.
        device: where tensors are.

    Raises:
        SettingsError: the folder holds a study with other settings, or data that the recipe does not fit.
    """

    def __init__(
        self,
        name: str,
        recipe: Recipe,
        dataset: Dataset,
        folder: Path,
        seeds: Sequence[int] = (0,),
        device: torch.device | str = "cpu",
    ) -> None:
        self.name, self.recipe, self.dataset = name, recipe, dataset
        self.folder, self.seeds, self.device = folder, list(seeds), torch.device(device)
        self._precision = FP32  # until the folder is claimed
        self._identity = {
            "settings": _settings(recipe),
            "data": dataset.fingerprint,
            "device": self.device.type,
        }

    def run(self, progress: Progress | None = None) -> Results:
        """Do what is left to do and write `results.json`.

        Raises:
            SettingsError: the folder holds something else, or the data do not fit the recipe.
            DeepBeliefError: another process is at work in the folder, or a training diverged.
        """
        self._claim_folder()
        try:
            with FileLock(self.folder / ".lock", blocking=False):
                for seed in self.seeds:
                    self._run_seed(seed, progress or Silent())
                return self._write_results()
        except Timeout:
            raise DeepBeliefError(f"another study is at work in {self.folder}: wait for it, or give --out.") from None

    def _claim_folder(self) -> None:
        """Make the folder, or make sure that it is this study's; settle the precision once for all of it."""
        path = self.folder / "study.json"
        if path.exists():
            stored = json.loads(path.read_text(encoding="utf-8"))
            if "precision" not in stored:  # from before there was a choice: float32
                wanted = self.recipe.precision
                stored["settings"]["precision"] = wanted if wanted in ("auto", "fp32") else "fp32"
            there = {name: stored[name] for name in self._identity} | {"settings": _with_defaults(stored["settings"])}
            difference = _difference(there, self._identity)
            if difference:
                raise SettingsError(
                    f"{self.folder} holds a study with other settings ({difference}): give another folder with --out, "
                    "or delete it."
                )
            # What `auto` chose stays: an interrupted study ends as if it had not been.
            self._precision = choose_precision(stored.get("precision", "fp32"), self.device)
            return
        if self.folder.exists() and any(self.folder.iterdir()):
            raise SettingsError(f"{self.folder} is not empty and holds no study: give another folder with --out.")
        for seed in self.seeds:  # what the data cannot give is refused before the folder is claimed for it
            self.dataset.check_split(self.recipe.data.validation, seed)
        example, n_test = self.recipe.attack.example, len(self.dataset.test)
        if example is not None and example >= n_test:
            raise SettingsError(f"attack.example = {example} is not among the {n_test} test images, counted from 0.")
        self._precision = choose_precision(self.recipe.precision, self.device)
        identity = {**self._identity, "precision": self._precision.name}
        write_atomically(path, (json.dumps(identity, indent=1) + "\n").encode())

    def _run_seed(self, seed: int, progress: Progress) -> None:
        folder = self._seed_folder(seed)
        context = Context(self.recipe, self.dataset, seed, self.device, self._precision, folder, progress)
        for number, (name, stage) in enumerate(STAGES.items(), start=1):
            if (folder / "stages" / f"{name}.json").exists():
                progress.finished(name, 0.0, "already there")
                continue
            progress.stage(name, number, len(STAGES), seed)
            context.start_clock()
            found = stage(context)
            seconds = context.seconds()
            found.metrics["memory/peak"] = float(peak_memory(self.device))
            record = StageRecord(stage=name, seconds=seconds, metrics=found.metrics, facts=found.facts)
            write_stage(folder / "stages", record, found.arrays)
            # The records are there: what the training would have needed to go on is no longer of use.
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
            progress.finished(name, seconds, found.headline)

    def _seed_folder(self, seed: int) -> Path:
        return self.folder / f"seed-{seed}"

    def _write_results(self) -> Results:
        per_seed = [self._metrics(seed) for seed in self.seeds]
        names = [name for name in per_seed[0] if all(name in metrics for metrics in per_seed)]
        results = Results(
            recipe=self.name,
            title=self.recipe.title,
            settings=_settings(self.recipe),
            published=self.recipe.published,
            seeds=self.seeds,
            stages=list(STAGES),
            contestants=self.recipe.contestants,
            metrics={name: Metric.over_seeds([metrics[name] for metrics in per_seed]) for name in names},
            data={"name": self.dataset.name, "fingerprint": self.dataset.fingerprint},
            versions={"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
            machine={**describe_machine(self.device), "precision": self._precision.name},
        )
        write_json(self.folder / "results.json", results)
        return results

    def _metrics(self, seed: int) -> dict[str, float]:
        """All metrics of a seed, with the times of its stages and the largest of its memory peaks."""
        metrics: dict[str, float] = {}
        times: dict[str, float] = {}
        peak = 0.0
        for stage in STAGES:
            record, _ = read_stage(self._seed_folder(seed) / "stages", stage)
            metrics |= record.metrics
            times[f"time/{stage}"] = record.seconds
            peak = max(peak, record.metrics["memory/peak"])
        return {**metrics, **times, "time/total": sum(times.values()), "memory/peak": peak}


def _with_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """Stored settings and those that have come since, at their defaults: an older folder can still be continued."""
    try:
        return _settings(Recipe.model_validate({"title": "", **settings}))
    except ValidationError:
        return settings  # a setting that is no more: it shows as a difference


def _settings(recipe: Recipe) -> dict[str, Any]:
    """What decides the results of a study."""
    return recipe.model_dump(mode="json", exclude={"title", "published"})


def _difference(stored: Any, wanted: Any, where: str = "") -> str:
    """The first setting in which two studies differ, or nothing."""
    if isinstance(stored, dict) and isinstance(wanted, dict):
        for key in sorted({*stored, *wanted}):
            found = _difference(stored.get(key), wanted.get(key), f"{where}.{key}".removeprefix("."))
            if found:
                return found
        return ""
    wanted = json.loads(json.dumps(wanted))
    return "" if stored == wanted else f"{where.removeprefix('settings.')} is {stored!r} there and {wanted!r} here"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # run from a source tree that was not installed
        return "unknown"
