"""`deepbelief encode`: images become features in a file."""

from pathlib import Path
from typing import Annotated

import typer

from deepbelief.cli.options import Device, Folder, Model, Part


def encode(
    model: Model,
    images: Annotated[str, typer.Argument(help="A .npy or .npz file of images, or the name of a data set.")],
    out: Annotated[Path, typer.Option(help="The .npy file to write, or .npz for features and labels.")],
    layer: Annotated[int | None, typer.Option(min=1, help="Hidden layer.", show_default="the top one")] = None,
    part: Annotated[Part, typer.Option(help="Which images, where there are both.")] = Part.test,
    data: Folder = None,
    device: Device = "auto",
) -> None:
    """Turn images into features: the hidden probabilities of a layer, float32, one row for each image.

    Example: deepbelief encode runs/default/seed-0/models/dbn.safetensors fashion-mnist --out features.npy
    """
    from deepbelief.cli.features import check_ending, encode_to_file
    from deepbelief.cli.inputs import images_for
    from deepbelief.system.machine import choose_device

    check_ending(out)
    pixels = images_for(model, images, data, part)
    shape = encode_to_file(model, pixels, out, layer, choose_device(device))
    typer.echo(f"{out}: {shape[0]} images, {shape[1]} features")
