"""`deepbelief study`: a whole study, and its report."""

from pathlib import Path
from typing import Annotated

import typer

from deepbelief.cli.options import Device, Folder, PrecisionChoice
from deepbelief.cli.terminal import stop


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
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write event files for TensorBoard into the run's folder, too.")
    ] = False,
    data: Folder = None,
) -> None:
    """Run a whole study, write its report and a page to play with its models; an interrupted one goes on where it was.

    Several processes train together where torchrun starts them, as in
    torchrun --nproc-per-node 2 -m deepbelief study default

    Example: deepbelief study smoke --out runs/first-look
    """
    from rich.console import Console

    from deepbelief.cli.output import TerminalProgress, download_line, print_results
    from deepbelief.data import load_dataset
    from deepbelief.explorer.page import build_explorer
    from deepbelief.report.page import build_report
    from deepbelief.report.tables import results_table
    from deepbelief.report.text import without_labels
    from deepbelief.study import Study, load_recipe
    from deepbelief.study.stages import left_out
    from deepbelief.system.machine import choose_device
    from deepbelief.system.memory import keep_freed_memory
    from deepbelief.system.processes import joined

    keep_freed_memory()
    with joined() as processes:
        with processes.first_goes_first():  # so that a mistake is told once, and a download is there for the others
            name, settings = load_recipe(recipe)
            if precision is not None:
                settings = settings.model_copy(update={"precision": precision.value})
            chosen = choose_device(device)
            real = settings.dbn.visible == "gaussian"
            dataset = load_dataset(settings.data.name, data, real=real, progress=download_line)
        folder, console = out or Path("runs") / name, Console(quiet=not processes.is_first)
        job = Study(name, settings, dataset, folder, range(seed, seed + seeds), chosen, tensorboard)
        if missing := left_out(settings, dataset):
            console.print(without_labels(dataset.name, missing), highlight=False, markup=False, soft_wrap=True)
        try:
            with TerminalProgress(console) as progress:
                results = job.run(progress)
                if not processes.is_first:
                    return
                explorer = build_explorer(folder, dataset)
                page = build_report(folder)
        except KeyboardInterrupt:
            stop("stopped; the same command goes on from here.", 130)
    print_results(console, results_table(results))
    total = sum(results.metrics["time/total"].values)
    typer.echo(f"\n{total:.0f} s of work. The report: {page}; to play: {explorer}")
