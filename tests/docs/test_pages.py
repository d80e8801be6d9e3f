"""The pages' links lead somewhere, their sentences are short, and their code runs."""

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest
from making import stage
from making.links import DOCS, NOTEBOOKS, ROOT, anchors, links, pages, prose
from PIL import Image

GUIDES = [page for page in pages() if DOCS in page.parents]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings(page: Path) -> None:
    text = page.read_text("utf-8")
    for link in links(text):
        target = page.parent / link.path if link.path else page
        assert target.exists(), link
        if link.anchor:
            assert link.anchor in anchors(target.read_text("utf-8")), link


def test_links_are_the_same_on_the_site() -> None:
    page = DOCS / "learn" / "index.md"
    text = (
        "[a](../../README.md#results), [b](../speed.md), [c](#here), [d](https://e.org), ![e](../images/explorer.webp)"
    )
    site = "[a](../README.md#results), [b](../speed.md), [c](#here), [d](https://e.org), ![e](../images/explorer.webp)"
    assert stage.with_links(page, text) == site
    elsewhere = "[a folder](../../notebooks), [a card](../../src/deepbelief/pretrained/mnist/README.md)"
    assert stage.with_links(page, elsewhere) == "a folder, a card"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_what_the_site_links_to_is_on_the_site(page: Path) -> None:
    there = {stage.place(one) for one in [*pages(), *NOTEBOOKS]}
    for link in links(stage.with_links(page, page.read_text("utf-8"))):
        if link.path.endswith(".md"):
            assert Path(os.path.normpath(stage.place(page).parent / link.path)) in there, link


# What the site understands and GitHub shows raw, beside fences: directives, roles, targets, comments, breaks, formulas.
ON_THE_SITE_ALONE = re.compile(
    r"^(?:`{3,}|~{3,}|:{3,})\{|^:{3,}|\{[\w:-]+\}`|^\([\w-]+\)=$|^%|^\+\+\+|\$\$", re.MULTILINE
)


def raw_on_github(text: str) -> list[str]:
    """What in a page is for the site alone, and formulas from which GitHub takes a backslash."""
    plain = re.sub(r"`[^`\n]+`", "`", prose(text))  # inline code says what it likes
    of_fences = re.findall(r"^(?:`{3,}|~{3,})\{.*", text, flags=re.MULTILINE)
    return of_fences + ON_THE_SITE_ALONE.findall(plain) + re.findall(r"\$[^$\n]*\\[^\w\s][^$\n]*\$", plain)


def test_what_github_would_show_raw_is_found() -> None:
    for text in ("```{note}\nx\n```", ":::{tip}", "{doc}`index`", "(here)=", "% told", "$$x$$", "a $x \\, y$"):
        assert raw_on_github(text), text
    assert not raw_on_github("`{x}` and $x$\n\n```python\n% a {b}`\n```\n\n```math\nx \\, y\n```\n")


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_github_shows_the_page_as_well(page: Path) -> None:
    assert raw_on_github(page.read_text("utf-8")) == []


def sentence_lengths(text: str) -> list[int]:
    """Words of each sentence of a page's prose: tables, code, headings and comments are left out.

    A sentence ends with a full stop, question or exclamation mark before a space, and with a paragraph or item
    of a list. Links count by their words, and what stands in backticks as one word.
    """
    text = re.sub(r"<!--(?:.|\n)*?-->|^ {4}.*$|^[|#$].*$", "\n", prose(text), flags=re.MULTILINE)
    text = re.sub(r"!\[[^]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", re.sub(r"`[^`]*`|\$[^$]*\$", "word", text))
    lengths = []
    for paragraph in re.split(r"\n\s*\n|\n\s*(?:-|\d\.) ", text):
        for sentence in re.split(r"[.?!]\*{0,2}(?=\s|$)", paragraph):
            lengths.append(len(re.findall(r"[\w'-]*\w[\w'.,-]*", sentence)))
    return [length for length in lengths if length > 2]


def test_sentences_are_counted() -> None:
    text = "# A heading of five words\n\nOne two three. Four `five six`\nseven: eight nine ten eleven\n\n| a | b |\n"
    assert sentence_lengths(text) == [3, 7]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_half_of_a_pages_sentences_have_at_most_twenty_words(page: Path) -> None:
    lengths = sentence_lengths(page.read_text("utf-8"))
    assert len(lengths) < 3 or statistics.median(lengths) <= 20


def code_of(page: Path) -> str:
    """The Python of a page, its blocks one after the other."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE))


def run(code: str, folder: Path) -> str:
    """What the code prints, in a Python of its own, in which any warning fails."""
    (folder / "page.py").write_text(code, encoding="utf-8")
    environment = {**os.environ, "MPLBACKEND": "agg"}
    command = [sys.executable, "-W", "error", "page.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


# The pages of `reference/` and of `do/` whose code is run, all in one Python, which takes most of its time to begin.
ROOMS = [
    *("models", "learning", "data", "likelihood", "sampling", "insight", "robustness", "checkpoint", "errors"),
    *("randomness", "watching", "sklearn", "study", "evaluation", "pretrained"),
]
TASKS = [
    *("images-of-a-class", "own-classifier", "own-images", "real-valued-data", "unlabelled-data"),
    "reading-a-bracket",
]
# What these pages say -> what is run instead, which is done sooner.
SMALLER = {
    'load_dataset("fashion-mnist")': 'load_dataset("digits")',
    'load_recipe("smoke")': 'load_recipe("tiny.toml")',
}


def test_all_pages_with_python_are_run() -> None:
    assert {page.stem for page in (DOCS / "reference").glob("*.md") if code_of(page)} == {*ROOMS}
    elsewhere = {"export"}  # in `tests/test_readme.py`, with the page about sharing
    assert {page.stem for page in (DOCS / "do").glob("*.md") if code_of(page)} == {*TASKS, *elsewhere}


def test_the_examples_of_rooms_and_tasks_run(tmp_path: Path, tiny: str) -> None:
    (tmp_path / "tiny.toml").write_text(tiny, encoding="utf-8")
    listed = [DOCS / "reference" / f"{room}.md" for room in ROOMS] + [DOCS / "do" / f"{task}.md" for task in TASKS]
    code = "\n".join(
        f"def page_{number}():\n{indent(code_of(page), '    ')}\nprint('page', {number})\npage_{number}()\n"
        for number, page in enumerate(listed)
    )
    for old, new in SMALLER.items():
        assert old in code
        code = code.replace(old, new)
    _, *printed = re.split(r"^page \d+$", run(code, tmp_path), flags=re.MULTILINE)
    assert len(printed) == len(listed)
    assert all(text.strip() for text in printed)
    assert (tmp_path / "runs" / "smoke" / "report.html").exists()
    assert (tmp_path / "my-dbn" / "README.md").exists()
    for picture in ("units.png", "neighbours.png"):  # of the shape that the page shows
        with Image.open(tmp_path / picture) as here, Image.open(DOCS / "images" / "do" / picture) as kept:
            assert here.size == kept.size, picture
    robustness = printed[len(ROOMS) + TASKS.index("own-classifier")].split()
    assert 0.3 < float(robustness[-1]) < 1
    low, high = map(float, re.search(r"between (-[\d.]+) and (-[\d.]+) nats", printed[-1]).groups())
    assert abs(low - high) < 5
