"""Writes a run's page, with its pictures."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import jinja2
from markupsafe import Markup

from deepbelief.errors import DeepBeliefError, one_line
from deepbelief.evaluation.records import FOLDER
from deepbelief.report.chapter import Chapter
from deepbelief.report.evaluated import load_evaluated
from deepbelief.report.run import Run, load_run
from deepbelief.report.settings import as_toml, flat
from deepbelief.report.story import STORY, evaluation
from deepbelief.report.style import render, size_in_pixels
from deepbelief.report.summary import summary, title
from deepbelief.report.tables import Table, published_tables, results_note, results_table, times_table
from deepbelief.report.text import measured_on, memory
from deepbelief.study.records import EXPLORER, Results, stage_again, stage_file
from deepbelief.system.atomic import write_atomically


def build_report(run: Path | str) -> Path:
    """Draw the pictures of a study and write its page, `run/report.html`; returns the page's path.

    Reads `results.json`, the records of the first seed and those of an evaluation, nothing else: the same records give
    the same page. It links to the page that plays with the models where that lies beside it. Pictures are also left as
    files, `run/figures/<name>.png`.

    Raises:
        DeepBeliefError: the folder is not a run, or a record in it is damaged.
    """
    run = Path(run)
    story = load_run(run, [stage for stage, _, _ in STORY])
    chapters: dict[str, Chapter] = {}
    images: dict[str, Markup] = {}
    for stage, _, tell in STORY:
        if stage not in story.stages:
            continue
        with _blaming(record := stage_file(run, story.results.seeds[0], stage), stage_again(record)):
            chapters[stage] = tell(story, story.stages[stage])
            drawn = _drawn(chapters[stage])
        images |= _kept(drawn, run)
    told = [(stage, heading, chapters.get(stage)) for stage, heading, _ in STORY if stage in story.results.stages]
    if (evaluated := load_evaluated(run, story)) is not None:
        with _blaming(run / FOLDER, "delete it and run `deepbelief robustness` again"):
            more = list(evaluation.chapters(evaluated))
            drawn = {name: content for _, _, chapter in more for name, content in _drawn(chapter).items()}
        told, images = [*told, *more], images | _kept(drawn, run)
    with _blaming(run / "results.json", "run the study again, which writes it anew"):
        content = _render(story, told, images, EXPLORER if (run / EXPLORER).exists() else "").encode()
    write_atomically(run / "report.html", content)
    return run / "report.html"


@contextmanager
def _blaming(record: Path, remedy: str) -> Iterator[None]:
    """Name the damaged file in the error: facts and arrays that were not written here can break anything."""
    try:
        yield
    except (DeepBeliefError, MemoryError):
        raise
    except Exception as error:
        raise DeepBeliefError(f"{record} is damaged ({one_line(repr(error))}): {remedy}.") from error


def _drawn(chapter: Chapter) -> dict[str, bytes]:
    """The pictures of a chapter as PNG, by name."""
    return {one.name: render(one.drawing.draw, one.drawing.height) for one in chapter.pictures}


def _kept(drawn: Mapping[str, bytes], run: Path) -> dict[str, Markup]:
    """Write pictures to their files; returns them as the page holds them."""
    for name, content in drawn.items():
        write_atomically(run / "figures" / f"{name}.png", content)
    return {
        name: Markup("data:image/png;base64,") + base64.b64encode(content).decode("ascii")
        for name, content in drawn.items()
    }


def _render(
    run: Run, told: Sequence[tuple[str, str, Chapter | None]], images: Mapping[str, Markup], explorer: str
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("deepbelief.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup((Path(__file__).parent / "page.css").read_text("utf-8"))  # our own file, not the user's
    return environment.get_template("template.html").render(
        style=style,
        title=title(run),
        kicker=_kicker(run),
        summary=summary(run),
        results=results_table(run.results),
        note=results_note(run.results),
        published=published_tables(run.results),
        story=told,
        images=images,
        explorer=explorer,
        size=size_in_pixels,
        settings=as_toml(run.results.settings),
        circumstances=_circumstances(run.results),
    )


def _kicker(run: Run) -> str:
    results, seeds = run.results, len(run.results.seeds)
    how_often = f"{seeds} {'seed' if seeds == 1 else 'seeds'}"
    return f"{results.title} · recipe {results.recipe} · {how_often} · {measured_on(results.machine)}"


def _circumstances(results: Results) -> list[Table]:
    """The machine, the versions and the time."""
    machine = [("seeds", ", ".join(map(str, results.seeds)))]
    if peak := results.metrics.get("memory/peak"):
        machine.append(("peak memory", memory(peak.mean)))
    tables = [
        Table("Machine", ("what", "value"), (*machine, *flat(results.machine))),
        Table("Versions", ("package", "version"), tuple(flat(results.versions))),
        Table("Data", ("what", "value"), tuple(flat(results.data))),
        times_table(results),
    ]
    return [table for table in tables if table.rows]
