"""The records of a search: every trial is kept, also one that failed.

A search's folder::

    search.json                what is searched for: the plan, the recipe, the data, device, precision
    trial-0001/trial.json      the values of a trial, and what was measured
    trial-0001/seed-0/         its run, with the records of its stages
    best.toml                  the recipe with the values of the best trial
"""

from pathlib import Path
from typing import Any, Final, Literal

from deepbelief.search.plan import SearchPlan
from deepbelief.search.values import with_values
from deepbelief.study.records import Record, Seconds, read_record, write_json
from deepbelief.system.atomic import write_atomically

AGAIN: Final = "put a copy of it back, or give another folder with --out"


class SearchRecord(Record):
    """`search.json`: what decides the results of a search, written before anything else."""

    plan: dict[str, Any]
    recipe: dict[str, Any]
    data: str
    """SHA-256 of the training images and labels."""
    device: str
    precision: Literal["bf16", "fp32", "fp64"]


class TrialRecord(Record):
    """One trial: `values` are there from its beginning, a score or an error when it is over."""

    number: int
    values: dict[str, Any]
    measured: tuple[float, ...] = ()
    """One for each seed."""
    score: float | None = None
    """Their mean."""
    error: str | None = None
    """Why there is none."""
    seconds: Seconds = 0.0

    @property
    def is_over(self) -> bool:
        """Whether it has a score or an error."""
        return self.score is not None or self.error is not None


def write_best(search: Path, tables: dict[str, Any], plan: SearchPlan, best: TrialRecord) -> None:
    """Write the recipe with the values of the best trial, and what they are worth on held-out images.

    Args:
        search: the folder.
        tables: of the recipe.
        plan: of the search.
        best: the trial.
    """
    title = f"{tables.get('title', plan.recipe)}, with the settings of the best of {plan.trials} trials"
    import tomli_w  # here, since it comes with the extra `search`

    said = f"# {plan.measure} of trial {best.number} on {plan.held_out} held-out training images: {best.score:.4f}\n"
    text = tomli_w.dumps({**with_values(tables, best.values), "title": title})
    write_atomically(search / "best.toml", (said + text).encode())


def folder_of(search: Path, number: int) -> Path:
    """The folder of a trial."""
    return search / f"trial-{number:04d}"


def write_trial(search: Path, trial: TrialRecord) -> None:
    """Keep a trial."""
    write_json(folder_of(search, trial.number) / "trial.json", trial)


def read_trials(search: Path) -> list[TrialRecord]:
    """All trials so far, by their numbers.

    Raises:
        DeepBeliefError: a file is damaged.
    """
    paths = sorted(search.glob("trial-*/trial.json"))
    return [read_record(path, TrialRecord, f"delete {path.parent}") for path in paths]


def best_of(trials: list[TrialRecord]) -> TrialRecord | None:
    """The trial with the highest score, the first of several; None if none has a score."""
    scored = [trial for trial in trials if trial.score is not None]
    return max(scored, key=lambda trial: (trial.score, -trial.number), default=None)
