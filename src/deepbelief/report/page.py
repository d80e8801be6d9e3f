"""Writes a run's page, with its pictures."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from deepbelief.study.records import stage_again, stage_file
from deepbelief.system.atomic import write_atomically


@dataclass(frozen=True)
class _Section:
    """A chapter as the page shows it; `chapter` is None when its stage has not run."""

    stage: str
    title: str
    chapter: Chapter | None


def build_report(run: Path) -> Path:
    """Draw the pictures of a study and write its page, `run/report.html`; returns the page's path.

    Reads `results.json` and the records of the first seed, nothing else: the same records give the same page. Pictures
    are also left as files, `run/figures/<name>.png`.

    Raises:
        DeepBeliefError: the folder is not a run, or a record in it is damaged.
    """
    story = load_run(run, [stage for stage, _, _ in STORY])
    sections, images = [], {}
    for stage, heading, tell in STORY:
        with _blaming(record := stage_file(run, story.results.seeds[0], stage), stage_again(record)):
            chapter = tell(story, story.stages[stage]) if stage in story.stages else None
            drawn = {one.name: render(one.draw, one.height) for one in (chapter.pictures if chapter else ())}
        sections.append(_Section(stage, heading, chapter))
        for name, content in drawn.items():
            write_atomically(run / "figures" / f"{name}.png", content)
            images[name] = Markup("data:image/png;base64,") + base64.b64encode(content).decode("ascii")
    with _blaming(run / "results.json", "run the study again, which writes it anew"):
        content = _render(story, sections, images).encode()
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


def _render(run: Run, sections: list[_Section], images: dict[str, Markup]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("deepbelief.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup((Path(__file__).parent / "page.css").read_text("utf-8"))  # our own file, not the user's
    template = environment.get_template("template.html")
    return template.render(
        style=style,
        title=title(run),
        kicker=_kicker(run),
        summary=summary(run),
        results=results_table(run.results),
        note=results_note(run.results),
        published=published_tables(run.results),
        sections=sections,
        images=images,
        size=size_in_pixels,
        settings=as_toml(run.results.settings),
        circumstances=_circumstances(run),
    )


def _kicker(run: Run) -> str:
    results, seeds = run.results, len(run.results.seeds)
    how_often = f"{seeds} {'seed' if seeds == 1 else 'seeds'}"
    return f"{results.title} · recipe {results.recipe} · {how_often} · {measured_on(results.machine)}"


def _circumstances(run: Run) -> list[Table]:
    """The machine, the versions and the time."""
    results = run.results
    rows: list[tuple[str, Any]] = [("seeds", ", ".join(map(str, results.seeds)))]
    if peak := results.metrics.get("memory/peak"):
        rows.append(("peak memory", memory(peak.mean)))
    tables = [
        Table("Machine", ("what", "value"), (*rows, *flat(results.machine))),
        Table("Versions", ("package", "version"), tuple(flat(results.versions))),
        Table("Data", ("what", "value"), tuple(flat(results.data))),
        times_table(results),
    ]
    return [table for table in tables if table.rows]
