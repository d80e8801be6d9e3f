"""Studies of small, one-sided, constant and real-valued data: they work to the last page, or are refused before."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepbelief.data import Dataset, Images, load_dataset
from deepbelief.errors import SettingsError
from deepbelief.learning.backprop.classifier import MinibatchTraining
from deepbelief.models.feedforward import FeedForward
from deepbelief.models.views import encode_source
from deepbelief.report import style
from deepbelief.report.page import build_report
from deepbelief.study.context import Context
from deepbelief.study.progress import Silent
from deepbelief.study.recipe import Recipe, parse_recipe
from deepbelief.study.records import read_stage
from deepbelief.study.run import Study
from deepbelief.system.precision import FP32

RECIPE = """
title = "As small as can be"
precision = "fp32"
[data]
validation = {validation}
[dbn]
hidden = [6, 4]
visible = "{visible}"
[pretraining]
epochs = 2
batch_size = 500
learning_rate = 0.01
[readouts]
method = "converged"
l2 = [1e-4]
max_iterations = 20
[baseline]
hidden = [4]
[baseline.training]
method = "minibatch"
epochs = 2
batch_size = 500
learning_rate = 0.01
patience = 0
[finetuning]
epochs = 2
learning_rate = 0.01
patience = 0
[noise]
levels = [0.0, 0.3]
[attack]
epsilons = [0.0, 0.1]
pgd = {{ epsilons = [0.1], steps = 2 }}
[defence]
steps = [1]
[generation]
fantasies = 2
steps = 4
inpainted = 50
temperatures = 5
chains = 4
[generation.labels]
hidden = 4
[generation.labels.training]
epochs = 1
"""


def recipe(visible: str = "bernoulli", validation: int = 0, **more: str) -> Recipe:
    """The recipe with more settings in sections of these names, in which `_` stands for a dot."""
    text = RECIPE.format(visible=visible, validation=validation)
    for section, setting in more.items():
        header = f"[{section.replace('_', '.')}]\n"
        assert header in text
        text = text.replace(header, f"{header}{setting}\n")
    return parse_recipe(text, "small.toml")


def part(labels: list[int], width: int, real: bool = False, **values: Any) -> Images:
    """Images that tell their class by brightness; `values` may give the pixels."""
    noise = torch.rand(len(labels), width, generator=torch.Generator().manual_seed(len(labels)))
    pixels = values.get("pixels", noise + torch.tensor(labels)[:, None])
    kept = 9 * pixels - 40 if real else (60 * pixels).to(torch.uint8)
    return Images(kept, 1.0 if real else 255.0, torch.tensor(labels), real)


def dataset(
    train: list[int], test: list[int], shape: tuple[int, ...] = (3, 4), classes: int = 3, **more: Any
) -> Dataset:
    width = int(np.prod(shape))
    names = tuple(f"kind {number}" for number in range(classes))
    return Dataset("small", part(train, width, **more), part(test, width, **more), shape, names)


FLAT = {"pixels": torch.full((12, 12), 0.5)}
SMALL = {
    "8 training images of two of three classes, one test image": (recipe(), dataset([0, 2] * 4, [1])),
    "vectors, a class that is never tested": (recipe(validation=3), dataset([0, 1, 2] * 4, [0, 2] * 6, shape=(30,))),
    "constant real values": (recipe("gaussian"), dataset([0, 1] * 6, [0, 1] * 6, classes=2, real=True, **FLAT)),
}


@pytest.mark.filterwarnings("ignore:class . of 0 to 2 never occurs:deepbelief.errors.DataWarning")
@pytest.mark.parametrize("name", SMALL)
def test_small_and_one_sided_data_make_a_study_and_its_report(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "DPI", 20)
    settings, data = SMALL[name]
    results = Study("small", settings, data, tmp_path / "run").run()
    assert all(np.isfinite(metric.mean) for metric in results.metrics.values())
    text = build_report(tmp_path / "run").read_text(encoding="utf-8")
    assert " nan" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", text).lower()
    neighbours = min(10, len(data.train) - settings.data.validation)
    assert f"Share of the {neighbours} nearest training images" in text
    learnt, tested = ({data.class_names[label] for label in part.labels} for part in (data.train, data.test))
    clusters, _ = read_stage(tmp_path / "run" / "seed-0" / "stages", "clusters")
    assert clusters.facts["class_names"] == sorted(learnt)
    assert not any(f"hardest to recognise is {kind}" in text for kind in {*data.class_names} - tested)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """A finished study of real-valued vectors."""
    settings, data = recipe("gaussian", 3), dataset([0, 1, 2] * 20, [0, 1, 2] * 6, shape=(30,), real=True)
    folder = tmp_path_factory.mktemp("real") / "run"
    Study("small", settings, data, folder).run()
    return Context(settings, data, 0, torch.device("cpu"), FP32, folder / "seed-0", Silent())


def test_every_stage_sees_the_features_that_encoding_gives(real: Context) -> None:
    """The standardisation is that of the training images, and every layer's features are computed with it."""
    assert real.dbn.standardisation is not None
    for layer in (1, 2):
        features = real.features[layer - 1].batch(slice(None))
        assert torch.equal(features, encode_source(real.dbn, real.training, layer))
        assert float(features.std(dim=0).max()) > 0.01
        record, _ = read_stage(real.folder / "stages", "features")
        assert record.metrics[f"mean_activation/layer_{layer}"] == pytest.approx(
            float(features.double().mean()), rel=1e-12
        )


def test_the_networks_of_a_study_of_real_values_learn_from_standardised_ones(real: Context) -> None:
    """Values around -30 would tell an ordinary start nothing; what is compared is the same for all contestants."""
    values = real.test_pixels
    z = real.dbn.encode(values, 0)
    assert torch.equal(real.contestants["ffnn"](values), real.network("ffnn")(z))
    assert torch.equal(real.standardised(real.test).batch(slice(0, len(real.test))), z)
    again = FeedForward([30, 4, 3], torch.relu, real.random("ffnn"))
    training = real.standardised(real.training), real.training.required_labels()
    list(
        MinibatchTraining(again, training, real.recipe.baseline.training, random=real.random("ffnn/training")).epochs()
    )
    assert torch.equal(again(z), real.network("ffnn")(z))
    assert float(z.abs().max()) < 10 < float(values.abs().max())


def test_noise_and_attacks_are_shares_of_the_range_of_the_data(real: Context) -> None:
    low, high = real.bounds
    assert (low, high) == (float(real.dataset.train.pixels.min()), float(real.dataset.train.pixels.max()))
    assert real.picture(torch.tensor([[low] * 15 + [high] * 15])).tolist() == [[[0.0] * 15 + [1.0] * 15]]
    _, arrays = read_stage(real.folder / "stages", "gradient_attack")
    change = arrays["perturbed_ffnn"] - arrays["original"].clip(0, 1)
    assert np.abs(change).max() == pytest.approx(real.recipe.attack.example_epsilon, abs=1e-5)
    images, found = real.test_pixels[real.pgd_rows], real.pgd_images("ffnn", 0.1)
    assert low <= float(found.min()) and float(found.max()) <= high
    inside = (images >= low) & (images <= high)
    assert float((found - images)[inside].abs().max()) == pytest.approx(0.1 * (high - low), rel=1e-4)
    _, arrays = read_stage(real.folder / "stages", "psychometric")
    assert 0.1 < (arrays["examples_unclipped"][1] - arrays["examples_unclipped"][0]).std() < 0.6  # of level 0.3
    assert arrays["examples_clipped"].min() >= 0 and arrays["examples_clipped"].max() <= 1
    fields = read_stage(real.folder / "stages", "receptive_fields")[1]["layer_1"]  # weights, and no data
    assert (fields.min(), fields.max()) == (0, 1)
    record, _ = read_stage(real.folder / "stages", "data")
    assert 0 < record.facts["pixel_mean"] < 1


ONE_CLASS = "all of class kind 1, and classifiers learn from two or more: add images of another class"


@pytest.mark.parametrize(
    ("settings", "data", "message"),
    [
        (recipe(), dataset([1] * 8, [0, 1]), ONE_CLASS),
        (recipe(), dataset([1], [0]), ONE_CLASS),
        (recipe(data="train_images = 1"), dataset([0, 1, 2], [0]), "or set data.train_images higher"),
        (recipe(validation=12), dataset([0, 1, 2] * 4, [0]), "12 of the 12 training images of small cannot be set"),
        (recipe(attack="example = 3"), dataset([0, 1], [0, 1, 0]), "not among the 3 test images of small"),
        (
            recipe(data="train_images = 6", generation_labels_training="drop_last = true"),
            dataset([0, 1] * 100, [0]),
            "6 training images fill no batch of 128: make generation.labels.training.batch_size smaller",
        ),
        (
            recipe(validation=2),
            dataset([0, 1] * 4, [0], real=True),
            '22.0819, and Bernoulli units see 0 to 1: set dbn.visible to "gaussian", or scale the values',
        ),
    ],
)
def test_what_cannot_be_studied_is_refused_before_the_folder_is_claimed(
    settings: Recipe, data: Dataset, message: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as caught:
        Study("small", settings, data, tmp_path / "run").run()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("section", "setting", "message"),
    [
        ("baseline", "hidden = [1000000, 1000000]", "baseline.hidden asks for"),
        ("generation_labels", "hidden = 100000000000", "generation.labels.hidden asks for"),
        (
            "generation_labels_training",
            "persistent_chains = 10000000000",
            "generation.labels.training.persistent_chains",
        ),
        ("generation", "chains = 10000000000", "generation.chains asks for"),
        ("generation", "fantasies = 10000000000", "generation.fantasies asks for"),
        ("generation", "of_each_class = 10000000000", "generation.of_each_class asks for"),
        ("dbn", "hidden = [10, 100000000000]", "dbn.hidden asks for"),
        ("pretraining", "persistent_chains = 10000000000", "pretraining.persistent_chains asks for"),
    ],
)
def test_what_no_memory_holds_is_refused_before_any_work(
    tmp_path: Path, section: str, setting: str, message: str
) -> None:
    header, name = f"[{section.replace('_', '.')}]\n", setting.split(" ")[0]
    start = RECIPE.index(header) + len(header)
    end = RECIPE.find("\n[", start) % len(RECIPE)
    kept = [line for line in RECIPE[start:end].splitlines() if not line.startswith(name)]
    text = RECIPE[:start] + "\n".join([setting, *kept]) + RECIPE[end:]
    wanted = parse_recipe(text.format(visible="bernoulli", validation=0), "large.toml")
    with pytest.raises(
        SettingsError, match=rf"{message}.* GiB of memory, and the machine has .*: set it lower"
    ) as raised:
        Study("large", wanted, load_dataset("digits"), tmp_path / "run").run()
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()
