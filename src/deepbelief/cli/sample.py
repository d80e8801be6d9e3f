"""`deepbelief sample`: a picture of samples of a model, completed images, or interpolations."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from deepbelief.cli.options import Device, Folder, Model, Part, grouped
from deepbelief.errors import SettingsError

Steps = Annotated[
    int | None,
    typer.Option(min=1, help="Steps of the Markov chains.", show_default="1000; --inpaint 200, --interpolate 10"),
]


@dataclass(frozen=True)
class TaskOptions:
    """The kind of picture, one of these; by default fantasies."""

    start: Annotated[
        str | None, typer.Option("--from", metavar="DATA", help="Start at these images, instead of from nothing.")
    ] = None
    inpaint: Annotated[str | None, typer.Option(metavar="DATA", help="Complete these images from a part of them.")] = (
        None
    )
    interpolate: Annotated[str | None, typer.Option(metavar="DATA", help="Go from one of these images to another.")] = (
        None
    )
    labels: Annotated[
        str | None, typer.Option(metavar="all|0,3,...", help="Draw these classes; the model is one with labels.")
    ] = None
    candidates: Annotated[
        int,
        typer.Option(
            min=1, help="With --labels: of so many images, each by its own chain, draw the one the model is surest of."
        ),
    ] = 1
    known: Annotated[
        str | None,
        typer.Option(
            help="What --inpaint knows: top, bottom, left, right, centre, border or random.", show_default="top/left"
        ),
    ] = None


@dataclass(frozen=True)
class ImageOptions:
    """The choice of the images of DATA, and their number."""

    items: Annotated[
        str | None,
        typer.Option(metavar="3,17,...", help="Which images of DATA, counted from 0.", show_default="at random"),
    ] = None
    number: Annotated[
        int | None, typer.Option(min=1, help="How many.", show_default="64; of a class 8, of images 16, of pairs 8")
    ] = None
    part: Annotated[Part, typer.Option(help="Which images, where there are both.")] = Part.test
    data: Folder = None


@dataclass(frozen=True)
class PictureOptions:
    """The layout of the picture."""

    samples: Annotated[
        bool, typer.Option("--samples", help="Show samples of the units (with --labels: hidden ones), not means.")
    ] = False
    columns: Annotated[int | None, typer.Option(min=1, help="Images in a line.", show_default="what fits")] = None
    shape: Annotated[
        str | None, typer.Option(metavar="28x28", help="Height and width of an image.", show_default="the model's")
    ] = None


@grouped
def sample(
    model: Model,
    out: Annotated[
        Path,
        typer.Option(
            help="The picture: .png, or .gif or .apng to see how it comes about; or rows: .csv, .parquet or .npy."
        ),
    ],
    kind: TaskOptions,
    choice: ImageOptions,
    layout: PictureOptions,
    steps: Steps = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the chains and of the choice of images.")] = 0,
    device: Device = "auto",
) -> None:
    """Draw what a model makes up, or makes of images: in place of DATA a .npy or .npz file, or the name of a data set.

    A model of a table, which `deepbelief train` wrote, makes up rows, always by samples.

    Black is 0 and white 1, or where the model's visible units are real-valued the lowest and the highest value drawn.

    Example: deepbelief sample runs/default/seed-0/models/dbn.safetensors --out fantasies.png

    Example: deepbelief sample dbn.safetensors --inpaint fashion-mnist --known left --out completed.png

    Example: deepbelief sample dbn.safetensors --interpolate fashion-mnist --items 0,1 --out way.gif

    Example: deepbelief sample runs/default/seed-0/models/labelled.safetensors --labels all --out classes.png
    """
    from deepbelief.cli.gallery import SampleSettings, draw_samples, task_of
    from deepbelief.cli.inputs import images_for
    from deepbelief.cli.output import steps_line
    from deepbelief.cli.rows import is_table_file, write_rows
    from deepbelief.system.machine import choose_device
    from deepbelief.tables.folder import dbn_file

    task, name = task_of(chains=kind.start, inpainting=kind.inpaint, interpolation=kind.interpolate, labels=kind.labels)
    settings = SampleSettings(
        task,
        choice.number,
        steps,
        seed,
        layout.samples,
        kind.known,
        items=_numbers(choice.items, ",", "--items 3,17"),
        columns=layout.columns,
        candidates=kind.candidates,
        labels=() if kind.labels == "all" else _numbers(kind.labels, ",", "--labels 0,3 or all") or (),
        image_shape=_numbers(layout.shape, "x", "--shape 28x28"),
    )
    if is_table_file(out):
        typer.echo(write_rows(model, out, settings, choose_device(device)))
        return
    images = None if name is None else images_for(model, name, choice.data, choice.part)
    frames = draw_samples(dbn_file(model), out, settings, images, choose_device(device), steps_line)
    typer.echo(f"{out}: {frames} frames" if frames > 1 else str(out))


def _numbers(text: str | None, separator: str, example: str) -> tuple[int, ...] | None:
    """The integers of a list in an option."""
    try:
        return None if text is None else tuple(int(number) for number in text.split(separator))
    except ValueError:
        raise SettingsError(f"{text!r} are no numbers: give them as in {example}.") from None
