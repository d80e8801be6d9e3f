"""The folder of a finished study of real values, made up: its records and models are there, nothing was trained."""

from pathlib import Path

import pytest
import torch

from deepbelief.checkpoint import save_dbn, save_labelled_dbn, save_model
from deepbelief.learning import training_summary
from deepbelief.learning.rbm.records import EpochRecord
from deepbelief.models import DBN, Bernoulli, FeedForward, Gaussian, LabelledDBN, LabelledRBM, Standardisation
from deepbelief.randomness import Random
from deepbelief.study.recipe import Recipe, parse_recipe
from deepbelief.study.records import Metric, Results, write_json

WIDTH, CLASSES = 6, 3
VALUES = {"accuracy/readout_1": [0.7, 0.8], "accuracy/readout_2": [0.8, 0.9], "accuracy/finetuned": [0.9, 0.95]}


@pytest.fixture(scope="session")
def recipe(tiny: str) -> Recipe:
    """Two layers of 20 and 12 units over real values."""
    return parse_recipe(tiny.replace("[dbn]", '[dbn]\nvisible = "gaussian"'), "tiny.toml")


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> Path:
    """Its folder, with the seeds 0 and 3, of which only the second has models."""
    folder = tmp_path_factory.mktemp("runs") / "made-up"
    models, random = folder / "seed-3" / "models", Random(3)
    dbn = DBN.from_units([Gaussian(WIDTH), *map(Bernoulli, recipe.dbn.hidden)], random)
    dbn.standardisation = Standardisation(torch.full((WIDTH,), 10.0), torch.linspace(0, 4, WIDTH))
    record = EpochRecord(1, 1, 0.25, {"reconstruction_error_unit": 0.125})
    training = [training_summary(settings, [record]) for settings in recipe.pretraining]
    save_dbn(models / "dbn.safetensors", dbn, image_shape=[2, 3], epochs=[1, 1], training=training)
    top = LabelledRBM(Bernoulli(dbn.sizes[-1]), CLASSES, Bernoulli(4), random)
    save_labelled_dbn(models / "labelled.safetensors", LabelledDBN(dbn, top))
    for name in recipe.contestants:
        seen = sum(dbn.sizes[layer] for layer in recipe.layers_seen_by(name)) or WIDTH
        network = FeedForward([seen, CLASSES], torch.relu, random)
        save_model(models / f"{name}.safetensors", network, training=[training_summary(recipe.finetuning, [record])])
    results = Results(
        recipe="tiny", title="A tiny study", settings=recipe.model_dump(mode="json", exclude={"title", "published"}),
        published={}, seeds=[3, 0], stages=[], contestants=recipe.contestants,
        metrics={name: Metric.over_seeds(values) for name, values in VALUES.items()},
        data={"name": "digits", "fingerprint": "made up"}, versions={}, machine={},
    )  # fmt: skip
    write_json(folder / "results.json", results)
    return folder
