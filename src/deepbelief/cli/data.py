"""`deepbelief data`: a data set, found or downloaded, and checked."""

from typing import Annotated

import typer

from deepbelief.cli.options import Folder


def data(
    name: Annotated[
        str,
        typer.Argument(
            help="fashion-mnist, mnist, kmnist, digits, mnist-c, fashion-mnist-c, a .npz, .npy or .csv file, or a "
            "folder of images."
        ),
    ] = "fashion-mnist",
    folder: Folder = None,
) -> None:
    """Find a data set, or download it, and check it.

    Example: deepbelief data fashion-mnist
    """
    from deepbelief.cli.output import download_line
    from deepbelief.data import load_corrupted, load_dataset
    from deepbelief.data.corrupted import NAMES

    if name in NAMES:
        for corruption, images in load_corrupted(name, folder, progress=download_line).items():
            typer.echo(f"{name}, {corruption}: {len(images)} test images")
        return
    dataset = load_dataset(name, folder, progress=download_line)
    shape = "x".join(map(str, dataset.image_shape))
    labels = "" if dataset.labelled else ", no labels"
    typer.echo(f"{dataset.name}: {len(dataset.train)} training and {len(dataset.test)} test images, {shape}{labels}")
