"""Runs an evaluation: all stages for each seed of a finished study, except those that already have a record."""

from dataclasses import replace
from pathlib import Path
from typing import final

import torch

from deepbelief.data import Dataset
from deepbelief.data.split import choose_rows
from deepbelief.errors import SettingsError
from deepbelief.evaluation import attacked, networks, perturbed
from deepbelief.evaluation.comparisons import comparisons, means_of, scores_of, unit_of
from deepbelief.evaluation.contestants import Contestants, check_contestants, names_of, pairs_of
from deepbelief.evaluation.plan import Plan
from deepbelief.evaluation.records import FOLDER, LEVELLED, Evaluated, PlanRecord
from deepbelief.randomness import Random
from deepbelief.study.context import ADDED, Context
from deepbelief.study.execution import check_records, metrics_over_seeds, run_stages
from deepbelief.study.loading import recipe_of
from deepbelief.study.progress import Silent, StudyProgress
from deepbelief.study.records import read_record, read_results, write_json
from deepbelief.study.stages import Stage
from deepbelief.system.atomic import sweep
from deepbelief.system.lock import locked
from deepbelief.system.machine import describe_machine
from deepbelief.system.precision import choose_precision


@final
class Evaluation:
    """One plan on one finished study, in the folder `robustness` of its run.

    Args:
        run: the study's folder.
        plan: all settings.
        dataset: the study's data.
        device: where tensors are.

    Attributes:
        dataset: the data with the test images that the plan asks for.

    Raises:
        SettingsError: the study has no classifiers, the plan does not fit it, or the data are others than its own.
        DeepBeliefError: the folder holds no finished study.
    """

    def __init__(self, run: Path | str, plan: Plan, dataset: Dataset, device: torch.device | str = "cpu") -> None:
        run = Path(run)
        self._run, self._plan, self._device = run, plan, torch.device(device)
        self._study = read_results(run)
        if not self._study.contestants:
            raise SettingsError(
                f"the study in {run} has no classifiers to evaluate, as its data have no labels: give the folder of "
                "a study of labelled images."
            )
        self._recipe = recipe_of(run, self._study)
        if dataset.fingerprint != self._study.data.get("fingerprint"):
            raise SettingsError(
                f"the data are not those of the study in {run}: give the folder of {self._study.data.get('name')} with "
                "--data."
            )
        check_contestants(self._recipe, plan)
        self.dataset = _with_test_images(dataset, plan.images)
        self._names = names_of(self._recipe, plan)
        self._folder = run / FOLDER
        self._precision = choose_precision(self._study.machine.get("precision", "fp32"), self._device)
        self._record = PlanRecord(plan=plan.model_dump(mode="json"), study=self._study.settings)

    def run(self, progress: StudyProgress | None = None) -> Evaluated:
        """Run the stages that are not finished and write `results.json`.

        Raises:
            SettingsError: the folder holds the results of another plan.
            DeepBeliefError: another process is at work in the folder, a file in it is damaged, or a training diverged.
        """
        with locked(self._folder, advice="wait for it"):
            self._claim_folder()
            sweep(self._folder)
            for seed in self._study.seeds:
                check_records(self._seed_folder(seed), self._stages(self._context(seed, Silent())))
            for seed in self._study.seeds:
                context = self._context(seed, progress or Silent())
                run_stages(context, self._stages(context))
            return self._write_results()

    def contestants(self, seed: int) -> Contestants:
        """The classifiers of a seed by name, once they have all been trained."""
        return Contestants(self._context(seed, Silent()), self._plan)

    def _claim_folder(self) -> None:
        path = self._folder / "plan.json"
        if path.exists():
            stored = read_record(path, PlanRecord, f"delete {self._folder} and give the same command again")
            if stored != self._record:
                raise SettingsError(
                    f"{self._folder} holds the results of another plan or of another study: give the same plan again, "
                    "or move that folder away."
                )
        write_json(path, self._record)

    def _seed_folder(self, seed: int) -> Path:
        return self._folder / f"seed-{seed}"

    def _context(self, seed: int, progress: StudyProgress) -> Context:
        finished, folder = self._run / f"seed-{seed}", self._seed_folder(seed)
        return Context(self._recipe, self.dataset, seed, self._device, self._precision, folder, progress, finished)

    def _stages(self, context: Context) -> dict[str, Stage]:
        """Of a seed, in order; nothing is loaded before one runs."""
        contestants, plan = Contestants(context, self._plan), self._plan
        needed = [one for one in plan.networks if contestants.needs(one.name)]
        stages: dict[str, Stage] = {ADDED + one.name: networks.stage_of(one) for one in needed}
        stages["clean"] = perturbed.clean(contestants)
        for name in plan.perturbations:
            stage, levels = perturbed.PREFIX + perturbed.written(name), plan.levels(name)
            in_classes = plan.by_class.contestants if plan.by_class and name in plan.by_class.perturbations else ()
            stages[stage] = perturbed.stage_of(contestants, name, levels, by_class=in_classes)
            if name in plan.levelled:
                stages[stage + LEVELLED] = perturbed.stage_of(contestants, name, levels, levelled=True)
        if plan.attacks is not None:
            stages |= {
                attacked.PREFIX + name: attacked.stage_of(contestants, name, plan.attacks) for name in self._names
            }
        return stages

    def _write_results(self) -> Evaluated:
        folders = [self._seed_folder(seed) for seed in self._study.seeds]
        stages = self._stages(self._context(self._study.seeds[0], Silent()))
        scores = scores_of(folders, stages, self._names)
        results = Evaluated(
            plan=self._record.plan,
            seeds=self._study.seeds,
            contestants=self._names,
            units={kind: unit_of(kind) for kind in scores},
            images=len(self.dataset.test),
            metrics=metrics_over_seeds(folders, stages) | means_of(scores),
            comparisons=comparisons(scores, pairs_of(self._recipe, self._plan)),
            machine={**describe_machine(self._device), "precision": self._precision.name},
        )
        write_json(self._folder / "results.json", results)
        return results


def _with_test_images(dataset: Dataset, images: int | None) -> Dataset:
    """The data with so many of the test images, each class by its share."""
    if images is None or images >= len(dataset.test):
        return dataset
    rows = choose_rows(dataset.test.required_labels(), images, Random(0, "shown images"))
    return replace(dataset, test=dataset.test.subset(rows))
