"""`deepbelief train`: a model of one's own data."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepbelief.cli.options import Device, Folder, grouped
from deepbelief.cli.terminal import stop
from deepbelief.errors import SettingsError

if TYPE_CHECKING:
    from deepbelief.tables.recognition import ColumnChoice, LearnableTable


@dataclass(frozen=True)
class ColumnOptions:
    """What the columns of DATA are."""

    label: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The column of labels.", show_default="label, labels, class, target or y"),
    ] = None
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=KIND",
            help="The kind of a column: binary, real or category. Several times for several.",
            show_default="what is recognised",
        ),
    ] = None
    without: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A column to leave out; several times for several.")
    ] = None


@dataclass(frozen=True)
class LearningOptions:
    """How the model learns."""

    hidden: Annotated[str, typer.Option(metavar="256,256", help="Units of each hidden layer.")] = "256,256"
    epochs: Annotated[int, typer.Option(min=1, help="Of each layer.")] = 30
    batch_size: Annotated[int, typer.Option(min=1, help="Rows that are learnt from at once.")] = 32
    learning_rate: Annotated[
        float | None, typer.Option(help="Of each layer.", show_default="0.1, or 0.01 for real columns")
    ] = None
    classifier_epochs: Annotated[int, typer.Option(min=1, help="Of the classifier, where there are labels.")] = 20
    held_out: Annotated[
        float, typer.Option(min=0, help="Share of the rows with a label by which the classifier is measured.")
    ] = 0.1


@grouped
def train(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A .csv, .parquet, .npy or .npz file, a folder of images or of .npy or .parquet files, or the name of "
            "a data set.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write the model to.")],
    columns: ColumnOptions,
    learning: LearningOptions,
    seed: Annotated[int, typer.Option(min=0, help="Start of the weights and order of the rows.")] = 0,
    data: Folder = None,
    device: Device = "auto",
) -> None:
    """Train a DBN on your own data, with or without missing cells, and a classifier if there are labels.

    A training that was stopped goes on when the same command is given again. Several processes learn together where
    torchrun starts them, as in torchrun --nproc-per-node 2 -m deepbelief train ...

    Example: deepbelief train patients.csv --label outcome --without name --out runs/patients
    """
    from deepbelief.cli.output import steps_line
    from deepbelief.randomness import Random
    from deepbelief.system.machine import choose_device
    from deepbelief.system.memory import keep_freed_memory
    from deepbelief.system.processes import joined
    from deepbelief.tables.folder import check_is_free, save_table_model
    from deepbelief.tables.recognition import ColumnChoice
    from deepbelief.tables.training import TableSettings, TableTraining
    from deepbelief.tables.unfinished import unfinished

    keep_freed_memory()
    with joined() as processes:
        tell = typer.echo if processes.is_first else _say_nothing
        with processes.first_goes_first():  # so that a mistake is told once, and a download is there for the others
            if processes.is_first:
                check_is_free(out)
            settings = TableSettings(**{**vars(learning), "hidden": _sizes(learning.hidden)})
            choice = ColumnChoice(columns.label, _kinds(columns.column or []), columns.without or [])
            table = _table(dataset, data, choice)
            tell(f"{dataset}: {table.summary}")
            if table.constant:
                tell(f"Beware: {table.constant}")
            random = Random(seed, "table", choose_device(device))
        training = TableTraining(table, settings, random, steps_line if processes.is_first else None)
        try:
            with unfinished(out, table, settings, seed) as checkpoints:
                model = training.run(checkpoints)
                if processes.is_first:
                    save_table_model(out, model, training.record)
        except KeyboardInterrupt:
            stop("stopped; the same command goes on from here.", 130)
        tell(f"{out}: {training.headline}")


def _table(dataset: str, data: Path | None, choice: "ColumnChoice") -> "LearnableTable":
    """What is to be learnt: rows that stay in their files, or a table in memory."""
    from deepbelief.cli.output import download_line
    from deepbelief.data import load_user_table
    from deepbelief.data.dataset import located
    from deepbelief.tables.recognition import recognise_table
    from deepbelief.tables.stored import stored_table

    if (stored := stored_table(dataset, choice)) is not None:
        return stored
    given = load_user_table(dataset, data, "train", download_line)
    with located(Path(dataset)):
        return recognise_table(given, choice)


def _say_nothing(_: str) -> None:
    """Another process says it."""


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError:
        raise SettingsError(f"{text!r} are no sizes of layers: give them as in --hidden 256,256.") from None


def _kinds(given: list[str]) -> dict[str, Any]:
    kinds = {}
    for one in given:
        name, separator, kind = one.rpartition("=")
        if not separator:
            raise SettingsError(f"{one!r} is no column with its kind: give them as in --column age=real.")
        kinds[name] = kind
    return kinds
