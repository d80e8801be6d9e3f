"""The records of a study: typed, versioned JSON, and arrays in files beside it. The report reads nothing else.

A run's folder::

    study.json                    what the study is: settings, data, device, precision, whether compiled
    results.json                  all metrics over seeds, settings, versions, machine
    seed-0/stages/<stage>.json    one `StageRecord` per finished stage and seed
    seed-0/stages/<stage>.safetensors   its arrays
    seed-0/models/*.safetensors   trained models
    report.html, figures/         the report
    explorer.html                 the page that plays with the models, if it has been made; the report links to it
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import numpy as np
import scipy.special
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from deepbelief.errors import DeepBeliefError, one_line
from deepbelief.system.atomic import write_atomically

SCHEMA: Final = 1

EXPLORER: Final = "explorer.html"
"""What the page that plays with a run's models is called in the run's folder."""

SPELT: Final = {"fashion-mnist": "Fashion-MNIST", "mnist": "MNIST", "kmnist": "KMNIST"}
"""How the names of data sets are written in a text."""

LAST_SEED: Final = 2**32 - 1
"""The greatest seed: scikit-learn, which splits the data, takes no greater one."""

Arrays = dict[str, NDArray[Any]]
Model = TypeVar("Model", bound=BaseModel)

# Names become parts of file names: letters, digits and underscores, so that none leads out of the run's folder.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$", max_length=64)]
# A quantity, the model or layer, and the condition, such as accuracy/readout_1/fgsm@0.1.
MetricName = Annotated[str, Field(pattern=r"^\w+(/\w+)*(@[0-9.e+-]+)?$", max_length=200)]
Seed = Annotated[int, Field(ge=0, le=LAST_SEED)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Record(BaseModel):
    """What all records have in common: an unknown field is refused, and NaN and infinity are written as such."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")


class StudyRecord(Record):
    """`study.json`: what decides a study's results, written before anything else.

    Records from before there was a choice have no `precision`; in those the steps are not `compiled`.
    """

    settings: dict[str, Any]
    data: str
    device: str
    precision: Literal["bf16", "fp32", "fp64"] | None = None
    compiled: bool = False


class StageRecord(Record):
    """The results of one stage of one seed: metrics, which are averaged over seeds, and facts, which are not."""

    schema_version: int = SCHEMA
    stage: Name
    seconds: Seconds
    metrics: dict[MetricName, float] = {}
    facts: dict[str, Any] = {}


class Metric(Record):
    """One figure over the seeds of a study; `ci95` is the t-interval of the mean, absent for a single seed."""

    values: list[float]
    mean: float
    ci95: tuple[float, float] | None

    @classmethod
    def over_seeds(cls, values: Sequence[float]) -> "Metric":
        """Mean and 95 % confidence interval, mean +- t(0.975, n - 1) s / sqrt(n)."""
        mean = float(np.mean(values))
        if len(values) < 2:
            return cls(values=list(values), mean=mean, ci95=None)
        n = len(values)
        # Not from scipy.stats, which takes half a second to load.
        half = float(scipy.special.stdtrit(n - 1, 0.975) * np.std(values, ddof=1) / np.sqrt(n))
        return cls(values=list(values), mean=mean, ci95=(mean - half, mean + half))


class Results(Record):
    """`results.json`: everything a study measured and under which circumstances."""

    schema_version: int = SCHEMA
    recipe: str
    title: str
    settings: dict[str, Any]
    published: dict[MetricName, float]
    seeds: list[Seed]
    stages: list[Name]
    contestants: list[Name]
    left_out: list[Name] = []
    """Stages that the recipe asks for and that need labels, which the data have not."""
    metrics: dict[MetricName, Metric]
    data: dict[str, Any]
    versions: dict[str, str]
    machine: dict[str, Any]


def write_json(path: Path, record: BaseModel) -> None:
    """Write a record as indented JSON, atomically."""
    write_atomically(path, (record.model_dump_json(indent=1) + "\n").encode())


def read_record(path: Path, model: type[Model], remedy: str = "run the study again") -> Model:
    """Read a JSON record; a `DeepBeliefError` says that it is missing or damaged, and the `remedy`."""
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise DeepBeliefError(f"{path} is missing: is this the folder of a finished run?") from None
    except ValidationError as error:  # of the JSON, too
        fault = error.errors()[0]
        told = one_line(": ".join(map(str, [*fault["loc"], fault["msg"]])))
        raise DeepBeliefError(f"{path} is damaged or from another version of deepbelief ({told}): {remedy}.") from None


def write_stage(folder: Path, record: StageRecord, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a stage's arrays, then its record: the record's presence says that the stage is finished."""
    packed = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_atomically(folder / f"{record.stage}.safetensors", save(packed))
    write_json(folder / f"{record.stage}.json", record)


def read_stage(folder: Path, stage: str) -> tuple[StageRecord, Arrays]:
    """Read what `write_stage` wrote.

    Raises:
        DeepBeliefError: a file is missing or damaged.
    """
    path, arrays = folder / f"{stage}.json", folder / f"{stage}.safetensors"
    record = read_record(path, StageRecord, stage_again(path))
    if record.stage != stage:
        raise DeepBeliefError(f"{path} is the record of the stage {record.stage}: {stage_again(path)}.")
    try:
        return record, load_file(arrays)
    except FileNotFoundError:
        raise DeepBeliefError(f"the arrays of stage {stage}, {arrays}, are missing: {stage_again(path)}.") from None
    except (SafetensorError, KeyError, TypeError, ValueError) as error:  # the latter of types that NumPy lacks
        fault = f"the arrays of stage {stage}, {arrays}, cannot be read ({one_line(repr(error))})"
        raise DeepBeliefError(f"{fault}: {stage_again(path)}.") from None


def stage_file(run: Path, seed: int, stage: str) -> Path:
    """The path of a stage's record in a run's folder; its arrays are beside it."""
    return run / f"seed-{seed}" / "stages" / f"{stage}.json"


def stage_again(record: Path) -> str:
    """How to repair the record of a stage."""
    return f"delete {record} and run the study again, which does that stage anew and keeps all others"


def read_study(path: Path) -> StudyRecord:
    """Read `study.json`."""
    return read_record(path, StudyRecord, "put a copy of it back, or give another folder with --out")


def read_results(run: Path) -> Results:
    """Read `results.json` of a run's folder."""
    return read_record(run / "results.json", Results)
