"""`deepbelief study`: whole studies, and their reports."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepbelief.cli.options import CompileChoice, Device, PrecisionChoice, grouped
from deepbelief.cli.terminal import stop
from deepbelief.errors import SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from deepbelief.study import Study
    from deepbelief.study.records import Results


@dataclass(frozen=True)
class StudyOptions:
    """What is run, and how."""

    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0
    seeds: Annotated[int, typer.Option(min=1, help="Number of independent runs to average over.")] = 1
    device: Device = "auto"
    precision: Annotated[
        PrecisionChoice | None,
        typer.Option(
            help="Type of the matrix products in training; auto: what is fastest.", show_default="the recipe's"
        ),
    ] = None
    compiled: Annotated[
        CompileChoice | None,
        typer.Option(
            "--compile",
            help="Compile the steps of pre-training; auto: where that saves time.",
            show_default="the recipe's",
        ),
    ] = None
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write event files for TensorBoard into the run's folder, too.")
    ] = False
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the files of the recipe's data set; or your own data set, a folder with train_images, "
            "train_labels, test_images and test_labels as .npy files or folders of them, also larger than memory.",
            show_default="looked for, else downloaded",
        ),
    ] = None


@dataclass(frozen=True)
class RayOptions:
    """Where many runs are at work at once."""

    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Run all seeds at once by Ray: local for the cores of this machine, or a cluster's address.",
            show_default="one after the other",
        ),
    ] = None
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Cores of each run, with --ray.", show_default="all cores, shared out among the runs"),
    ] = None


@grouped
def study(
    recipes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RECIPE...",
            help="default, thorough, reference, smoke, or your TOML file; several for several studies.",
            show_default="default",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The run's folder; of several recipes that of all runs.", show_default="runs/<recipe>"),
    ] = None,
    *,
    options: StudyOptions,
    cluster: RayOptions,
) -> None:
    """Run a whole study, write its report and a page to play with its models; an interrupted one goes on where it was.

    Several processes train together where torchrun starts them, as in
    torchrun --nproc-per-node 2 -m deepbelief study default

    Example: deepbelief study smoke --out runs/first-look
    """
    from rich.console import Console

    from deepbelief.system.memory import keep_freed_memory
    from deepbelief.system.processes import joined, started_together

    if cluster.ray is not None and started_together():
        raise SettingsError("--ray runs seeds at once and torchrun shares each of them: use one of the two.")
    if cluster.ray is None and cluster.threads is not None:
        raise SettingsError("--threads is for --ray; without it set the variable OMP_NUM_THREADS.")
    keep_freed_memory()
    with joined() as processes:
        console = Console(quiet=not processes.is_first)
        with processes.first_goes_first():  # so that a mistake is told once, and a download is there for the others
            studies = _studies(recipes or ["default"], out, options, console)
        try:
            if cluster.ray is not None:
                _all_at_once(studies, cluster, options, console)
            else:
                for one in studies:
                    _one(one, console)
        except KeyboardInterrupt:
            stop("stopped; the same command goes on from here.", 130)


def _studies(recipes: list[str], out: Path | None, options: StudyOptions, console: "Console") -> "list[Study]":
    """The studies that are asked for, each with its folder; their images are loaded once."""
    from deepbelief.cli.output import download_line
    from deepbelief.data import Dataset, load_dataset
    from deepbelief.data.array_folder import is_array_folder
    from deepbelief.report.text import without_labels
    from deepbelief.study import Study, load_recipe
    from deepbelief.study.stages import left_out
    from deepbelief.system.machine import choose_device

    chosen = choose_device(options.device)
    seeds = range(options.seed, options.seed + options.seeds)
    loaded, studies = dict[tuple[str, bool], Dataset](), dict[str, Study]()
    for recipe in recipes:
        name, settings = load_recipe(recipe)
        if name in studies:
            raise SettingsError(f"two recipes are called {name}: give each once, and files of different names.")
        if options.precision is not None:
            settings = settings.model_copy(update={"precision": options.precision.value})
        if options.compiled is not None:
            settings = settings.model_copy(update={"compile": options.compiled.value})
        if options.data is not None and is_array_folder(options.data):  # it is the data, whatever the recipe names
            named = settings.data.model_copy(update={"name": str(options.data)})
            settings = settings.model_copy(update={"data": named})
        images = settings.data.name, settings.dbn.visible == "gaussian"
        if images not in loaded:
            loaded[images] = load_dataset(images[0], options.data, real=images[1], progress=download_line)
        dataset = loaded[images]
        folder = Path("runs") / name if out is None else out / name if len(recipes) > 1 else out
        studies[name] = Study(name, settings, dataset, folder, seeds, chosen, options.tensorboard)
        if missing := left_out(settings, dataset):
            console.print(without_labels(dataset.name, missing), highlight=False, markup=False, soft_wrap=True)
    return [*studies.values()]


def _one(study: "Study", console: "Console") -> None:
    """Run a study here, with its report."""
    from deepbelief.cli.output import TerminalProgress

    with TerminalProgress(console) as progress:
        results = study.run(progress)
        told = "" if console.quiet else _pages(study, results)
    _tell(results, told, console)


def _all_at_once(studies: "list[Study]", cluster: RayOptions, options: StudyOptions, console: "Console") -> None:
    """Run all seeds of all studies by Ray."""
    from deepbelief.cli.runs import RunsTable, without_notices_of_ray
    from deepbelief.cluster.pool import Pool
    from deepbelief.cluster.studies import run_studies

    assert cluster.ray is not None
    address, gpu = cluster.ray, studies[0].device.type == "cuda"
    with ExitStack() as shown:
        shown.enter_context(without_notices_of_ray())
        table = shown.enter_context(RunsTable(console))

        def finished(study: "Study", results: "Results") -> None:
            _tell(results, _pages(study, results), console)

        run_studies(studies, lambda runs: Pool(address, runs, cluster.threads, gpu, table.show), finished)


def _pages(study: "Study", results: "Results") -> str:
    """Make the report and the page to play with; a line about both."""
    from deepbelief.explorer.page import build_explorer
    from deepbelief.report.page import build_report

    explorer = build_explorer(study.folder, study.dataset)
    page = build_report(study.folder)
    total = sum(results.metrics["time/total"].values)
    return f"\n{total:.0f} s of work. The report: {page}; to play: {explorer}"


def _tell(results: "Results", told: str, console: "Console") -> None:
    """Print the results of a study."""
    from deepbelief.cli.output import print_results
    from deepbelief.report.tables import results_table

    print_results(console, results_table(results))
    console.print(told, highlight=False, markup=False, soft_wrap=True)
