"""Writes a run's page, with its pictures."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jinja2
from markupsafe import Markup

from deepbelief.errors import DeepBeliefError, one_line
from deepbelief.report.chapter import Chapter
from deepbelief.report.run import Run, load_run
from deepbelief.report.settings import as_toml, flat
from deepbelief.report.story import STORY
from deepbelief.report.style import render, size_in_pixels
from deepbelief.report.summary import summary, title
from deepbelief.report.tables import Table, published_tables, results_note, results_table, times_table
from deepbelief.report.text import measured_on, memory
from deepbelief.study.records import Results, stage_again, stage_file
from deepbelief.system.atomic import write_atomically


def build_report(run: Path) -> Path:
    """Draw the pictures of a study and write its page, `run/report.html`; returns the page's path.

    Reads `results.json` and the records of the first seed, nothing else: the same records give the same page. Pictures
    are also left as files, `run/figures/<name>.png`.

    Raises:
        DeepBeliefError: the folder is not a run, or a record in it is damaged.
    """
    story = load_run(run, [stage for stage, _, _ in STORY])
    chapters: dict[str, Chapter] = {}
    images: dict[str, Markup] = {}
    for stage, _, tell in STORY:
        if stage not in story.stages:
            continue
        with _blaming(record := stage_file(run, story.results.seeds[0], stage), stage_again(record)):
            chapters[stage] = tell(story, story.stages[stage])
            drawn = {one.name: render(one.drawing.draw, one.drawing.height) for one in chapters[stage].pictures}
        for name, content in drawn.items():
            write_atomically(run / "figures" / f"{name}.png", content)
            images[name] = Markup("data:image/png;base64,") + base64.b64encode(content).decode("ascii")
    with _blaming(run / "results.json", "run the study again, which writes it anew"):
        content = _render(story, chapters, images).encode()
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


def _render(run: Run, chapters: dict[str, Chapter], images: dict[str, Markup]) -> str:
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
        story=[(stage, heading, chapters.get(stage)) for stage, heading, _ in STORY if stage in run.results.stages],
        images=images,
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
