"""Searches for settings: trials on held-out training images, several at once if there are workers for them."""

import hashlib
import shutil
import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, final

import torch

from deepbelief.cluster.tasks import Status, Task, Workers
from deepbelief.data import Dataset
from deepbelief.data.image_source import ImageSource
from deepbelief.data.split import check_aside, split_rows
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.learning.rbm.records import DivergedError
from deepbelief.search.measures import stages_for
from deepbelief.search.plan import SearchPlan
from deepbelief.search.proposals import load_optuna, propose
from deepbelief.search.trials import (
    AGAIN,
    SearchRecord,
    TrialRecord,
    best_of,
    folder_of,
    read_trials,
    write_best,
    write_trial,
)
from deepbelief.search.values import recipe_with
from deepbelief.study.checks import check_fit
from deepbelief.study.execution import SeedRun, metrics_over_seeds
from deepbelief.study.records import read_record, write_json
from deepbelief.system.atomic import sweep
from deepbelief.system.lock import is_unused, locked
from deepbelief.system.precision import choose_precision


@final
class Search:
    """A search that sees training images and nothing else: there are no test images among its arguments.

    Some of the training images are held out, and take the place of the test images in every trial: whatever a stage
    measures "on the test images" is measured on these. What the recipe itself holds out, for the patience of a training
    and the like, comes from the others.

    Args:
        plan: what is searched for.
        tables: of the recipe, as in its TOML file.
        name: of the data set.
        training: its training images, with labels.
        image_shape, class_names: of the data set.
        folder: where records go; a folder of the same search is continued.
        device: where tensors are.

    Raises:
        SettingsError: Optuna is not installed, the plan does not fit the recipe or the images, or there are no labels.
    """

    def __init__(
        self,
        plan: SearchPlan,
        tables: dict[str, Any],
        name: str,
        training: ImageSource,
        image_shape: tuple[int, ...],
        class_names: tuple[str, ...],
        folder: Path,
        device: torch.device | str = "cpu",
    ) -> None:
        load_optuna()
        if training.labels is None:
            raise SettingsError(f"{name} has no labels, by which a search measures: give a data set with labels.")
        plan.check(tables)
        self.plan, self.folder, self._tables, self._device = plan, folder, tables, torch.device(device)
        recipe = recipe_with(tables, {}, plan.recipe)
        self._stages = stages_for(plan.measure, recipe)
        check_aside(name, training.strata, plan.held_out, plan.seed)
        parts = training.set_aside(*split_rows(training.strata, plan.held_out, plan.seed))
        self.images = Dataset(name, *parts, image_shape, class_names)
        """What trials learn from, with the held-out training images in the place of test images."""
        for seed in range(plan.seeds):
            check_fit(recipe, self.images, seed)
        self._wanted_precision = recipe.precision

    def run(
        self, workers: AbstractContextManager[Workers], told: Callable[[TrialRecord], None] = lambda _: None
    ) -> list[TrialRecord]:
        """Run the trials that are not over, and write `best.toml`; returns all trials.

        Args:
            workers: that run them.
            told: is called with each trial that is over.

        Raises:
            SettingsError: the folder holds something else.
            DeepBeliefError: another process is at work in the folder, a file in it is damaged, or no trial has a score.
        """
        with locked(self.folder, "search"):
            self._claim()
            sweep(self.folder)
            trials = {trial.number: trial for trial in read_trials(self.folder)}
            if sum(trial.is_over for trial in trials.values()) < self.plan.trials:
                with workers as entered:
                    _Trials(self, entered, trials, told).run()
            best = best_of([*trials.values()])
            if best is None:
                raise DeepBeliefError(f"no trial has come to a score; the first one: {trials[1].error}")
            write_best(self.folder, self._tables, self.plan, best)
            return sorted(trials.values(), key=lambda trial: trial.number)

    def _claim(self) -> None:
        """Make sure that the folder belongs to this search, and choose the precision once for all of it."""
        path = self.folder / "search.json"
        wanted: dict[str, Any] = {
            "plan": self.plan.model_dump(mode="json", exclude={"trials"}),  # more of them can be asked for later
            "recipe": self._tables,
            "data": hashlib.sha256(self.images.fingerprint.encode()).hexdigest(),
            "device": self._device.type,
        }
        if path.exists():
            stored = read_record(path, SearchRecord, AGAIN)
            if stored.model_dump(mode="json", exclude={"precision"}) != wanted:
                raise SettingsError(
                    f"{self.folder} holds a search with another plan, recipe or data: give another folder with --out."
                )
        elif not is_unused(self.folder):
            raise SettingsError(f"{self.folder} is not empty and holds no search: give another folder with --out.")
        else:
            chosen = choose_precision(self._wanted_precision, self._device)
            stored = SearchRecord.model_validate({**wanted, "precision": chosen.name})
            write_json(path, stored)
        self._precision = choose_precision(stored.precision, self._device)

    def runs_of(self, trial: TrialRecord) -> list[SeedRun]:
        """The runs of a trial, one a seed.

        Raises:
            SettingsError: its values do not go together, or do not fit the images.
        """
        recipe = recipe_with(self._tables, trial.values, f"trial {trial.number}")
        folder = folder_of(self.folder, trial.number)
        for seed in range(self.plan.seeds):
            check_fit(recipe, self.images, seed)
        return [
            SeedRun(recipe, seed, self._device, self._precision, folder / f"seed-{seed}", only=self._stages)
            for seed in range(self.plan.seeds)
        ]

    def measured(self, run: SeedRun) -> float:
        """What a run that is over has measured on the held-out images."""
        return metrics_over_seeds([run.folder], run.stages(self.images))[self.plan.measure].mean


@final
class _Trials:
    """Keeps workers busy with trials until there are as many as the plan says."""

    def __init__(
        self,
        search: Search,
        workers: Workers,
        trials: dict[int, TrialRecord],
        told: Callable[[TrialRecord], None],
    ) -> None:
        self._search, self._workers, self._trials, self._told = search, workers, trials, told
        self._images = workers.share(search.images)
        self._left: dict[int, int] = {}  # of each trial at work, how many of its seeds
        self._trial_of: dict[Task, int] = {}

    def run(self) -> None:
        """Begin with the trials that were stopped."""
        for trial in sorted(self._trials.values(), key=lambda trial: trial.number):
            if not trial.is_over:
                self._start(trial)
        self._begin_more()
        for task, status, error in self._workers.results():
            self._take(task, status, error)
            self._begin_more()

    def _begin_more(self) -> None:
        """Propose trials as long as there are workers for them."""
        while len(self._trials) < self._search.plan.trials and sum(self._left.values()) < self._workers.at_once:
            number = max(self._trials, default=0) + 1
            so_far = [self._trials[one] for one in sorted(self._trials)]
            self._start(TrialRecord(number=number, values=propose(self._search.plan, number, so_far)))

    def _start(self, trial: TrialRecord) -> None:
        self._keep(trial)
        try:
            runs = self._search.runs_of(trial)
        except SettingsError as error:
            self._end(trial.model_copy(update={"error": str(error)}))
            return
        self._left[trial.number] = len(runs)
        proof = folder_of(self._search.folder, trial.number) / "trial.json"
        for run in runs:
            task = Task(f"trial {trial.number}", run, self._images, proof)
            self._trial_of[task] = trial.number
            self._workers.submit(task)

    def _take(self, task: Task, status: Status, error: DeepBeliefError | None) -> None:
        """A run of a trial is over."""
        if error is not None and not isinstance(error, DivergedError):
            raise error
        number = self._trial_of[task]
        trial = self._trials[number]
        changed: dict[str, Any] = {"seconds": trial.seconds + (status.seconds or 0.0)}
        if error is not None:
            changed["error"] = str(error)
        self._left[number] -= 1
        trial = self._trials[number] = trial.model_copy(update=changed)
        if not self._left[number]:
            del self._left[number]
            self._end(trial if trial.error else self._with_score(trial))

    def _with_score(self, trial: TrialRecord) -> TrialRecord:
        measured = tuple(self._search.measured(run) for run in self._search.runs_of(trial))
        return trial.model_copy(update={"measured": measured, "score": statistics.fmean(measured)})

    def _end(self, trial: TrialRecord) -> None:
        """A trial is over: its models are needed no longer, its records stay."""
        self._keep(trial)
        for models in folder_of(self._search.folder, trial.number).glob("seed-*/models"):
            shutil.rmtree(models, ignore_errors=True)
        self._told(trial)

    def _keep(self, trial: TrialRecord) -> None:
        self._trials[trial.number] = trial
        write_trial(self._search.folder, trial)
