"""`deepbelief robustness`: how a finished study's classifiers stand noise, other changes of the images, and attacks."""

from pathlib import Path
from typing import Annotated

import typer

from deepbelief.cli.options import Device, Folder
from deepbelief.cli.terminal import stop


def robustness(
    run: Annotated[Path, typer.Argument(help="The folder of a finished study.")],
    plan: Annotated[
        str | None,
        typer.Option(help="default, thorough, smoke, or your TOML file.", show_default="that of the study's recipe"),
    ] = None,
    perturbation: Annotated[
        list[str] | None,
        typer.Option(
            help="One kind, with levels if you like: blur, or gaussian=0.3,0.7. Give it several times for several.",
            show_default="the plan's",
        ),
    ] = None,
    contestant: Annotated[
        list[str] | None,
        typer.Option(help="One classifier, such as readout_2; several times for several.", show_default="the plan's"),
    ] = None,
    attacks: Annotated[bool, typer.Option(help="Attack the classifiers, too.")] = True,
    data: Folder = None,
    device: Device = "auto",
) -> None:
    """Perturb and attack what a finished study trained, and add that to its report; it goes on where it stopped.

    Example: deepbelief robustness runs/default --perturbation gaussian=0.3,0.7 --perturbation blur
    """
    from rich.console import Console

    from deepbelief.cli.output import TerminalProgress, download_line, print_results
    from deepbelief.data import load_dataset
    from deepbelief.evaluation import Evaluation, load_plan
    from deepbelief.evaluation.plan import chosen, plan_of
    from deepbelief.report.page import build_report
    from deepbelief.report.story.evaluation import tables
    from deepbelief.study.loading import recipe_of
    from deepbelief.study.records import read_results
    from deepbelief.system.machine import choose_device
    from deepbelief.system.memory import keep_freed_memory

    keep_freed_memory()
    results = read_results(run)
    wanted = chosen(load_plan(plan or plan_of(results.recipe)), perturbation, contestant, attacks)
    settings = recipe_of(run, results)
    dataset = load_dataset(settings.data.name, data, real=settings.dbn.visible == "gaussian", progress=download_line)
    console = Console()
    try:
        with TerminalProgress(console) as progress:
            found = Evaluation(run, wanted, dataset, choose_device(device)).run(progress)
            page = build_report(run)
    except KeyboardInterrupt:
        stop("stopped; the same command goes on from here.", 130)
    for table in tables(found):
        print_results(console, table)
    total = sum(found.metrics["time/total"].values)
    typer.echo(f"\n{total:.0f} s of work. The report: {page}")
