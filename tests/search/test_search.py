"""A search: what it is given, what it keeps, how it goes on, and which mistakes it refuses."""

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from typer.testing import CliRunner

from deepbelief import data as data_module
from deepbelief.cli.app import app
from deepbelief.cluster.in_turn import InTurn
from deepbelief.cluster.worker import with_threads
from deepbelief.data import Dataset, Images, load_dataset
from deepbelief.data.image_source import ImageSource
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.search import proposals
from deepbelief.search.measures import stages_for
from deepbelief.search.plan import Choices, Range, SearchPlan, load_plan
from deepbelief.search.proposals import propose
from deepbelief.search.search import Search
from deepbelief.search.trials import TrialRecord, best_of, read_trials
from deepbelief.search.values import with_values
from deepbelief.settings import toml_tables
from deepbelief.study.execution import SeedRun, metrics_over_seeds
from deepbelief.study.recipe import load_recipe, parse_recipe, recipe_source
from deepbelief.system.precision import FP32
from tests.conftest import TINY

pytest.importorskip("optuna", reason='Optuna is not installed: pip install "deepbelief[search]"')

PLAN = SearchPlan(
    measure="accuracy/readout_2",
    held_out=200,
    trials=4,
    settings={
        "pretraining.learning_rate": Range(low=0.01, high=0.5, log=True),
        "pretraining.batch_size": Range(low=10, high=40),
        "dbn.hidden": Choices(choices=([20, 12], [12, 12])),
    },
)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits")


Make = Callable[..., Search]


@pytest.fixture
def search_of(digits: Dataset, tmp_path: Path) -> Make:
    """Makes a search over the tiny recipe."""

    def make(folder: str = "search", text: str = TINY, training: Images | None = None, **changes: Any) -> Search:
        plan, tables = PLAN.model_copy(update=changes), toml_tables(text, "tiny")
        shape, names = digits.image_shape, digits.class_names
        return Search(plan, tables, "digits", training or digits.train, shape, names, tmp_path / folder)

    return make


def told(trials: list[TrialRecord]) -> list[Any]:
    """Trials without their times."""
    return [trial.model_copy(update={"seconds": 0.0}) for trial in trials]


def test_a_search_has_no_test_images_and_trials_see_training_images_alone(search_of: Make, digits: Dataset) -> None:
    kinds = [one.annotation for one in inspect.signature(Search).parameters.values()]
    assert kinds.count(ImageSource) == 1
    assert Dataset not in kinds
    job = search_of()
    rows = {row.numpy().tobytes() for row in digits.train.pixels}
    parts = [job.images.train, job.images.test]
    assert all(row.numpy().tobytes() in rows for part in parts for row in part.pixels)
    assert [len(part) for part in parts] == [len(digits.train) - 200, 200]
    together = torch.cat([part.pixels for part in parts]).sort(dim=0).values
    assert torch.equal(together, digits.train.pixels.sort(dim=0).values)  # none is on both sides


def test_every_trial_is_kept_and_a_stopped_search_goes_on_as_it_would_have(search_of: Make, tmp_path: Path) -> None:
    whole = search_of("whole").run(InTurn())
    assert [trial.number for trial in whole] == [1, 2, 3, 4]
    assert len({trial.values["pretraining.learning_rate"] for trial in whole}) == 4
    assert all(0.01 <= trial.values["pretraining.learning_rate"] <= 0.5 for trial in whole)
    assert all(isinstance(trial.values["pretraining.batch_size"], int) for trial in whole)

    def stop(trial: TrialRecord) -> None:
        if trial.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search_of().run(InTurn(), stop)
    record = tmp_path / "search" / "trial-0002" / "trial.json"
    begun = json.loads(record.read_text())
    record.write_text(json.dumps({**begun, "score": None, "measured": []}))  # as if it had been stopped in its midst
    assert told(search_of().run(InTurn())) == told(whole)
    again: list[TrialRecord] = []
    assert told(search_of().run(InTurn(), again.append)) == told(whole)
    assert again == []
    assert len(search_of(trials=5).run(InTurn())) == 5  # more can be asked for later


def test_the_best_settings_become_a_recipe(search_of: Make, tmp_path: Path) -> None:
    trials = search_of(sampler="random", seeds=2).run(InTurn())
    best = max(trials, key=lambda trial: trial.score or 0.0)
    assert all(len(trial.measured) == 2 for trial in trials)
    assert best.score == sum(best.measured) / 2
    name, recipe = load_recipe(str(tmp_path / "search" / "best.toml"))
    assert name == "best"
    assert recipe.dbn.hidden == tuple(best.values["dbn.hidden"])
    for settings in recipe.pretraining:
        assert settings.learning_rate == best.values["pretraining.learning_rate"]
        assert settings.batch_size == best.values["pretraining.batch_size"]
    assert recipe.finetuning == parse_recipe(TINY, "tiny").finetuning  # all else is as it was
    text = (tmp_path / "search" / "best.toml").read_text()
    assert text.startswith(
        f"# accuracy/readout_2 of trial {best.number} on 200 held-out training images: {best.score:.4f}"
    )
    assert not list((tmp_path / "search").rglob("dbn.safetensors"))  # the models of trials are not kept


def test_a_trial_that_diverges_or_is_impossible_is_kept_with_its_error(search_of: Make) -> None:
    rates = {"pretraining.learning_rate": Choices(choices=(0.2, 1e30))}
    trials = search_of("diverging", settings=rates, sampler="random", trials=5).run(InTurn())
    assert {trial.values["pretraining.learning_rate"] for trial in trials if trial.score is None} == {1e30}
    assert {trial.values["pretraining.learning_rate"] for trial in trials if trial.error is None} == {0.2}
    assert best_of(trials) is not None
    sizes = {"dbn.hidden": Choices(choices=([20, 12], [20, 12, 12]))}
    with pytest.raises(
        SettingsError, match=r"dbn.hidden = \[20, 12, 12\]: pretraining.epochs lists 2 values for 3 layers"
    ):
        search_of("layers", settings=sizes)


def test_the_sampler_learns_from_trials_and_asks_the_same_again() -> None:
    def finished(number: int) -> TrialRecord:
        values = propose(PLAN.model_copy(update={"sampler": "random"}), number, [])
        score = -abs(values["pretraining.batch_size"] - 30) - (values["dbn.hidden"] == [20, 12]) * 20
        return TrialRecord(number=number, values=values, score=float(score))

    trials = [finished(number) for number in range(1, 41)]
    asked = [propose(PLAN, number, trials) for number in range(41, 61)]
    assert asked == [propose(PLAN, number, trials) for number in range(41, 61)]
    assert sum(values["dbn.hidden"] == [12, 12] for values in asked) > 15
    near = [abs(values["pretraining.batch_size"] - 30) for values in asked]
    assert sum(near) / len(near) < 6  # 8.5 by chance
    at_work = TrialRecord(number=61, values=asked[0])
    failed = TrialRecord(number=62, values=asked[1], error="it diverged")
    propose(PLAN, 63, [*trials, at_work, failed])  # neither has a score


FULL = (
    TINY.replace("steps = 150\nlearning_rate = 3.0", "steps = 20\nlearning_rate = 3.0")
    + """
[all_layers.mlp_head]
hidden = [8]
[all_layers.mlp_head.training]
method = "minibatch"
epochs = 1
[random_start]
epochs = 1
"""
)


@pytest.mark.parametrize(
    "measure",
    [
        *("accuracy/readout_1", "accuracy/ffnn", "accuracy/random_start", "accuracy/mlp_head", "accuracy/all_layers"),
        *("accuracy/ffnn/gaussian@0.3", "accuracy/readout_2/pgd@0.05", "log_likelihood/lower"),
    ],
)
def test_the_stages_for_a_measure_are_enough_for_it(measure: str, digits: Dataset, tmp_path: Path) -> None:
    recipe = parse_recipe(FULL, "full")
    only = stages_for(measure, recipe)
    run = SeedRun(recipe, 0, torch.device("cpu"), FP32, tmp_path, only=only)
    run.run(digits)
    assert set(run.stages(digits)) == only
    assert metrics_over_seeds([tmp_path], run.stages(digits))[measure].values


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        ("accuracy/nobody", "measure = 'accuracy/nobody' is not known: give accuracy/NAME, NAME one of readout_1,"),
        ("loss", "measure = 'loss' is not known"),
        ("accuracy/ffnn/fog@0.3", "is not known"),
        ("accuracy/ffnn/gaussian@0.7", "is at no level of the recipe: give one of 0, 0.3."),
    ],
)
def test_an_unknown_measure_is_refused(search_of: Make, measure: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message.replace("(", r"\(")):
        search_of(measure=measure)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("low = 0.01", "low = 0.9", "low has to be below high"),
        ("low = 0.01", "low = 0", "above 0 where log = true"),
        ("trials", "trails", "trails is not a setting: did you mean trials?"),
        ('"pretraining.learning_rate"', '"data.train_images"', "data.train_images cannot vary"),
        ("[settings]", "[other]", "settings is missing"),
        ("[settings]", "[settings", "is not valid TOML"),
    ],
)
def test_mistakes_in_a_plan_are_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = 'trials = 3\n[settings]\n"pretraining.learning_rate" = { low = 0.01, high = 0.5, log = true }\n'
    (tmp_path / "plan.toml").write_text(text)
    assert load_plan(tmp_path / "plan.toml").settings == {
        "pretraining.learning_rate": Range(low=0.01, high=0.5, log=True)
    }
    (tmp_path / "plan.toml").write_text(text.replace(old, new))
    with pytest.raises(SettingsError) as refused:
        load_plan(tmp_path / "plan.toml")
    assert message in str(refused.value)


def test_the_plan_of_the_page_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "clusters.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "plan.toml").write_text(text)
    plan = load_plan(tmp_path / "plan.toml")
    recipe = recipe_source(plan.recipe)
    plan.check(toml_tables(recipe, "the recipe"))
    for measure in (plan.measure, *re.findall(r"`((?:accuracy|log_likelihood)/.*?)`", page)):
        assert stages_for(measure, parse_recipe(recipe, "the recipe"))


def test_names_of_settings_can_be_tables(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text("[settings.finetuning]\ndropout = { choices = [0.0, 0.5] }\n")
    assert load_plan(tmp_path / "plan.toml").settings == {"finetuning.dropout": Choices(choices=(0.0, 0.5))}
    with pytest.raises(SettingsError, match="there is no file"):
        load_plan(tmp_path / "other.toml")
    with pytest.raises(SettingsError, match="title has a single value"):
        with_values({"title": "x"}, {"title.name": 1})


def test_settings_that_the_recipe_has_not_are_refused(search_of: Make) -> None:
    for name in ("pretraining.learning_rat", "elsewhere.rate"):
        with pytest.raises(SettingsError, match="is not a setting"):
            search_of(settings={name: Range(low=0.1, high=0.2)})


def test_a_folder_with_something_else_is_refused(search_of: Make, tmp_path: Path) -> None:
    search_of(trials=1).run(InTurn())
    with pytest.raises(SettingsError, match="holds a search with another plan, recipe or data"):
        search_of(held_out=210).run(InTurn())
    with FileLock(tmp_path / "search" / ".lock"), pytest.raises(DeepBeliefError, match="another search is at work"):
        search_of().run(InTurn())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").touch()
    with pytest.raises(SettingsError, match="is not empty and holds no search"):
        search_of("other").run(InTurn())


def test_images_without_labels_and_a_missing_package_are_told(
    search_of: Make, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="digits has no labels"):
        search_of(training=Images(digits.train.pixels, digits.train.maximum))
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(
        SettingsError, match=r"""a search needs the package optuna: pip install "deepbelief\[search\]"."""
    ):
        search_of()


def test_the_command_searches_and_never_touches_a_test_image(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Guarded:
        """The digits, whose test images nobody may ask for."""

        name, train, image_shape, class_names = digits.name, digits.train, digits.image_shape, digits.class_names

        @property
        def test(self) -> Images:
            raise AssertionError("the test images were asked for")

    monkeypatch.setattr(data_module, "load_dataset", lambda *_, **__: Guarded())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "plan.toml").write_text(
        'recipe = "tiny.toml"\nmeasure = "accuracy/readout_1"\nheld_out = 200\ntrials = 2\n'
        "[settings.dbn]\nhidden = { choices = [[20, 12], [12, 12]] }\n"
    )
    with with_threads(1):
        done = CliRunner().invoke(app, ["search", "plan.toml", "--out", "found"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "accuracy/readout_1 on 200 held-out training images" in " ".join(done.stdout.split())
    assert f"deepbelief study {Path('found') / 'best.toml'}" in done.stdout
    assert [trial.score is not None for trial in read_trials(tmp_path / "found")] == [True, True]
    assert proposals.load_optuna().logging.get_verbosity() == proposals.load_optuna().logging.INFO  # as it was
