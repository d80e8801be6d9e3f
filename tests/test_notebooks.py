"""The notebooks run at the pace of seconds, as scripts and one of them as a notebook; one follows the study."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
# The headings of the reference study, in its order, and what it announces and leaves out.
HEADINGS = (
    "The data",
    "A look at the data",
    "Pre-training the DBN",
    "Receptive fields of the first layer",
    "Receptive fields of deeper layers",
    "Hidden representations",
    "Linear read-outs",
    "A feed-forward network",
    "Psychometric curves",
    "Clusters of classes",
    "Confusion matrices",
    "Random noise on one image",
    "An attack by the gradient",
    "Robustness under attack",
    "The top-down defence",
    "Fine-tuning",
)


def headings(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("# ## ") for line in lines if line.startswith("# ## ")]


def test_the_first_one_has_the_headings_of_the_study() -> None:
    assert tuple(headings(ROOT / "notebooks" / "reference_study.py")[: len(HEADINGS)]) == HEADINGS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_installs_the_package_first_and_ends_with_where_to_go_on(path: Path) -> None:
    code = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#  ")]
    first = next(number for number, line in enumerate(code) if line == "# %%")
    assert code[first + 1] == "# %pip install -q deepbelief"
    assert headings(path)[-1] == "Where to go on"


@pytest.mark.parametrize("name", ["own_data", "reference_study"])
def test_it_runs_as_a_script(name: str, tmp_path: Path) -> None:
    path = ROOT / "notebooks" / f"{name}.py"
    environment = {**os.environ, "DEEPBELIEF_PACE": "seconds", "MPLBACKEND": "agg"}
    command = [sys.executable, "-W", "error", "-W", "ignore:FigureCanvasAgg", str(path)]  # without a screen
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = {"reference_study": "fine-tuned: test accuracy 0.", "own_data": "class,probability of no,probability of yes"}
    assert told[name] in done.stdout


@pytest.mark.filterwarnings("ignore")  # of the packages that run notebooks
def test_one_becomes_a_notebook_with_pictures_and_without_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("nbclient")
    script = runpy.run_path(str(ROOT / "docs" / "notebooks.py"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # the package is here, and nothing is to be looked for
    notebook = nbformat.read(script["write"]("robustness", tmp_path, "seconds"), as_version=4)
    assert {path.stem for path in NOTEBOOKS} == {"own_data", "reference_study", "robustness"}
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert not [output for output in outputs if output.output_type == "error"]
    assert any(cell.cell_type == "markdown" and cell.source.startswith("# How robust") for cell in notebook.cells)

    page_of = pytest.importorskip("making.notebooks")
    page_of.stage_notebook(tmp_path / "robustness.ipynb", "seconds", tmp_path / "pages")
    page = (tmp_path / "pages" / "robustness.md").read_text("utf-8")
    assert page.startswith("# How robust is it?\n") and "made at the pace `seconds`" in page
    for number, picture in enumerate(re.findall(r"^!\[.+?\]\((.+?)\)$", page, flags=re.MULTILINE), start=1):
        assert picture == f"robustness-{number}.png"
        Image.open(tmp_path / "pages" / picture).verify()
    assert number == 2
    assert "```text\nDBN: accuracy 0." in page and "restart the kernel" not in page
    notebook.cells[-2].outputs[0].data = {"video/mp4": ""}
    with pytest.raises(ValueError, match="display_data"):
        page_of.text(notebook, "robustness", "seconds")


def test_a_notebook_is_run_again_after_a_change_to_it_or_to_the_library(tmp_path: Path) -> None:
    pytest.importorskip("nbclient")
    is_current = runpy.run_path(str(ROOT / "docs" / "notebooks.py"))["is_current"]
    text, file = tmp_path / "lesson.py", tmp_path / "lesson.ipynb"
    text.touch()
    assert not is_current(file, text)
    file.touch()
    os.utime(file, (now := text.stat().st_mtime, now + 10))
    assert is_current(file, text)
    os.utime(text, (now, now + 20))
    assert not is_current(file, text)
    os.utime(text, (0, 0))
    os.utime(file, (1, 1))  # before the library was written
    assert not is_current(file, text)
