"""The command line: parses, calls, prints. Heavy modules are imported inside the commands, so that help is quick."""

# Longer than other files: nearly all of it are options and their help, a line or more each.

import sys
import time
import warnings
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from deepbelief.errors import DataWarning, DeepBeliefError, SettingsError
from deepbelief.terminal import write_in_any_encoding

app = typer.Typer(
    help="Deep Belief Networks: train them, look inside them, stress-test what they learnt.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Folder = Annotated[
    Path | None,
    typer.Option("--data", help="Folder with the data set's files.", show_default="looked for, else downloaded"),
]


class Part(StrEnum):
    """The two parts of a data set."""

    train = "train"
    test = "test"


class PrecisionChoice(StrEnum):
    """The recipe's `precision` (`PrecisionName`, which help must not load)."""

    auto = "auto"
    bf16 = "bf16"
    fp32 = "fp32"
    fp64 = "fp64"


Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]


@app.command()
def study(
    recipe: Annotated[str, typer.Argument(help="default, thorough, reference, smoke, or your TOML file.")] = "default",
    out: Annotated[Path | None, typer.Option(help="The run's folder.", show_default="runs/<recipe>")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Number of independent runs to average over.")] = 1,
    device: Device = "auto",
    precision: Annotated[
        PrecisionChoice | None,
        typer.Option(
            help="Type of the matrix products in training; auto: what is fastest.", show_default="the recipe's"
        ),
    ] = None,
    data: Folder = None,
) -> None:
    """Run a whole study and write its report; an interrupted one goes on where it stopped.

    Example: deepbelief study smoke --out runs/first-look
    """
    from rich.console import Console

    from deepbelief.data import load_dataset
    from deepbelief.machine import choose_device
    from deepbelief.memory import keep_freed_memory
    from deepbelief.report.page import build_report
    from deepbelief.report.tables import results_table
    from deepbelief.study.recipe import load_recipe
    from deepbelief.study.run import Study
    from deepbelief.watching import TerminalProgress, download_line, print_results

    keep_freed_memory()
    name, settings = load_recipe(recipe)
    if precision is not None:
        settings = settings.model_copy(update={"precision": precision.value})
    chosen = choose_device(device)
    dataset = load_dataset(settings.data.name, data, real=settings.dbn.visible == "gaussian", progress=download_line)
    folder, console = out or Path("runs") / name, Console()
    try:
        with TerminalProgress(console) as progress:
            results = Study(name, settings, dataset, folder, range(seed, seed + seeds), chosen).run(progress)
            page = build_report(folder)
    except KeyboardInterrupt:
        _stop("stopped; the same command goes on from here.", 130)
    print_results(console, results_table(results))
    total = sum(results.metrics["time/total"].values)
    typer.echo(f"\n{total:.0f} s of work. The report: {page}")


@app.command()
def report(run: Annotated[Path, typer.Argument(help="The folder of a finished study.")]) -> None:
    """Draw a study's pictures and page again, from its records alone.

    Example: deepbelief report runs/default
    """
    from deepbelief.report.page import build_report

    typer.echo(build_report(run))


@app.command()
def encode(
    model: Annotated[Path, typer.Argument(help="A DBN, such as runs/default/seed-0/models/dbn.safetensors.")],
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
    from deepbelief.encoding import check_ending, encode_to_file
    from deepbelief.machine import choose_device
    from deepbelief.reading import images_for
    from deepbelief.watching import download_line

    check_ending(out)
    pixels = images_for(model, images, data, part.value, download_line)
    shape = encode_to_file(model, pixels, out, layer, choose_device(device))
    typer.echo(f"{out}: {shape[0]} images, {shape[1]} features")


@app.command()
def likelihood(
    model: Annotated[Path, typer.Argument(help="A DBN, such as runs/default/seed-0/models/dbn.safetensors.")],
    dataset: Annotated[
        str, typer.Argument(metavar="DATA", help="The name of a data set, or a .npy or .npz file.")
    ] = "fashion-mnist",
    images: Annotated[int, typer.Option(min=2, help="Test images to measure, drawn from all.")] = 100,
    temperatures: Annotated[int, typer.Option(min=1, help="Temperatures of AIS and RAISE.")] = 14_500,
    chains: Annotated[int, typer.Option(min=2, help="Chains of AIS.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Choice of the images and states of the units.")] = 0,
    data: Folder = None,
    device: Device = "auto",
) -> None:
    """Estimate a DBN's mean log-likelihood in nats (a bound of it, if deep), from both sides: by AIS and by RAISE.

    Grey images are drawn once as zeros and ones where the visible units are binary; real values are taken as they are.

    Example: deepbelief likelihood runs/default/seed-0/models/dbn.safetensors fashion-mnist --temperatures 2000
    """
    from rich.console import Console

    from deepbelief.checkpoint import load_dbn
    from deepbelief.likelihood import AISSettings, evaluate
    from deepbelief.machine import choose_device
    from deepbelief.memory import keep_freed_memory
    from deepbelief.randomness import Random
    from deepbelief.reading import images_for
    from deepbelief.report.tables import Table
    from deepbelief.watching import download_line, print_results, steps_line

    keep_freed_memory()
    started, on = time.perf_counter(), choose_device(device)
    dbn = load_dbn(model).to(on)
    training, test = (images_for(model, dataset, data, part.value, download_line) for part in Part)
    settings = AISSettings.of(temperatures, chains)
    found = evaluate(dbn, training, test, Random(seed, "likelihood", on), settings, images, steps_line)
    title = f"{model.name} on {len(found.bracket.upper)} test images of {dataset}"
    print_results(Console(), Table(title, ("nats", "", "95 % interval", "effective chains"), tuple(found.rows())))
    for sentence in found.bracket.warnings:
        typer.echo(f"Beware: {sentence}")
    typer.echo(f"{temperatures} temperatures, {chains} chains, {time.perf_counter() - started:.0f} s")


@app.command()
def sample(
    model: Annotated[Path, typer.Argument(help="A DBN, such as runs/default/seed-0/models/dbn.safetensors.")],
    out: Annotated[Path, typer.Option(help="The picture: .png, or .gif or .apng to see how it comes about.")],
    start: Annotated[
        str | None, typer.Option("--from", metavar="DATA", help="Start at these images, instead of from nothing.")
    ] = None,
    inpaint: Annotated[
        str | None, typer.Option(metavar="DATA", help="Complete these images from a part of them.")
    ] = None,
    interpolate: Annotated[
        str | None, typer.Option(metavar="DATA", help="Go from one of these images to another.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="all|0,3,...", help="Draw these classes; the model is one with labels.")
    ] = None,
    known: Annotated[
        str | None,
        typer.Option(
            help="What --inpaint knows: top, bottom, left, right, centre, border or random.", show_default="top/left"
        ),
    ] = None,
    items: Annotated[
        str | None,
        typer.Option(metavar="3,17,...", help="Which images of DATA, counted from 0.", show_default="at random"),
    ] = None,
    number: Annotated[
        int | None, typer.Option(min=1, help="How many.", show_default="64; of a class 8, of images 16, of pairs 8")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Steps of the Markov chains.", show_default="1000; --inpaint 200, --interpolate 10"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the chains and of the choice of images.")] = 0,
    samples: Annotated[bool, typer.Option("--samples", help="Show samples of the units, not their means.")] = False,
    columns: Annotated[int | None, typer.Option(min=1, help="Images in a line.", show_default="what fits")] = None,
    shape: Annotated[
        str | None, typer.Option(metavar="28x28", help="Height and width of an image.", show_default="the model's")
    ] = None,
    part: Annotated[Part, typer.Option(help="Which images, where there are both.")] = Part.test,
    data: Folder = None,
    device: Device = "auto",
) -> None:
    """Draw what a model makes up, or makes of images: in place of DATA a .npy or .npz file, or the name of a data set.

    Black is 0 and white 1, or where the model's visible units are real-valued the lowest and the highest value drawn.

    Example: deepbelief sample runs/default/seed-0/models/dbn.safetensors --out fantasies.png

    Example: deepbelief sample dbn.safetensors --inpaint fashion-mnist --known left --out completed.png

    Example: deepbelief sample dbn.safetensors --interpolate fashion-mnist --items 0,1 --out way.gif

    Example: deepbelief sample runs/default/seed-0/models/labelled.safetensors --labels all --out classes.png
    """
    from deepbelief.gallery import SampleSettings, draw_samples, task_of
    from deepbelief.machine import choose_device
    from deepbelief.reading import images_for
    from deepbelief.watching import download_line, steps_line

    task, name = task_of(chains=start, inpainting=inpaint, interpolation=interpolate, labels=labels)
    classes = () if labels == "all" else _numbers(labels, ",", "--labels 0,3 or all") or ()
    places, sides = _numbers(items, ",", "--items 3,17"), _numbers(shape, "x", "--shape 28x28")
    settings = SampleSettings(task, number, steps, seed, samples, known, places, columns, classes, sides)
    images = None if name is None else images_for(model, name, data, part.value, download_line)
    frames = draw_samples(model, out, settings, images, choose_device(device), steps_line)
    typer.echo(f"{out}: {frames} frames" if frames > 1 else str(out))


@app.command("data")
def data_command(
    name: Annotated[
        str, typer.Argument(help="fashion-mnist, mnist, kmnist, digits, or a .npz file.")
    ] = "fashion-mnist",
    data: Folder = None,
) -> None:
    """Find a data set, or download it, and check it.

    Example: deepbelief data fashion-mnist
    """
    from deepbelief.data import load_dataset
    from deepbelief.watching import download_line

    dataset = load_dataset(name, data, progress=download_line)
    shape = "x".join(map(str, dataset.image_shape))
    typer.echo(f"{dataset.name}: {len(dataset.train)} training and {len(dataset.test)} test images, {shape}")


@app.command()
def recipe(name: Annotated[str, typer.Argument(help="default, thorough, reference or smoke.")] = "default") -> None:
    """Print a recipe, to copy and edit.

    Example: deepbelief recipe default > my.toml
    """
    from deepbelief.study.recipes import RECIPES, recipe_text

    if name not in RECIPES:
        raise SettingsError(f"there is no recipe {name!r}: give one of {', '.join(RECIPES)}.")
    typer.echo(recipe_text(name), nl=False)


def _numbers(text: str | None, separator: str, example: str) -> tuple[int, ...] | None:
    """Whole numbers as a user lists them."""
    try:
        return None if text is None else tuple(int(number) for number in text.split(separator))
    except ValueError:
        raise SettingsError(f"{text!r} are no numbers: give them as in {example}.") from None


def main() -> None:
    """Run the command line; a user's mistake is one sentence and exit code 2, a failure one sentence and 1."""
    write_in_any_encoding()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", DataWarning)
            warnings.showwarning = _show_warning
            app()
    except SettingsError as error:
        _stop(error, 2)
    except DeepBeliefError as error:
        _stop(error, 1)
    except OSError as error:
        _stop(f"{error.filename or 'the system'}: {error.strerror}; nothing that was finished is lost.", 1)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        _stop("there is not enough memory for this: ask for less at once.", 1)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object, **__: object
) -> None:
    """Print a warning of ours as a sentence, as errors are; of others also where it comes from."""
    place = "" if issubclass(category, DataWarning) else f"{filename}:{lineno}: {category.__name__}: "
    print(f"deepbelief: {place}{message}", file=sys.stderr)


def _stop(message: object, code: int) -> NoReturn:
    print(f"deepbelief: {message}", file=sys.stderr)
    sys.exit(code)
