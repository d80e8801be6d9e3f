"""`deepbelief encode`: images or rows of a table become features in a file."""

from pathlib import Path
from typing import Annotated

import typer

from deepbelief.cli.options import Device, Folder, Model, Part


def encode(
    model: Model,
    images: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="A .npy, .npz, .csv or .parquet file, a folder of images, or the name of a data set."
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="The file to write: .npy, or .npz, .csv or .parquet for features and labels.")
    ],
    layer: Annotated[int | None, typer.Option(min=1, help="Hidden layer.", show_default="the top one")] = None,
    part: Annotated[Part, typer.Option(help="Which images, where there are both.")] = Part.test,
    data: Folder = None,
    device: Device = "auto",
) -> None:
    """Turn images or rows into features: the hidden probabilities of a layer, float32, one row for each.

    Example: deepbelief encode runs/default/seed-0/models/dbn.safetensors fashion-mnist --out features.npy
    """
    from deepbelief.cli.features import check_ending, encode_to_file, write_features
    from deepbelief.cli.inputs import files_of, images_for, table_for
    from deepbelief.system.machine import choose_device
    from deepbelief.tables.folder import dbn_file, find_table_model

    check_ending(out)
    chosen = choose_device(device)
    if (trained := find_table_model(model)) is None:
        pixels = images_for(model, images, data, part)
        shape = encode_to_file(dbn_file(model), pixels, out, layer, chosen, files_of(images))
        typer.echo(f"{out}: {shape[0]} images, {shape[1]} features")
        return
    table = table_for(trained, images, data, part)
    features = trained.to(chosen).encode(table.cells, layer).cpu().numpy()
    label = None if trained.label is None else trained.label.name
    write_features(out, features, table.cells.get(label or ""), label or "", files_of(images))
    typer.echo(f"{out}: {features.shape[0]} rows, {features.shape[1]} features")
