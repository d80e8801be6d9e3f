"""A study of images without labels: which stages it runs, what these tell, and what it says of those left out."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from deepbelief.data import Dataset, Images, evenly_spaced
from deepbelief.errors import SettingsError
from deepbelief.evaluation import Evaluation, load_plan
from deepbelief.learning import resumption
from deepbelief.report import style
from deepbelief.report.page import build_report
from deepbelief.report.story import STORY
from deepbelief.report.tables import published_tables
from deepbelief.study.checks import check_fit
from deepbelief.study.context import Context
from deepbelief.study.loading import load_run
from deepbelief.study.progress import Silent
from deepbelief.study.recipe import DevelopmentSection, EmbeddingsSection, Recipe, load_recipe
from deepbelief.study.recipes import RECIPES
from deepbelief.study.records import Arrays, Results, StageRecord, read_results, read_stage
from deepbelief.study.run import Study
from deepbelief.study.stages import NEED_LABELS, STAGES, left_out
from deepbelief.system.precision import FP32
from tests.study import test_checks as small
from tests.study import test_wiring as wiring

RUN = ["data", "samples", "pretraining", "receptive_fields", "deep_receptive_fields", "features", "development"]
RUN += ["encoding", "generation"]
LAYERS = ["layer_1", "layer_2"]
# Of the stages that with labels would tell of classes, too: the names of their facts and of their arrays.
NAMES: dict[str, tuple[set[str], set[str]]] = {
    "data": (
        {"name", "class_names", "image_shape", "n_train", "n_validation", "n_test", "bounds", "pixel_mean", "pixel_std"}
        | {"zero_fraction"},
        {"mean"},
    ),
    "samples": ({"class_names"}, {f"{part}_{what}" for part in ("train", "test") for what in ("one", "grid")}),
    "features": (
        {"class_names", "shapes"},
        {"images"} | {f"{layer}/{what}" for layer in LAYERS for what in ("histogram", "examples")},
    ),
    "development": ({"compared"}, {"levels"} | {f"{layer}/{what}" for layer in LAYERS for what in ("epochs", "cka")}),
    "encoding": (
        {"class_names", "neighbours"},
        {"queries", "neighbours_pixels", "neighbours_layer_2"}
        | {f"{map_}_{at}" for map_ in ("pca", "tsne") for at in ("pixels", *LAYERS)},
    ),
    "generation": (
        {"class_names", "steps", "upper_interval", "lower_interval", "binary", "warnings", "images", "temperatures"}
        | {"chains", "layers"},
        {"fantasies", "originals", "completed"},
    ),
}  # fmt: skip
MEASURED = {"reconstruction_error", "reconstruction_error_unit", "mean_activation", "development", "embedding_variance"}
MEASURED |= {"log_likelihood", "log_z", "effective_chains", "time", "memory"}


def bare(dataset: Dataset) -> Dataset:
    """The same images without their labels."""
    train, test = (replace(part, labels=None) for part in (dataset.train, dataset.test))
    return Dataset(dataset.name, train, test, dataset.image_shape)


def recipe(settings: Recipe) -> Recipe:
    """A recipe with all that is optional and needs no labels."""
    more = {"development": DevelopmentSection(epochs=(0, 1)), "embeddings": EmbeddingsSection(images=20)}
    return settings.model_copy(update=more)


def visible_text(run: Path) -> str:
    """What a reader sees of the run's page."""
    body = build_report(run).read_text("utf-8").partition("<body>")[2]
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unlabelled") / "run"
    Study("wiring", recipe(wiring.recipe()), bare(wiring.dataset()), folder).run()
    return folder


@pytest.fixture(scope="module")
def results(finished: Path) -> Results:
    return read_results(finished)


@pytest.fixture(scope="module")
def stages(finished: Path) -> dict[str, tuple[StageRecord, Arrays]]:
    return {stage: read_stage(finished / "seed-0" / "stages", stage) for stage in RUN}


@pytest.fixture(scope="module")
def page(finished: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "DPI", 20)
        return visible_text(finished)


def test_the_stages_that_need_no_labels_run_and_the_others_are_named(finished: Path, results: Results) -> None:
    assert results.stages == RUN
    assert {*results.left_out} == NEED_LABELS  # the recipe asks for all of them
    assert sorted([*RUN, *results.left_out]) == sorted(STAGES)
    assert results.contestants == []
    assert {path.stem for path in (finished / "seed-0" / "stages").glob("*.json")} == {*RUN}
    assert [path.name for path in (finished / "seed-0" / "models").iterdir()] == ["dbn.safetensors"]


def test_a_stage_that_the_recipe_leaves_out_is_not_missed_for_labels() -> None:
    fewer = small.recipe()
    assert {*left_out(fewer, bare(wiring.dataset()))} == NEED_LABELS - {"mlp_head", "random_start"}
    assert left_out(fewer, wiring.dataset()) == []


def test_nothing_is_measured_that_would_need_labels(results: Results) -> None:
    assert {re.split("[/@]", name)[0] for name in results.metrics} == MEASURED
    assert not [name for name in results.metrics if name.startswith("development/accuracy")]
    assert all(np.isfinite(metric.mean) for metric in results.metrics.values())


@pytest.mark.parametrize("stage", NAMES)
def test_names_of_facts_and_arrays(stages: dict[str, tuple[StageRecord, Arrays]], stage: str) -> None:
    record, arrays = stages[stage]
    assert (set(record.facts), set(arrays)) == NAMES[stage]


def test_images_take_the_place_of_classes(finished: Path, stages: dict[str, tuple[StageRecord, Arrays]]) -> None:
    context = Context(
        recipe(wiring.recipe()), bare(wiring.dataset()), 0, torch.device("cpu"), FP32, finished / "seed-0", Silent()
    )
    learnt = context.training.batch(slice(None))
    np.testing.assert_allclose(stages["data"][1]["mean"], learnt.mean(dim=0).reshape(3, 4).numpy(), rtol=1e-6)
    shown = evenly_spaced(context.training, 10)
    np.testing.assert_array_equal(stages["features"][1]["images"], shown.reshape(10, 3, 4).numpy())
    for layer, features in enumerate(context.dbn.encode_all(shown), start=1):
        np.testing.assert_allclose(stages["features"][1][f"layer_{layer}/examples"], features.numpy(), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:class . of 0 to 2 never occurs:deepbelief.errors.DataWarning")
def test_labels_change_nothing_that_is_learnt_and_told_without_them(tmp_path: Path) -> None:
    settings = recipe(small.recipe())
    data = small.dataset([0, 1, 2] * 4, [0, 1, 2] * 4)
    for name, one in (("with", data), ("without", bare(data))):
        Study("small", settings, one, tmp_path / name).run()
    with_labels, without = (tmp_path / name / "seed-0" for name in ("with", "without"))
    dbns = [load_file(folder / "models" / "dbn.safetensors") for folder in (with_labels, without)]
    assert dbns[0].keys() == dbns[1].keys()
    assert all(np.array_equal(dbns[0][name], dbns[1][name]) for name in dbns[0])
    own = {"features": {"images", *(f"{layer}/examples" for layer in LAYERS)}, "data": {"mean"}}
    for stage in RUN:
        (record, arrays), (other, others) = (read_stage(folder / "stages", stage) for folder in (without, with_labels))
        if stage in ("encoding", "development"):  # which images are chosen is stratified by class
            continue
        assert all(np.array_equal(arrays[name], others[name]) for name in arrays if name not in own.get(stage, ()))
        told = {name for name in record.metrics if not name.startswith("memory/")}
        assert all(record.metrics[name] == other.metrics[name] for name in told)


def test_the_page_says_which_stages_are_left_out_and_has_no_word_of_classes(page: str, results: Results) -> None:
    named = ", ".join(name.replace("_", " ") for name in results.left_out[:-1]) + " and topdown defence"
    sentence = f"As made up has no labels, there are no classifiers, and these stages are left out: {named}."
    assert sentence in page
    rest = page.replace(sentence, "").partition("Settings, machine, times Everything")[0]
    told_anyway = ("None of them has a label", "Learning without labels", "No label is used", "without seeing a label")
    for words in told_anyway:
        assert words in rest
        rest = rest.replace(words, "")
    assert not re.findall(r"\bclass\b|\bclasses\b|label|accurac|colour|classifiers|read-out|nan\b", rest)


def test_the_page_has_a_whole_chapter_for_each_stage(finished: Path, page: str) -> None:
    for stage, heading, _ in STORY:
        assert (heading in page) == (stage in RUN)
    assert "not run yet" not in page
    sections = re.findall(r'<section id="(\w+)">(.*?)</section>', (finished / "report.html").read_text("utf-8"), re.S)
    assert [name for name, _ in sections] == [*RUN, "circumstances"]
    assert all("<figure" in content for name, content in sections if name in RUN)
    assert not re.search(r"<tbody>\s*</tbody>|<p>\s*</p>|<figcaption>\s*<", "".join(dict(sections).values()))


def test_published_figures_of_what_is_not_measured_have_no_table(results: Results) -> None:
    published = {"accuracy/readout_1": 0.8, "loss/ffnn@1": 2.3, "reconstruction_error/layer_1@1": 1.9}
    tables = published_tables(results.model_copy(update={"published": published}))
    assert [table.title.partition(",")[0] for table in tables] == ["Reconstruction error"]


def test_results_from_before_there_were_such_studies_open(finished: Path, results: Results) -> None:
    stored = results.model_dump(exclude={"left_out"})
    assert Results.model_validate(stored).left_out == []


def test_it_is_loaded_without_classifiers(finished: Path) -> None:
    run = load_run(finished)
    assert (run.labelled, run.classifiers) == (None, {})
    assert run.dbn.encode(torch.rand(2, 12)).shape == (2, 8)


def test_there_is_nothing_to_evaluate(finished: Path) -> None:
    with pytest.raises(SettingsError, match="has no classifiers to evaluate, as its data have no labels"):
        Evaluation(finished, load_plan("smoke"), bare(wiring.dataset()))
    assert not (finished / "robustness").exists()


class Stopped(Exception):
    pass


class Stopper(Silent):
    """Ends a study after so many steps, of training or of other work."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def step(self, done: int, total: int, line: str) -> None:
        self._left -= 1
        if not self._left:
            raise Stopped


@pytest.mark.parametrize("steps", [5, 14, 20])
def test_an_interrupted_one_ends_as_if_it_had_not_been(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    monkeypatch.setattr(resumption, "_SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    study = Study("wiring", recipe(wiring.recipe()), bare(wiring.dataset()), tmp_path / "run")
    with pytest.raises(Stopped):
        study.run(Stopper(steps))
    study.run()
    for stage in RUN:
        (record, arrays), (other, others) = (
            read_stage(folder / "seed-0" / "stages", stage) for folder in (tmp_path / "run", finished)
        )
        assert arrays.keys() == others.keys()
        assert all(np.array_equal(arrays[name], others[name]) for name in arrays)
        assert record.facts == other.facts
        assert record.metrics | {"memory/peak": 0} == other.metrics | {"memory/peak": 0}


def test_a_folder_with_labels_is_not_continued_without_them(finished: Path) -> None:
    with pytest.raises(SettingsError, match="holds a study with other settings"):
        Study("wiring", recipe(wiring.recipe()), wiring.dataset(), finished).run()


def unlabelled(train: int, test: int, shape: tuple[int, ...] = (3, 4), **more: Any) -> Dataset:
    return bare(small.dataset([0] * train, [0] * test, shape=shape, **more))


TINY = {
    "two training images and one test image": (small.recipe(), unlabelled(2, 1)),
    "vectors, some held out": (small.recipe(validation=3), unlabelled(12, 5, shape=(30,))),
    "constant real values": (small.recipe("gaussian"), unlabelled(12, 12, real=True, **small.FLAT)),
    "single values": (small.recipe("gaussian"), unlabelled(4, 3, shape=(1,), real=True)),
}


@pytest.mark.parametrize("name", TINY)
def test_tiny_data_make_a_study_and_its_report(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "DPI", 20)
    settings, data = TINY[name]
    results = Study("small", recipe(settings), data, tmp_path / "run").run()
    assert results.stages == RUN
    assert all(np.isfinite(metric.mean) for metric in results.metrics.values())
    assert not re.findall(r"\b(nan|inf)\b", visible_text(tmp_path / "run"))


def test_a_single_training_image_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"a single training image of small, .*: add images\.$"):
        check_fit(small.recipe(), unlabelled(1, 1), 0)
    with pytest.raises(SettingsError, match=r"a single training image of small, .*, or set data.train_images higher"):
        check_fit(small.recipe(data="train_images = 1"), unlabelled(5, 1), 0)
    check_fit(small.recipe(), unlabelled(2, 1), 0)


def test_settings_of_classifiers_need_not_fit() -> None:
    def wild(**settings: Any) -> Recipe:
        return small.recipe().model_copy(update=settings)

    base, huge = small.recipe(), (10**9, 10**9)
    labels = base.generation.labels
    for settings in (
        wild(attack=base.attack.model_copy(update={"example": 10**6})),
        wild(baseline=base.baseline.model_copy(update={"hidden": huge})),
        small.recipe(generation_labels_training="drop_last = true\nbatch_size = 5000"),
        wild(generation=base.generation.model_copy(update={"labels": labels.model_copy(update={"hidden": 10**13})})),
    ):
        check_fit(settings, unlabelled(8, 2), 0)
        with pytest.raises(SettingsError):
            check_fit(settings, small.dataset([0, 1] * 4, [0, 1]), 0)
    with pytest.raises(SettingsError, match=r"dbn.hidden asks for"):
        check_fit(base.model_copy(update={"dbn": base.dbn.model_copy(update={"hidden": huge})}), unlabelled(8, 2), 0)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_fits_enough_images_without_labels(name: str) -> None:
    pixels = Images(torch.rand(12_000 + 1000, 4), 1.0)
    check_fit(load_recipe(name)[1], Dataset("many", pixels, pixels, (2, 2)), 0)
