"""The pages' numbers are those of the records that are kept, their code runs, and what they point to is there."""

import math
import re
import runpy
import shlex
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version
from typer.main import get_command

from deepbelief.cli.app import app
from deepbelief.system import precision

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))  # where the script's neighbours are
SCRIPT = runpy.run_path(str(ROOT / "benchmarks" / "readme.py"))
PAGES = SCRIPT["PAGES"]
ALL_PAGES = [
    *("README.md", "CONTRIBUTING.md"),
    *sorted(page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts),
]

# What the README's Python says -> what is run instead, which is done sooner.
SMALLER = {
    'load_dataset("fashion-mnist")': 'load_dataset("digits")',
    "[RBMSettings(epochs=5)]": "[RBMSettings(epochs=1)]",
    "    epochs=5,": "    epochs=1,",
    "Gaussian(784)": "Gaussian(64)",
    "dataset.split(5000,": "dataset.split(200,",
    "import Bernoulli,": "import Bernoulli, likelihood,",
    "dataset.test, random).bracket": "dataset.test, random, likelihood.AISSettings.of(20, 10)).bracket",
    'load_recipe("smoke")': 'load_recipe("tiny.toml")',
    "seeds=[0, 1, 2]": "seeds=[0]",
}


def test_every_block_is_what_the_script_writes() -> None:
    blocks = SCRIPT["blocks"]()
    found = {}
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        found |= dict(re.findall(r"<!-- ([\w ]+) -->\n(.*?)\n?<!-- end -->", text, flags=re.DOTALL))
    assert set(found) <= set(blocks)
    assert {name: blocks[name] for name in found} == found


def test_no_example_holds_test_images_out() -> None:
    """What is held out chooses or is looked at while a model learns; test images do neither."""
    scripts = [*(ROOT / "examples").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    pages = [ROOT / page for page in ALL_PAGES]
    texts = {path: path.read_text(encoding="utf-8") for path in [*scripts, *pages]}
    assert any("held_out=held_out" in text for text in texts.values())
    assert not [
        path for path, text in texts.items() if re.search(r"(held_out|aside|validation)\s*=\s*\(?[\w.]*\btest", text)
    ]


def test_the_readme_names_precision_and_processor_and_what_has_a_discriminative_part() -> None:
    blocks = SCRIPT["blocks"]()
    for name in ("results default", "results reference", "published reference"):
        assert re.search(r"(fp32|bf16|fp64) on (1 of )?\d+ cores \(.+, .+\)", blocks[name]), name
    for name in ("speed", "speed summary", "precision", "likelihood", "generative", "hybrid", "updown"):
        assert re.search(r"\d+ cores \(.+, .+\)", blocks[name]), name
    assert "up-down with a hybrid top RBM, 784-500-500-2000 | 1.09 |  |" in blocks["labels summary"]
    assert re.search(r"up-down as published.* \| 1\.25 \(Hinton", blocks["labels summary"])


def blocks_of(page: str, *languages: str) -> list[str]:
    """The text of the page's code blocks in these languages."""
    fences = re.findall(r"```(\w*)\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    return [code for language, code in fences if language in languages]


def test_pages_with_python_are_run() -> None:
    """That of two others is run by `test_coming_from.py` and `test_how_learning_works.py`, of folders in `docs/`."""
    pages = [
        "README.md",
        "docs/coming-from.md",
        "docs/how-learning-works.md",
        "docs/incomplete-data.md",
        "docs/large-data.md",
        "docs/many-processes.md",
        "docs/pretrained.md",
        "docs/scikit-learn.md",
        "docs/sharing.md",
        "docs/watching.md",
    ]
    assert [page for page in ALL_PAGES if page.count("/") < 2 and blocks_of(page, "python")] == pages


Run = Callable[[str], str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs Python as a script in an empty folder and gives what it prints; any warning fails.

    It runs in this process, which has all modules loaded, with names of its own.
    """

    def run_script(code: str) -> str:
        (tmp_path / "page.py").write_text(code, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(precision, "seconds_per_product", lambda dtype, device: 1.0)  # bfloat16 is no faster
        runpy.run_path("page.py", run_name="__main__")
        return capsys.readouterr().out

    return run_script


def test_the_python_about_incomplete_data_runs(run: Run) -> None:
    (code,) = blocks_of("docs/incomplete-data.md", "python")
    *_, log_p = run(code).split()
    assert -4 * math.log(3) / 2 < float(log_p) < 0  # better than by chance of two known stars in four


def test_the_python_about_large_data_runs(run: Run) -> None:
    (code,) = blocks_of("docs/large-data.md", "python")
    assert [line.split()[:2] for line in run(code).splitlines()] == [["1", "1"], ["1", "2"], ["2", "1"], ["2", "2"]]


def test_the_python_about_many_processes_runs_in_one(run: Run) -> None:
    (code,) = blocks_of("docs/many-processes.md", "python")
    assert len(run(code).splitlines()) == 2


def test_the_python_about_pretrained_models_runs(run: Run) -> None:
    (code,) = blocks_of("docs/pretrained.md", "python")
    told, shares = run(code).splitlines()
    assert "'readout_2': 0.97" in told
    undefended, defended = map(float, shares.split())
    assert min(undefended, defended) > 0.5


def test_the_python_about_scikit_learn_runs(run: Run) -> None:
    (code,) = blocks_of("docs/scikit-learn.md", "python")
    all_labels, few_labels = map(float, run(code).split())
    assert all_labels > 0.85
    assert few_labels > 0.75


def test_the_python_about_watching_runs(run: Run, tmp_path: Path) -> None:
    run("".join(blocks_of("docs/watching.md", "python")))
    folder = tmp_path / "runs" / "digits"
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 5
    assert list(folder.glob("layer_1/events.*"))
    assert len((tmp_path / "runs" / "network" / "metrics.csv").read_text().splitlines()) == 1 + 3


@pytest.mark.skipif(Version(version("torch")) < Version("2.9"), reason="there ONNX export is one sentence")
def test_the_python_about_sharing_and_export_runs(run: Run, tmp_path: Path) -> None:
    told, exported = run(
        "".join(blocks_of("docs/sharing.md", "python") + blocks_of("docs/do/export.md", "python"))
    ).splitlines()
    assert told == "RBMSettings 3"
    shape, difference = exported.rsplit(" ", 1)
    assert shape == "(2, 100)" and float(difference) < 1e-5
    assert {path.name for path in (tmp_path / "digits-dbn").iterdir()} == {"model.safetensors", "README.md"}


def test_the_readmes_python_runs(run: Run, tmp_path: Path, tiny: str) -> None:
    """All of it, one block after the other, as it stands but for what is smaller here."""
    code = "".join(blocks_of("README.md", "python"))
    for old, new in SMALLER.items():
        assert code.count(old) == 1, old
        code = code.replace(old, new)
    (tmp_path / "tiny.toml").write_text(tiny, encoding="utf-8")
    run(code)
    assert (tmp_path / "dbn.safetensors").exists()
    assert (tmp_path / "runs" / "smoke" / "report.html").exists()


def lines_of(page: str) -> list[str]:
    """What the page tells readers to type: the lines of its shell blocks and of its indented blocks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    indented = re.findall(r"^ {4}(\S.*)", re.sub(r"```.*?```", "", text, flags=re.DOTALL), flags=re.MULTILINE)
    return [line for block in blocks_of(page, "sh", "bash") for line in block.splitlines()] + indented


def test_commands_of_the_pages_are_understood() -> None:
    """Each is parsed with all its options, and not run."""
    commands = get_command(app).commands
    typed = [line for page in ALL_PAGES for line in lines_of(page) if line.startswith("deepbelief ")]
    assert len(typed) > 8
    for line in typed:
        _, name, *arguments = shlex.split(line.partition(" > ")[0], comments=True)
        commands[name].make_context(name, arguments)  # raises where an option or its value is wrong


def test_commands_named_in_the_text_are_there() -> None:
    commands = get_command(app).commands
    named = [one for page in ALL_PAGES for one in re.findall(r"`deepbelief ([^`]+)`", text_of(page))]
    assert len(named) > 2
    for name, *words in map(str.split, named):
        options = {option for parameter in commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options, name


def test_targets_of_make_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    typed = [line.split()[1] for page in ALL_PAGES for line in lines_of(page) if line.startswith("make ")]
    inline = [one for page in ALL_PAGES for one in re.findall(r"`make ([a-z-]+)[^`]*`", text_of(page))]
    assert len(typed) > 5
    assert {*typed, *inline} <= targets


def test_files_that_contributors_are_told_of_are_there() -> None:
    """Paths in CONTRIBUTING.md count from the repository or from the package; one without a folder is some test's."""
    named = set(re.findall(r"`([\w./*-]*(?:/|\.py|\.md|\.txt|\.toml))`", text_of("CONTRIBUTING.md")))
    assert len(named) > 15
    missing = [
        path
        for path in named
        if not any((folder / path).exists() for folder in (ROOT, ROOT / "src" / "deepbelief"))
        and not ("/" not in path and list((ROOT / "tests").rglob(path)))
    ]
    assert missing == []


def test_names_that_contributors_are_told_of_are_in_their_files() -> None:
    found = re.findall(r"`([A-Z_]+)`\s+(?:of|in)\s+`([\w/]+\.py)`", text_of("CONTRIBUTING.md"))
    assert len(found) > 2
    for name, path in found:
        file = next(folder / path for folder in (ROOT, ROOT / "src" / "deepbelief") if (folder / path).exists())
        assert re.search(rf"^{name}\b", file.read_text(encoding="utf-8"), flags=re.MULTILINE), name


def text_of(page: str) -> str:
    """The page as it is written."""
    return (ROOT / page).read_text(encoding="utf-8")
