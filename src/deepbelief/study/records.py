"""What a study writes down: typed, versioned JSON with arrays beside it. The report reads nothing else.

A run's folder::

    results.json                  all metrics over seeds, settings, versions, machine
    seed-0/stages/<stage>.json    one `StageRecord` per finished stage and seed
    seed-0/stages/<stage>.safetensors   its arrays
    seed-0/models/*.safetensors   trained models
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import scipy.stats
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from deepbelief.atomic import write_atomically
from deepbelief.errors import DeepBeliefError

SCHEMA: Final = 1

Arrays = dict[str, NDArray[Any]]
Model = TypeVar("Model", bound=BaseModel)


class StageRecord(BaseModel):
    """What one stage of one seed found: numbers that are averaged over seeds, and facts that are not."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")

    schema_version: int = SCHEMA
    stage: str
    seconds: float
    metrics: dict[str, float] = {}
    facts: dict[str, Any] = {}


class Metric(BaseModel):
    """One figure over the seeds of a study; `ci95` is the t-interval of the mean, absent for a single seed."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")

    values: list[float]
    mean: float
    ci95: tuple[float, float] | None

    @classmethod
    def over_seeds(cls, values: Sequence[float]) -> "Metric":
        """Mean and 95 % confidence interval, mean +- t(0.975, n - 1) s / sqrt(n)."""
        mean = float(np.mean(values))
        if len(values) < 2:
            return cls(values=list(values), mean=mean, ci95=None)
        half = float(scipy.stats.t.ppf(0.975, len(values) - 1) * scipy.stats.sem(values))
        return cls(values=list(values), mean=mean, ci95=(mean - half, mean + half))


class Results(BaseModel):
    """`results.json`: everything a study measured and under which circumstances."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")

    schema_version: int = SCHEMA
    recipe: str
    title: str
    settings: dict[str, Any]
    published: dict[str, float]
    seeds: list[int]
    stages: list[str]
    contestants: list[str]
    metrics: dict[str, Metric]
    data: dict[str, Any]
    versions: dict[str, str]
    machine: dict[str, Any]


def write_json(path: Path, record: BaseModel) -> None:
    """Write a record as indented JSON, atomically."""
    write_atomically(path, (record.model_dump_json(indent=1) + "\n").encode())


def _read(path: Path, model: type[Model]) -> Model:
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise DeepBeliefError(f"{path} is missing: is this the folder of a finished run?") from None
    except ValidationError as error:  # of the JSON, too
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise DeepBeliefError(
            f"{path} is damaged or from another version of deepbelief ({where}: {fault['msg']}): run the study again."
        ) from None


def write_stage(folder: Path, record: StageRecord, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a stage's arrays, then its record: the record's presence says that the stage is finished."""
    packed = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_atomically(folder / f"{record.stage}.safetensors", save(packed))
    write_json(folder / f"{record.stage}.json", record)


def read_stage(folder: Path, stage: str) -> tuple[StageRecord, Arrays]:
    """Read what `write_stage` wrote."""
    record = _read(folder / f"{stage}.json", StageRecord)
    try:
        return record, load_file(folder / f"{stage}.safetensors")
    except (FileNotFoundError, SafetensorError) as error:
        raise DeepBeliefError(f"the arrays of stage {stage} in {folder} cannot be read ({error}).") from None


def read_results(run: Path) -> Results:
    """Read `results.json` of a run's folder."""
    return _read(run / "results.json", Results)
