"""Runs a study: all stages for each seed, except those that already have a record."""

import importlib.metadata
import itertools
import json
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final, final

import torch
from pydantic import ValidationError

from deepbelief.data import Dataset
from deepbelief.errors import SettingsError
from deepbelief.study.checks import check_fit
from deepbelief.study.execution import SeedRun, check_records, metrics_over_seeds
from deepbelief.study.progress import StudyProgress
from deepbelief.study.recipe import Recipe
from deepbelief.study.records import (
    LAST_SEED,
    Results,
    StudyRecord,
    read_study,
    write_json,
)
from deepbelief.study.stages import Stage, left_out
from deepbelief.system.atomic import sweep
from deepbelief.system.compilation import choose_compiler
from deepbelief.system.lock import is_unused, locked
from deepbelief.system.machine import describe_machine
from deepbelief.system.precision import FP32, choose_precision
from deepbelief.system.processes import here
from deepbelief.watching.tensorboard import summary_writer

_PACKAGES: Final = ("deepbelief", "torch", "numpy", "scipy", "scikit-learn", "matplotlib", "safetensors")


@final
class Study:
    """One recipe on one data set, for one or several seeds, in one folder.

    Args:
        name: of the recipe, for the records.
        recipe: all settings.
        dataset: images; where they have no labels, the stages that need them are left out.
        folder: where records and models go; a folder of the same study is continued.
        seeds: one independent run each.
        device: where tensors are.
        tensorboard: whether trainings write event files for TensorBoard, beside the metrics that they always write.

    Raises:
        SettingsError: the folder holds a study with other settings, or data that the recipe does not fit.
    """

    def __init__(
        self,
        name: str,
        recipe: Recipe,
        dataset: Dataset,
        folder: Path | str,
        seeds: Sequence[int] = (0,),
        device: torch.device | str = "cpu",
        tensorboard: bool = False,
    ) -> None:
        self.name = name.encode(errors="replace").decode()  # a file's name need not be text, and records are
        self.recipe, self.dataset = recipe, dataset
        self.folder, self.seeds, self.device = Path(folder), list(seeds), torch.device(device)
        self._tensorboard = tensorboard
        self._precision = FP32  # until the folder is claimed
        self._compiled = False
        self._record = StudyRecord(settings=_settings(recipe), data=dataset.fingerprint, device=self.device.type)

    def run(self, progress: StudyProgress | None = None) -> Results:
        """Run the stages that are not finished and write `results.json`.

        Raises:
            SettingsError: the folder holds something else, or the data do not fit the recipe.
            DeepBeliefError: another process is at work in the folder, a file in it is damaged, a training diverged, or
                TensorBoard is asked for and not installed.
        """
        with self.claimed() as runs:
            for run in runs:
                run.run(self.dataset, progress)
            return self.write_results()

    @contextmanager
    def claimed(self) -> Iterator[list[SeedRun]]:
        """Have the folder, and give what is to be run in it, one run a seed; `write_results` comes after them.

        Of processes that work together, the first one claims the folder and has its lock.

        Raises:
            SettingsError: the folder holds something else, or the data do not fit the recipe.
            DeepBeliefError: another process is at work in the folder, a record in it is damaged, or TensorBoard is
                asked for and not installed.
        """
        self._check()
        if self._tensorboard:
            summary_writer()
        processes = here()
        with locked(self.folder) if processes.is_first else nullcontext():
            with processes.first_goes_first():
                self._claim_folder()
                if processes.is_first:
                    sweep(self.folder)
                runs = [self._seed_run(seed) for seed in self.seeds]
                for run in runs:
                    check_records(run.folder, self._stages)
            yield runs

    def _check(self) -> StudyRecord | None:
        """Refuse a study that cannot be finished, without writing; returns the record of the study in the folder."""
        for seed in self.seeds:
            check_fit(self.recipe, self.dataset, seed)
        if len({*self.seeds}) != len(self.seeds) or not all(0 <= seed <= LAST_SEED for seed in self.seeds):
            raise SettingsError(f"the seeds {self.seeds} are not whole numbers from 0 to {LAST_SEED}, each given once.")
        path = self.folder / "study.json"
        if path.exists():
            stored = read_study(path)
            if difference := _difference(
                self._as_now(stored), self._record.model_dump(exclude={"precision", "compiled"})
            ):
                raise SettingsError(
                    f"{self.folder} holds a study with other settings ({difference}): give another folder with --out, "
                    "or delete it."
                )
            return stored
        if self.folder.exists() and not self.folder.is_dir():
            raise SettingsError(f"{self.folder} is a file: give the name of a folder with --out.")
        if self.folder.exists() and not is_unused(self.folder):
            raise SettingsError(f"{self.folder} is not empty and holds no study: give another folder with --out.")
        return None

    def _as_now(self, stored: StudyRecord) -> dict[str, Any]:
        """A study's record with defaults for the settings that are newer than it, so that it can be continued."""
        settings = stored.settings
        if stored.precision is None:  # from before there was a choice: float32
            wanted = self.recipe.precision
            settings = {**settings, "precision": wanted if wanted in ("auto", "fp32") else "fp32"}
        # A setting that no longer exists is reported as a difference.
        with suppress(ValidationError):
            settings = _settings(Recipe.model_validate({"title": "", **settings}))
        return {"settings": settings, "data": stored.data, "device": stored.device}

    def _claim_folder(self) -> None:
        """Make sure that the folder belongs to this study, and choose once for all of it how it is computed."""
        stored = self._check()  # once more: another process may have claimed it just before
        if stored is not None:
            # What `auto` chose stays: an interrupted study ends as if it had not been.
            self._precision = choose_precision(stored.precision or "fp32", self.device)
            self._compiled = stored.compiled
            return
        self._precision = choose_precision(self.recipe.precision, self.device)
        self._compiled = choose_compiler(self.recipe.compile, self.device, self._computed()) is not None
        chosen = {"precision": self._precision.name, "compiled": self._compiled}
        write_json(self.folder / "study.json", self._record.model_copy(update=chosen))

    def _computed(self) -> float:
        """How many values of units the pre-training of all seeds computes."""
        sizes, images = [self.dataset.train.width, *self.recipe.dbn.hidden], len(self.dataset.train)
        layers = zip(self.recipe.pretraining, itertools.pairwise(sizes), strict=True)
        return len(self.seeds) * sum(settings.values_computed(images, sum(layer)) for settings, layer in layers)

    def _seed_run(self, seed: int) -> SeedRun:
        folder = self._seed_folder(seed)
        return SeedRun(self.recipe, seed, self.device, self._precision, folder, self._tensorboard, self._compiled)

    @property
    def _stages(self) -> dict[str, Stage]:
        return self._seed_run(self.seeds[0]).stages(self.dataset)

    def _seed_folder(self, seed: int) -> Path:
        return self.folder / f"seed-{seed}"

    def write_results(self, machine: dict[str, Any] | None = None) -> Results:
        """Gather what the seeds have measured in `results.json`, when all of them have come to their end.

        Args:
            machine: on which they ran (`describe_machine`), if it was not this one.
        """
        with here().first_goes_first():  # what the seeds have measured is there when it says so
            results = self._results(machine or describe_machine(self.device))
            if here().is_first:
                write_json(self.folder / "results.json", results)
        return results

    def _results(self, machine: dict[str, Any]) -> Results:
        processes = {"processes": here().count} if here().count > 1 else {}
        return Results(
            recipe=self.name,
            title=self.recipe.title,
            settings=_settings(self.recipe),
            published=self.recipe.published,
            seeds=self.seeds,
            stages=list(self._stages),
            contestants=self.recipe.contestants if self.dataset.labelled else [],
            left_out=left_out(self.recipe, self.dataset),
            metrics=metrics_over_seeds([*map(self._seed_folder, self.seeds)], self._stages),
            data={"name": self.dataset.name, "fingerprint": self.dataset.fingerprint},
            versions={"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
            machine={**machine, "precision": self._precision.name, "compiled": self._compiled, **processes},
        )


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
