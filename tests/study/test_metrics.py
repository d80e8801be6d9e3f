"""The metrics of a study: named in docs/records.md, and what that page says they are."""

import re
import tomllib
from pathlib import Path

import pytest
import torch

from deepbelief.arrays import Classifier
from deepbelief.data import TensorSource, load_dataset
from deepbelief.models.feedforward import accuracy, predict
from deepbelief.robustness import pgd
from deepbelief.robustness.defence import Defended
from deepbelief.study import robustness
from deepbelief.study.context import Context, Findings
from deepbelief.study.progress import Silent
from deepbelief.study.recipe import Recipe, load_recipe
from deepbelief.study.records import Results, read_results, read_stage
from deepbelief.study.run import Study
from deepbelief.system.precision import FP32

DOCS = Path(__file__).parents[2] / "docs" / "records.md"
EPSILON = 0.1  # of a range of 1: digits lie in [0, 1]


@pytest.fixture(scope="module")
def recipe(tiny: str) -> Recipe:
    """The tiny recipe in float32, with all that leaves a metric.

    Its DBN rebuilds what it sees, so that an attack through the defence is another one than an attack past it.
    """
    layer = {"epochs": 15, "batch_size": 50, "learning_rate": 0.2, "batch_statistics": True}
    settings = tomllib.loads(tiny) | {
        "precision": "fp32",
        "dbn": {"hidden": [60, 40], "weight_std": 0.1},
        "pretraining": [layer, layer],
        "readouts": {"method": "converged", "l2": [1e-3], "max_iterations": 20},
    }
    settings["embeddings"] = {"images": 50}
    settings["robust_readout"] = {"l2": [0.1], "max_iterations": 20}
    settings["random_start"] = {"epochs": 20, "learning_rate": 0.01, "patience": 0}
    settings["attack"] |= {"example": 7, "pgd": {"images": 150, "steps": 4, "epsilons": [EPSILON, 0.3, 0.0]}}
    return Recipe.model_validate(settings)


@pytest.fixture(scope="module")
def run(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study by that recipe."""
    folder = tmp_path_factory.mktemp("metrics") / "run"
    Study("tiny", recipe, load_dataset("digits"), folder).run()
    return folder


@pytest.fixture(scope="module")
def context(recipe: Recipe, run: Path) -> Context:
    """Its seed, models loaded."""
    return Context(recipe, load_dataset("digits"), 0, torch.device("cpu"), FP32, run / "seed-0", Silent())


@pytest.fixture(scope="module")
def results(run: Path) -> Results:
    """Its results."""
    return read_results(run)


def test_every_metric_is_documented_and_every_documented_name_has_a_metric(results: Results) -> None:
    of_a_study, _, _ = DOCS.read_text(encoding="utf-8").partition("## Metrics of an evaluation")
    documented = re.findall(r"`([\w]+/[^`]+)`", of_a_study)
    names = [name for name in documented if not re.search(r"\.|seed-", name)]
    patterns = {name: re.compile(re.sub(r"<[\w-]+>", r"[\\w.-]+", name)) for name in names}
    assert not [metric for metric in results.metrics if not any(p.fullmatch(metric) for p in patterns.values())]
    assert not [name for name, p in patterns.items() if not any(p.fullmatch(metric) for metric in results.metrics)]


def test_pgds_images_are_the_same_for_everybody_and_hold_each_class_by_its_share(context: Context) -> None:
    rows, labels = context.pgd_rows, context.test.required_labels()
    assert len(rows) == len(rows.unique()) == 150
    shares = torch.bincount(labels[rows], minlength=10) - torch.bincount(labels, minlength=10) * 150 / len(labels)
    assert shares.abs().max() <= 1
    assert not torch.equal(rows, rows.sort().values)


def by_hand(context: Context, judged: Classifier, attacked: Classifier, name: str) -> torch.Tensor:
    """Whether a classifier is right on images of PGD through another one, at EPSILON."""
    images, labels = context.test_pixels[context.pgd_rows], context.test.required_labels()[context.pgd_rows]
    at = torch.arange(len(images)) if attacked is not judged else predict(judged, TensorSource(images)) == labels
    random = context.random(f"pgd/{name}@{EPSILON:g}")
    found = pgd(attacked, images[at], labels[at], EPSILON, 4, random)
    return predict(judged, TensorSource(found)) == labels[at]


def test_pgd_goes_through_who_is_judged_and_the_unaware_one_through_the_bare_network(
    context: Context, results: Results
) -> None:
    bare = context.contestants["readout_2"]
    images, labels = context.test_pixels[context.pgd_rows], context.test.required_labels()[context.pgd_rows]
    left = []
    for steps in (1, 2):
        defended = Defended(bare, context.dbn.reconstruct, steps)
        unlost = predict(defended, TensorSource(images)) == labels
        unaware = by_hand(context, defended, bare, "readout_2") & unlost
        aware = by_hand(context, defended, defended, f"readout_2/{steps}")
        prefix = "accuracy/readout_2/pgd"
        assert results.metrics[f"{prefix}_defended_{steps}@0.1"].mean == pytest.approx(float(unaware.double().mean()))
        assert results.metrics[f"{prefix}_adaptive_{steps}@0.1"].mean == pytest.approx(float(aware.sum()) / 150)
        assert float(unlost.double().mean()) > 0.3
        left.append((int(aware.sum()), int(unaware.sum())))
    assert sum(aware for aware, _ in left) < sum(unaware for _, unaware in left), left


def test_what_is_lost_at_an_epsilon_stays_lost_at_larger_ones(
    context: Context, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = [f"{name}/pgd" for name in results.contestants]
    kinds += [
        f"readout_{layer}/pgd_{kind}_{n}" for layer in (1, 2) for kind in ("defended", "adaptive") for n in (1, 2)
    ]
    for kind in kinds:
        falling = [results.metrics[f"accuracy/{kind}@{epsilon}"].mean for epsilon in ("0", "0.1", "0.3")]
        assert falling == sorted(falling, reverse=True)
        assert falling[0] > falling[2]
    clean = predict(context.contestants["ffnn"], TensorSource(context.test_pixels[context.pgd_rows]))
    right = clean == context.test.required_labels()[context.pgd_rows]
    assert results.metrics["accuracy/ffnn/pgd@0"].mean == float(right.double().mean())
    # An attack that fails at the largest epsilon alone has found less than it already had.
    images = {0.3: context.test_pixels[context.pgd_rows]}
    monkeypatch.setattr(Context, "pgd_images", lambda self, name, epsilon: images.get(epsilon, 0 * images[0.3]))
    found = Findings()
    robustness._pgd(context, "ffnn", "tried", context.contestants["ffnn"], found)
    assert found.metrics["tried@0.3"] <= found.metrics["tried@0.1"] < 0.3


def test_training_accuracy_is_of_the_images_that_were_learnt_from(context: Context, results: Results) -> None:
    for name, classifier in context.contestants.items():
        measured = accuracy(classifier, context.training, context.training.required_labels())
        assert results.metrics[f"accuracy_train/{name}"].mean == pytest.approx(measured, abs=0.002), name


def test_the_named_example_is_what_all_are_asked_about(context: Context, run: Path, results: Results) -> None:
    facts = read_stage(run / "seed-0" / "stages", "gradient_attack")[0].facts
    assert facts["label"] == int(context.test.required_labels()[7])
    for name, answer in context.predictions(context.test_pixels[7:8]).items():
        assert results.metrics[f"prediction/{name}"].values == [float(answer)]
        assert results.metrics[f"prediction/{name}/fgsm@0.2"].values == [facts["after"][name]]


def test_a_read_out_that_is_cut_off_is_recorded_as_such(run: Path) -> None:
    record, arrays = read_stage(run / "seed-0" / "stages", "readouts")
    assert record.facts["converged"] == {"readout_1": False, "readout_2": False, "robust_readout": False}
    assert len(arrays["readout_1/step"]) == 20


def test_every_published_figure_is_in_the_recipe(results: Results) -> None:
    recipe = load_recipe("reference")[1]
    published = recipe.published
    for quantity in ("reconstruction_error", "reconstruction_error_std", "update_mean", "update_std"):
        epochs = {f"{quantity}/layer_{layer}@{epoch}" for layer in (1, 2, 3) for epoch in range(10, 51, 10)}
        assert epochs <= set(published)
        assert f"{quantity}/layer_1@1" in results.metrics
    for name in ("readout_1", "readout_2", "readout_3", "ffnn"):
        assert {f"loss/{name}@{step}" for step in range(1, 1402, 100)} <= set(published)
        assert {f"accuracy/{name}", f"accuracy/{name}/gaussian@0.3"} <= set(published)
    assert published["loss/readout_3@501"] == 0.8535
    assert published["loss/readout_3@401"] == 0.9306
    assert published["update_std/layer_3@50"] == 1.8343
    assert published["prediction/readout_3"] == published["prediction/readout_3/fgsm@0.2"] == 2
    assert len(published) == 60 + 60 + 8 + 2
    assert (recipe.precision, recipe.attack.example) == ("fp32", 1)
