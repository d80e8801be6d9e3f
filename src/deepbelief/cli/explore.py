"""`deepbelief explore`: a page that plays with a trained network in the browser."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepbelief.errors import SettingsError

if TYPE_CHECKING:
    from deepbelief.explorer.sources import Found


class WeightChoice(StrEnum):
    """How weights travel in the page."""

    AUTO = "auto"
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"


def explore(
    model: Annotated[
        Path | None,
        typer.Argument(
            help="A study's folder, a model's file, or a folder of `deepbelief train` or of a shared model."
        ),
    ] = None,
    pretrained: Annotated[
        str | None,
        typer.Option(metavar="fashion-mnist|mnist", help="Instead of MODEL: one that comes with the package."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The .html file to write.")] = Path("explorer.html"),
    weights: Annotated[
        WeightChoice, typer.Option(help="The type of the weights; auto: small, with errors below 0.001.")
    ] = WeightChoice.AUTO,
    seed: Annotated[int | None, typer.Option(min=0, help="Of a study: which seed.", show_default="its first")] = None,
    images: Annotated[
        str | None,
        typer.Option(
            metavar="DATA", help="Test images to show: a file, or a data set's name.", show_default="a study's own"
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder with the files of --images.")] = None,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
) -> None:
    """Write one page that plays with a trained network: draw, disturb, dream; it needs no server and no network.

    Example: deepbelief explore --pretrained fashion-mnist

    Example: deepbelief explore runs/default --out explorer.html

    Example: deepbelief explore dbn.safetensors --images fashion-mnist --no-open
    """
    import webbrowser

    from deepbelief.explorer.page import write_page

    if out.suffix.lower() not in (".html", ".htm"):
        raise SettingsError(f"a page is a file that ends in .html, not {out.name}: give --out explorer.html.")
    found = (
        _named(pretrained, model, seed, images) if model is None or pretrained else _found(model, seed, images, data)
    )
    payload = write_page(found, out, weights.value)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB, weights {payload.header['weights']['type']}")
    if open_page:
        webbrowser.open(out.resolve().as_uri())


def _named(name: str | None, model: Path | None, seed: int | None, images: str | None) -> "Found":
    """What there is to show of a pretrained model."""
    from deepbelief.explorer.sources import of_pretrained
    from deepbelief.pretrained import load_pretrained

    if name is None:
        raise SettingsError("there is nothing to show: give a MODEL, or --pretrained fashion-mnist.")
    if model is not None:
        raise SettingsError(f"{model} and --pretrained {name} are two models: give one of them.")
    if seed is not None or images is not None:
        raise SettingsError("a pretrained model has one seed and brings its own images: leave --seed and --images out.")
    return of_pretrained(load_pretrained(name))


def _found(model: Path, seed: int | None, images: str | None, data: Path | None) -> "Found":
    """What there is to show in a study's folder, or in a model's file."""
    from deepbelief.cli.inputs import images_for
    from deepbelief.cli.options import Part
    from deepbelief.cli.output import download_line
    from deepbelief.explorer.sources import find_model, find_run
    from deepbelief.sharing.pretrained import MODEL
    from deepbelief.tables.folder import dbn_file

    if (model / "results.json").exists():
        if images is not None:
            raise SettingsError("a study brings its own images: leave --images out, or give the file of its model.")
        return find_run(model, seed, progress=download_line)
    if seed is not None:
        raise SettingsError(f"{model} is no finished study, and only one has a --seed: leave it out.")
    file = model / MODEL if (model / MODEL).exists() else dbn_file(model)
    return find_model(file, None if images is None else images_for(file, images, data, Part.test))
