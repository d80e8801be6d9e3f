"""`deepbelief search`: settings that are best on held-out images."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepbelief.cli.options import Device, Folder
from deepbelief.cli.terminal import stop
from deepbelief.errors import SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from deepbelief.search.plan import SearchPlan
    from deepbelief.search.trials import TrialRecord

_SHOWN = 10  # of the best trials


def search(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A TOML file: which settings vary between what.")],
    out: Annotated[
        Path | None, typer.Option(help="The search's folder.", show_default="runs/<name of the plan>")
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="How many.", show_default="as the plan says")] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Run trials at once by Ray: local for the cores of this machine, or a cluster's address.",
            show_default="one after the other",
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Cores of each trial, with --ray.")] = 1,
    device: Device = "auto",
    data: Folder = None,
) -> None:
    """Search for settings of a recipe that are best on held-out training images; no test image is looked at.

    An interrupted search goes on where it was; with more --trials a finished one goes on, too. At its end best.toml in
    its folder is the recipe with the best settings, and `deepbelief study` measures that on the test images.

    Example: deepbelief search plan.toml --ray local
    """
    from rich.console import Console

    from deepbelief.cli.output import download_line
    from deepbelief.data import load_dataset
    from deepbelief.search.plan import load_plan
    from deepbelief.search.search import Search
    from deepbelief.settings import toml_tables
    from deepbelief.study.recipe import parse_recipe, recipe_source
    from deepbelief.system.machine import choose_device
    from deepbelief.system.memory import keep_freed_memory
    from deepbelief.system.processes import started_together

    if started_together():
        raise SettingsError(
            "a search is for one process: start it without torchrun, and with --ray local on all cores."
        )
    keep_freed_memory()
    console, folder = Console(), out or Path("runs") / plan.stem
    wanted = load_plan(plan)
    wanted = wanted if trials is None else wanted.model_copy(update={"trials": trials})
    text = recipe_source(wanted.recipe)
    recipe, chosen = parse_recipe(text, wanted.recipe), choose_device(device)
    real = recipe.dbn.visible == "gaussian"
    dataset = load_dataset(recipe.data.name, data, real=real, progress=download_line)
    tables, of_data = toml_tables(text, wanted.recipe), (dataset.name, dataset.train, dataset.image_shape)
    job = Search(wanted, tables, *of_data, dataset.class_names, folder, chosen)
    del dataset  # and with it the test images
    try:
        with ExitStack() as shown:
            workers = _workers(ray, threads, chosen.type == "cuda", console, shown)
            found = job.run(workers, lambda trial: console.print(_line(trial), highlight=False, soft_wrap=True))
    except KeyboardInterrupt:
        stop("stopped; the same command goes on from here.", 130)
    _tell(found, wanted, folder, console)


def _workers(address: str | None, threads: int, gpu: bool, console: "Console", shown: ExitStack) -> Any:
    """Where trials run, and what shows them."""
    from deepbelief.cli.output import TerminalProgress
    from deepbelief.cli.runs import RunsTable, without_notices_of_ray
    from deepbelief.cluster.in_turn import InTurn
    from deepbelief.cluster.pool import Pool

    if address is None:
        return InTurn(shown.enter_context(TerminalProgress(console)))
    shown.enter_context(without_notices_of_ray())
    table = shown.enter_context(RunsTable(console))
    return Pool(address, 1, threads, gpu, table.show)


def _line(trial: "TrialRecord") -> str:
    """What became of a trial."""
    values = ", ".join(f"{name} {_short(value)}" for name, value in trial.values.items())
    result = f"failed: {trial.error}" if trial.score is None else f"{trial.score:.4f}"
    return f"trial {trial.number}  {result}  {values}".replace("[", r"\[")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _tell(trials: "list[TrialRecord]", plan: "SearchPlan", folder: Path, console: "Console") -> None:
    """Print the best trials, and how to measure the best one on the test images."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(f"{plan.measure} on {plan.held_out} held-out training images", "table.title"))
    for name in ("trial", "score", *plan.settings):
        table.add_column(Text(name), justify="right")
    scored = [(trial.score, trial) for trial in trials if trial.score is not None]
    for score, trial in sorted(scored, key=lambda pair: (-pair[0], pair[1].number))[:_SHOWN]:
        row = [str(trial.number), f"{score:.4f}", *(_short(trial.values[name]) for name in plan.settings)]
        table.add_row(*map(Text, row))
    console.print(table)
    best = folder / "best.toml"
    console.print(
        f"\nThe best settings are in {best}. To learn what they reach on the test images: deepbelief study {best}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
