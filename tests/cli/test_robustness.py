"""`deepbelief robustness` as a user types it."""

from pathlib import Path

import pytest

from deepbelief.data import load_dataset
from deepbelief.study.recipe import parse_recipe
from deepbelief.study.run import Study
from tests.cli.test_cli import assert_refused, quickly


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny: str) -> Path:
    """A folder in which the run `mine` is."""
    folder = tmp_path_factory.mktemp("cli")
    Study("mine", parse_recipe(tiny, "mine"), load_dataset("digits"), folder / "mine").run()
    return folder


def test_an_evaluation_goes_into_the_report_and_on_where_it_stopped(finished: Path) -> None:
    words = ["robustness", "mine", "--plan", "smoke", "--contestant", "ffnn", "--contestant", "readout_1"]
    words += ["--perturbation", "gaussian=0.5,0.2", "--perturbation", "blur", "--no-attacks"]
    done = quickly(*words, cwd=finished)
    assert done.returncode == 0, done.stderr
    assert "perturbation_blur" in done.stdout
    assert "attacks_" not in done.stdout
    assert "network_" not in done.stdout  # none that is trained is wanted
    assert "read-out 1" in done.stdout
    assert "fine-tuned" not in done.stdout
    assert "Standing changes of the images" in (finished / "mine" / "report.html").read_text("utf-8")
    again = quickly(*words, cwd=finished)
    assert again.stdout.count("already there") == 3
    other = quickly("robustness", "mine", "--plan", "smoke", cwd=finished)
    assert_refused(other, 2, "holds the results of another plan")


def test_mistakes_are_one_sentence(finished: Path, tmp_path: Path) -> None:
    for words, code, message in (
        (["mine", "--plan", "thorogh"], 2, "there is no plan 'thorogh': give one of default, smoke, thorough"),
        (["mine", "--perturbation", "fog"], 2, "perturbations.fog is none"),
        (["mine", "--contestant", "me"], 2, "contestants names me"),
        (["nowhere"], 1, "is this the folder of a finished run?"),
    ):
        assert_refused(quickly("robustness", *words, cwd=finished), code, message)
