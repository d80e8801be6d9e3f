"""What each stage leaves in its record: the names that the report reads, and figures worked out a second time."""

import dataclasses
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from deepbelief.checkpoint import load_labelled_dbn, read_description
from deepbelief.data import Dataset, Images, Labelled
from deepbelief.learning import Pretraining, resumption
from deepbelief.models import DBN, Bernoulli, LabelledRBM
from deepbelief.models.feedforward import accuracy, predict
from deepbelief.robustness import fgsm
from deepbelief.sampling import fantasies, inpaint, labelled_fantasies
from deepbelief.study.context import Context, Findings
from deepbelief.study.generation import _judge_classes
from deepbelief.study.progress import Silent
from deepbelief.study.recipe import Recipe, parse_recipe
from deepbelief.study.records import Arrays, StageRecord, read_results, read_stage
from deepbelief.study.run import Study
from deepbelief.study.training import pretraining
from deepbelief.system.precision import FP32
from tests.study.test_wiring import READOUTS, RECIPE, dataset

FULL_BATCH = '{ method = "full-batch", steps = 120, learning_rate = 0.1 }'
LOW, SPAN = -1.0, 4.0
BOTH = [*READOUTS, "mlp_head", "ffnn", "random_start", "finetuned"]
LAYERS = ["layer_1", "layer_2"]
MONITORS = ["free_energy_gap", "held_out_error_unit", "reconstruction_error", "reconstruction_error_unit"]
# Stage -> the names of its facts and of its arrays.
NAMES: dict[str, tuple[set[str], set[str]]] = {
    "data": (
        {"name", "class_names", "image_shape", "n_train", "n_validation", "n_test", "bounds", "pixel_mean", "pixel_std"}
        | {"zero_fraction"},
        {"class_counts_train", "class_counts_test", "class_means"},
    ),
    "samples": (
        {"class_names", "train_one_label", "test_one_label"},
        {f"{part}_{what}" for part in ("train", "test") for what in ("one", "grid", "labels")},
    ),
    "pretraining": (
        {"layers", "epochs", "parameters"},
        {f"{layer}/{name}" for layer in LAYERS for name in MONITORS} | {"layer_2/pseudo_likelihood_unit"},
    ),
    "receptive_fields": ({"threshold", "choice", "scale"}, {"units_1", "layer_1"}),
    "deep_receptive_fields": (
        {"threshold", "choice", "scale"},
        {"units_2", "layer_2", "maximised_2", "top_down_2"},
    ),
    "features": (
        {"class_names", "shapes"},
        {f"{layer}/{what}" for layer in LAYERS for what in ("histogram", "examples")},
    ),
    "readouts": (
        {"method", "l2", "converged"},
        {f"{name}/{what}" for name in READOUTS for what in ("loss", "step")},
    ),
    "mlp_head": ({"layers", "method", "best_epoch"}, {"loss", "step", "epoch", "validation_accuracy"}),
    "development": (
        {"images", "test_images", "compared"},
        {"levels"} | {f"{layer}/{what}" for layer in LAYERS for what in ("epochs", "accuracy", "cka")},
    ),
    "baseline": ({"layers", "method", "best_epoch"}, {"loss", "step"}),
    "finetuning": ({"layers", "method", "best_epoch"}, {"loss", "step", "epoch", "validation_accuracy"}),
    "random_start": ({"layers", "method", "best_epoch"}, {"loss", "step", "epoch", "validation_accuracy"}),
    "psychometric": (
        {"example_label"},
        {"levels", "examples_unclipped", "examples_clipped"}
        | {f"{kind}/{name}" for kind in ("clipped", "unclipped") for name in BOTH},
    ),
    "clusters": ({"class_names"}, {f"{layer}/linkage" for layer in LAYERS}),
    "confusion": ({"class_names", "most_confused"}, set(BOTH)),
    "noise_attack": ({"epsilon", "label", "before", "after", "class_names"}, {"original", "perturbed"}),
    "gradient_attack": (
        {"epsilon", "label", "before", "after", "class_names"},
        {"original"} | {f"perturbed_{name}" for name in BOTH},
    ),
    "robustness": ({"pgd"}, {"epsilons"}),
    "topdown_defence": (
        {"steps", "pgd", "contestant", "epsilon", "label", "class_names", "predictions"},
        {"epsilons", "num_steps", "original", "attacked", "reconstructed"},
    ),
    "encoding": (
        {"class_names", "neighbours"},
        {"queries", "query_labels", "embedded_labels"}
        | {f"{what}_{at}" for what in ("neighbours", "labels") for at in ("pixels", "layer_2")}
        | {f"{map_}_{at}" for map_ in ("pca", "tsne") for at in ("pixels", *LAYERS)},
    ),
    "generation": (
        {"class_names", "steps", "upper_interval", "lower_interval", "binary", "warnings", "images", "temperatures"}
        | {"chains", "layers", "fantasies", "of_each_class"},
        {"fantasies", "originals", "completed", "of_each_class"},
    ),
}  # fmt: skip


def real_valued() -> Dataset:
    """The made-up images, their values from -1 to 3."""

    def wider(part: Images) -> Images:
        return Images(LOW + SPAN * part.pixels, 1.0, part.required_labels(), real=True)

    return replace(dataset(), train=wider(dataset().train), test=wider(dataset().test))


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """Every classifier but the fine-tuned one is trained on full batches, layers for different numbers of epochs.

    Pictures of units and maps of images are those of the recipe `default`.
    """
    text = RECIPE.replace("hidden = [10, 8], ", 'hidden = [10, 8], visible = "gaussian", ')
    text = text.replace("epochs = [8, 4], batch_size = 12, patience = 2", "epochs = [12, 4], learning_rate = 0.05")
    lines = []
    for line in text.splitlines():
        start = line.split(" =")[0]
        new = {"readouts": FULL_BATCH, "baseline": f"{{ hidden = [10], training = {FULL_BATCH} }}"}.get(start)
        lines.append(f"{start} = {new}" if new else line)
    views = 'deep_views = ["weights", "maximised", "top-down"]'
    pictures = f'receptive_fields = {{ threshold = 0.02, units = 6, choice = "strongest", scale = "each", {views} }}'
    return parse_recipe("\n".join([pictures, "embeddings.images = 21", *lines]), "made up")


@pytest.fixture(scope="module")
def finished(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The folder of a study, and the seconds that it took."""
    folder, started = tmp_path_factory.mktemp("stages") / "run", time.perf_counter()
    Study("made up", recipe, real_valued(), folder).run()
    return folder, time.perf_counter() - started


@pytest.fixture(scope="module")
def stages(finished: tuple[Path, float]) -> dict[str, tuple[StageRecord, Arrays]]:
    """Its records."""
    return {stage: read_stage(finished[0] / "seed-0" / "stages", stage) for stage in NAMES}


@pytest.fixture(scope="module")
def context(recipe: Recipe, finished: tuple[Path, float]) -> Context:
    """Its seed, models loaded."""
    return Context(recipe, real_valued(), 0, torch.device("cpu"), FP32, finished[0] / "seed-0", Silent())


@pytest.mark.parametrize("stage", NAMES)
def test_names_of_facts_and_arrays(stages: dict[str, tuple[StageRecord, Arrays]], stage: str) -> None:
    record, arrays = stages[stage]
    assert (set(record.facts), set(arrays)) == NAMES[stage]


def test_there_is_no_other_stage(finished: tuple[Path, float]) -> None:
    assert {path.stem for path in (finished[0] / "seed-0" / "stages").glob("*.json")} == set(NAMES)


def test_every_model_is_kept_with_how_it_was_trained(recipe: Recipe, context: Context) -> None:
    assert recipe.all_layers is not None and recipe.all_layers.mlp_head is not None
    networks = {
        **dict.fromkeys(recipe.contestants, recipe.readouts),
        "robust_readout": recipe.robust_readout,
        "mlp_head": recipe.all_layers.mlp_head.training,
        "random_start": recipe.random_start,
        "ffnn": recipe.baseline.training,
        "finetuned": recipe.finetuning,
        "labelled": recipe.generation.labels.training,
    }
    trained = {"dbn": list(recipe.pretraining), **{name: [settings] for name, settings in networks.items()}}
    for name, wanted in trained.items():
        told = read_description(context.models / f"{name}.safetensors")["training"]
        assert [one["method"] for one in told] == [type(settings).__name__ for settings in wanted], name
        assert [one["settings"] for one in told] == [jsonable(settings) for settings in wanted], name
        assert all(1 <= one["kept"] <= one["epochs"] and one["figures"] for one in told), name
    (told,) = read_description(context.models / "finetuned.safetensors")["training"]
    record = read_stage(context.folder / "stages", "finetuning")[0]
    assert told["kept"] == record.facts["best_epoch"]
    assert told["figures"]["loss"] == record.metrics[f"loss/finetuned@{told['kept']}"]
    first, _ = read_description(context.models / "dbn.safetensors")["training"]
    error = read_stage(context.folder / "stages", "pretraining")[1]["layer_1/reconstruction_error"]
    assert first["figures"]["reconstruction_error"] == error[first["kept"] - 1]


def jsonable(settings: object) -> Any:
    """Settings as JSON holds them."""
    return json.loads(json.dumps(dataclasses.asdict(settings)))


def test_facts_of_the_data(stages: dict[str, tuple[StageRecord, Arrays]], context: Context) -> None:
    facts, training = stages["data"][0].facts, context.training.batch(slice(None))
    low, high = real_valued().bounds
    assert facts["bounds"] == [low, high]
    assert facts["n_train"], facts["n_validation"] == (108, 36)
    assert facts["zero_fraction"] == pytest.approx(float((training == low).double().mean()))
    assert facts["pixel_mean"] == pytest.approx(float((training - low).mean()) / (high - low), rel=1e-5)


def test_times_are_those_of_the_stages(
    finished: tuple[Path, float], stages: dict[str, tuple[StageRecord, Arrays]]
) -> None:
    seconds = [record.seconds for record, _ in stages.values()]
    assert min(seconds) > 0
    assert 0.2 * finished[1] < sum(seconds) < finished[1]


def test_every_epoch_and_step_is_where_it_belongs(
    finished: tuple[Path, float], stages: dict[str, tuple[StageRecord, Arrays]]
) -> None:
    metrics = read_results(finished[0]).metrics
    record, arrays = stages["pretraining"]
    assert record.facts["epochs"] == [12, 4]
    for layer, epochs in ((1, [1, 10, 12]), (2, [1, 4])):
        name = f"reconstruction_error/layer_{layer}"
        logged = {int(key.split("@")[1]) for key in metrics if key.startswith(f"{name}@")}
        assert logged == set(epochs)
        for epoch in epochs:
            assert metrics[f"{name}@{epoch}"].mean == arrays[f"layer_{layer}/reconstruction_error"][epoch - 1]
    for name, (stage, prefix) in {"ffnn": ("baseline", ""), "readout_2": ("readouts", "readout_2/")}.items():
        losses = stages[stage][1][f"{prefix}loss"]
        assert {step: metrics[f"loss/{name}@{step}"].mean for step in (1, 101, 120)} == {
            step: losses[step - 1] for step in (1, 101, 120)
        }
        assert len(losses) == 120


def test_epsilons_are_shares_of_the_range(finished: tuple[Path, float], context: Context) -> None:
    metrics, labels = read_results(finished[0]).metrics, context.test.required_labels()
    low, high = real_valued().bounds
    assert high - low > 3
    for name in ("readout_2", "ffnn"):
        classifier = context.contestants[name]
        attacked = fgsm(classifier, context.test_pixels, labels, 0.1 * (high - low), (low, high))
        assert metrics[f"accuracy/{name}/fgsm@0.1"].mean == pytest.approx(accuracy(classifier, attacked, labels))
    assert metrics["accuracy/ffnn/fgsm@0.1"].mean < metrics["accuracy/ffnn"].mean


def test_noise_and_pictures_of_single_images(stages: dict[str, tuple[StageRecord, Arrays]]) -> None:
    pictures = stages["noise_attack"][1]  # from 0 to 1 over the range of the values
    largest = float(np.abs(pictures["perturbed"] - pictures["original"]).max())
    assert 0.25 < largest <= stages["noise_attack"][0].facts["epsilon"] + 1e-6
    for part in ("train", "test"):
        assert len(stages["samples"][1][f"{part}_grid"]) == len(stages["samples"][1][f"{part}_labels"]) == 16


def test_the_peak_of_memory_is_that_of_the_hungriest_stage(
    finished: tuple[Path, float], stages: dict[str, tuple[StageRecord, Arrays]]
) -> None:
    peaks = [record.metrics["memory/peak"] for record, _ in stages.values()]
    assert read_results(finished[0]).metrics["memory/peak"].mean == max(peaks) > 1e7


def test_full_batches_are_standardised_as_the_contestant_is(finished: tuple[Path, float], context: Context) -> None:
    """A network that had learnt from values as they are would be lost behind a standardisation."""
    metrics = read_results(finished[0]).metrics
    network = context.network("ffnn")
    seen = context.dbn.standardisation
    assert seen is not None
    found = accuracy(network, seen(context.test_pixels), context.test.required_labels())
    assert metrics["accuracy/ffnn"].mean == pytest.approx(found)
    assert found > 0.8


def test_histograms_are_shares_of_all_activations(
    stages: dict[str, tuple[StageRecord, Arrays]], context: Context
) -> None:
    counts = torch.histc(context.features[0].batch(slice(None)), bins=50, min=0.0, max=1.0)
    np.testing.assert_allclose(stages["features"][1]["layer_1/histogram"], (counts / counts.sum()).numpy(), atol=1e-6)


def test_pictures_of_generation_are_drawn_with_the_stage_s_own_random_numbers(
    stages: dict[str, tuple[StageRecord, Arrays]], context: Context
) -> None:
    made, section = stages["generation"][1], context.recipe.generation
    random = context.random("generation")
    fantasies(context.dbn, section.fantasies, random, section.steps)
    images = context.test_pixels[: section.inpainted]
    completed = inpaint(context.dbn, images, torch.arange(12) < 6, random, section.steps)
    np.testing.assert_array_equal(made["completed"], context.picture(completed))


def test_images_of_each_class_are_judged_beside_test_images(
    finished: tuple[Path, float], stages: dict[str, tuple[StageRecord, Arrays]], context: Context
) -> None:
    metrics, facts, section = (
        read_results(finished[0]).metrics,
        stages["generation"][0].facts,
        context.recipe.generation,
    )
    model = load_labelled_dbn(finished[0] / "seed-0" / "models" / "labelled.safetensors")
    judge, wanted = context.contestants["ffnn"], context.test.required_labels()
    labels = torch.arange(3).repeat_interleave(section.of_each_class)
    random = context.random("labels")
    seen = Labelled(context.features[-1], context.training.required_labels(), 3)
    top = LabelledRBM(Bernoulli(8), 3, Bernoulli(section.labels.hidden), random)
    list(Pretraining(DBN([top.rbm]), seen, section.labels.training, random=random).epochs())
    made = labelled_fantasies(model, labels, random, section.steps)
    taken = [float((predict(judge, made)[labels == n] == n).double().mean()) for n in range(3)]
    real = [float((predict(judge, context.test_pixels)[wanted == n] == n).double().mean()) for n in range(3)]
    assert facts["of_each_class"]["taken"] == pytest.approx(taken)
    assert facts["of_each_class"]["real"] == pytest.approx(real)
    assert metrics["of_each_class/taken"].mean == pytest.approx(np.mean(taken) / np.mean(real))
    assert metrics["of_each_class/least_taken"].mean == pytest.approx(min(np.divide(taken, real)))
    apart = [
        float(torch.pdist(made[labels == n]).mean() / torch.pdist(context.test_pixels[wanted == n]).mean())
        for n in range(3)
    ]
    assert metrics["of_each_class/spread"].mean == pytest.approx(np.mean(apart), rel=1e-4)
    shares = np.array(facts["fantasies"]["taken"]), np.array(facts["fantasies"]["real"])
    assert shares[0].sum() == pytest.approx(1)
    assert metrics["fantasies/unevenness"].mean == pytest.approx(np.abs(shares[0] - shares[1]).sum() / 2)
    random = context.random("generation")
    dreams = predict(judge, fantasies(context.dbn, section.fantasies, random, section.steps))
    np.testing.assert_allclose(shares[0], np.bincount(dreams.numpy(), minlength=3) / len(dreams))


def test_a_judge_that_errs_is_compared_with_its_errors_on_test_images(context: Context) -> None:
    wanted, found = context.test.required_labels(), Findings()
    of_test = torch.where(torch.arange(len(wanted)) % 4 == 0, 2, wanted)  # takes a fourth of all for class 2
    made = torch.stack([context.test_pixels[wanted == number][:6] for number in range(3)]).flip(0)  # as 2, 1, 0
    _judge_classes(context, made, of_test, found)
    taken = found.facts["of_each_class"]["taken"]
    real = [float((of_test[wanted == number] == number).double().mean()) for number in range(3)]
    assert found.facts["of_each_class"]["real"] == pytest.approx(real)
    assert found.metrics["of_each_class/taken"] == pytest.approx(np.mean(taken) / np.mean(real))
    assert np.mean(real) < 0.9 and taken[1] > 0.5 > taken[0]


def test_saved_models_know_the_shape_of_an_image(finished: tuple[Path, float]) -> None:
    for name in ("dbn", "labelled"):
        with safe_open(finished[0] / "seed-0" / "models" / f"{name}.safetensors", "pt") as file:
            assert any("[3, 4]" in text for text in file.metadata().values())


def test_checkpoints_are_written_while_a_training_runs(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        pass

    class Stopper(Silent):
        def step(self, done: int, total: int, line: str) -> None:
            lines.append(line)
            if len(lines) == stop:
                raise Stopped

    def context_(folder: str) -> Context:
        return Context(recipe, real_valued(), 0, torch.device("cpu"), FP32, tmp_path / folder, Stopper())

    monkeypatch.setattr(resumption, "_SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    lines: list[str] = []
    stop: Any = 5
    with pytest.raises(Stopped):
        pretraining(context_("run"))
    lines, stop = [], None
    pretraining(context_("run"))
    assert lines[0].startswith("layer 1 epoch 6 ")  # the fifth was saved before it was told of
    again, lines = lines, []
    pretraining(context_("whole"))
    assert lines[5:] == again
