"""`deepbelief impute`: missing cells filled in."""

from pathlib import Path
from typing import Annotated

import typer

from deepbelief.cli.options import Device, Folder, Part, TrainedFolder


def impute(
    model: TrainedFolder,
    dataset: Annotated[
        str, typer.Argument(metavar="DATA", help="A .csv, .parquet, .npy or .npz file with missing cells.")
    ],
    out: Annotated[Path, typer.Option(help="The file to write: .csv, .parquet or .npy.")],
    steps: Annotated[int, typer.Option(min=2, help="Steps of the Markov chains.")] = 200,
    samples: Annotated[bool, typer.Option("--samples", help="Fill in a sample, not the mean.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the chains.")] = 0,
    part: Annotated[Part, typer.Option(help="Which rows, where there are both.")] = Part.test,
    data: Folder = None,
    device: Device = "auto",
) -> None:
    """Write the same table with its missing cells filled in, by what the model makes of those that are known.

    Example: deepbelief impute runs/patients patients.csv --out complete.csv
    """
    from dataclasses import replace

    from deepbelief.cli.inputs import table_for
    from deepbelief.data.table_files import check_table_file, columns_of_text, write_table
    from deepbelief.randomness import Random
    from deepbelief.system.machine import choose_device
    from deepbelief.tables.folder import load_table_model

    check_table_file(out)
    chosen = choose_device(device)
    trained = load_table_model(model).to(chosen)
    table = table_for(trained, dataset, data, part)
    if out.suffix.lower() == ".npy":  # the columns that the model knows, without labels and names
        table = replace(table, cells={name: table.cells[name] for name in trained.columns.names})
        check_table_file(out, columns_of_text(table))
    missing = trained.missing_cells(table)
    write_table(out, trained.impute(table, Random(seed, "imputation", chosen), steps, samples=samples))
    typer.echo(f"{out}: {len(table)} rows, {missing} missing cells filled in")
