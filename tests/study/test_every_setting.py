"""Every setting of a recipe changes what the stage that it belongs to finds, or the models that it leaves."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import BaseModel
from safetensors.numpy import load_file

from deepbelief.data import Dataset, Images
from deepbelief.randomness import Random
from deepbelief.study.context import Context
from deepbelief.study.progress import Silent
from deepbelief.study.recipe import Recipe, parse_recipe
from deepbelief.study.stages import STAGES
from deepbelief.system.precision import FP32

RECIPE = """
title = "A little of everything"
data.validation = 20
dbn = { hidden = [7, 5], weight_std = 0.5 }
pretraining = { epochs = 2, batch_size = 20, gibbs_steps = 2 }
readouts = { method = "converged", l2 = [0.01], max_iterations = 5 }
baseline = { hidden = [5], training = { method = "minibatch", epochs = 2, batch_size = 20, patience = 0 } }
finetuning = { epochs = 2, batch_size = 20, patience = 0 }
random_start = { epochs = 2, batch_size = 20, patience = 0 }
robust_readout = { l2 = [0.3], max_iterations = 5 }
all_layers.mlp_head = { hidden = [5], training = { epochs = 2, batch_size = 20, patience = 0 } }
receptive_fields = { threshold = 0.1, units = 4 }
development = { epochs = [0, 1], images = 30, levels = [0.5], l2 = 0.01 }
noise = { levels = [0.0, 0.3], uniform_epsilon = 0.3 }
attack = { epsilons = [0.0, 0.1], example_epsilon = 0.1, pgd = { images = 20, steps = 3, epsilons = [0.1] } }
defence.steps = [1]
embeddings.images = 6
[generation]
fantasies = 2
of_each_class = 2
steps = 4
inpainted = 2
temperatures = 4
chains = 5
images = 6
labels = { hidden = 4, training = { epochs = 1, batch_size = 20 } }
"""
MINIBATCH = {"method": "minibatch", "epochs": 2, "batch_size": 20, "patience": 0, "learning_rate": 0.01}
CHANGES: dict[str, tuple[Any, str]] = {  # another value, and the stage that finds something else
    "data.validation": (30, "pretraining"),
    "data.train_images": (60, "pretraining"),
    "dbn.hidden": ([7, 6], "pretraining"),
    "dbn.visible": ("gaussian", "pretraining"),
    "dbn.weight_std": (0.1, "pretraining"),
    "dbn.training": ("joint", "pretraining"),
    "pretraining.0": ({"epochs": 2, "batch_size": 20}, "pretraining"),
    "pretraining.1": ({"epochs": 2, "batch_size": 20}, "pretraining"),
    "readouts": ({"method": "converged", "l2": [0.1], "max_iterations": 5}, "readouts"),
    "robust_readout": ({"method": "converged", "l2": [0.2], "max_iterations": 5}, "readouts"),
    "baseline.hidden": ([6], "baseline"),
    "baseline.training": (MINIBATCH, "baseline"),
    "finetuning": (MINIBATCH, "finetuning"),
    "random_start": (MINIBATCH, "random_start"),
    "all_layers.mlp_head.hidden": ([6], "mlp_head"),
    "all_layers.mlp_head.training": (MINIBATCH, "mlp_head"),
    "receptive_fields.threshold": (0.9, "receptive_fields"),
    "receptive_fields.units": (3, "deep_receptive_fields"),
    "receptive_fields.choice": ("strongest", "receptive_fields"),
    "receptive_fields.scale": ("each", "deep_receptive_fields"),
    "receptive_fields.deep_views": (["weights", "top-down"], "deep_receptive_fields"),
    "development.epochs": ([0], "development"),
    "development.images": (20, "development"),
    "development.levels": ([1.0], "development"),
    "development.l2": (10.0, "development"),
    "noise.levels": ([0.0, 0.5], "psychometric"),
    "noise.uniform_epsilon": (0.5, "noise_attack"),
    "attack.epsilons": ([0.0, 0.2], "robustness"),
    "attack.example_epsilon": (0.3, "gradient_attack"),
    "attack.example": (5, "gradient_attack"),
    "attack.pgd.images": (10, "robustness"),
    "attack.pgd.steps": (1, "topdown_defence"),
    "attack.pgd.epsilons": ([0.2], "topdown_defence"),
    "defence.steps": ([2], "topdown_defence"),
    "embeddings.images": (7, "encoding"),
    "generation.fantasies": (3, "generation"),
    "generation.of_each_class": (3, "generation"),
    "generation.steps": (5, "generation"),
    "generation.class_steps": (5, "generation"),
    "generation.hidden_samples": (True, "generation"),
    "generation.candidates": (2, "generation"),
    "generation.inpainted": (3, "generation"),
    "generation.labels.hidden": (5, "generation"),
    "generation.labels.training": ({"epochs": 2, "batch_size": 20}, "generation"),
    "generation.temperatures": (5, "generation"),
    "generation.chains": (6, "generation"),
    "generation.images": (7, "generation"),
}
ELSEWHERE = {  # what is no stage's, and where it is tested
    "title": "only told",
    "published": "only told",
    "precision": "test_run.py",
    "compile": "test_run.py",
    "data.name": "the command line loads it: test_cli.py",
}


def images(n: int, seed: int) -> Images:
    random, labels = Random(seed, "images"), torch.arange(n) % 2
    return Images((0.5 * labels[:, None] + 0.5 * random.uniform((n, 12))), 1.0, labels)


def context(folder: Path, recipe: Recipe) -> Context:
    data = Dataset("made up", images(100, 0), images(40, 1), (3, 4), ("a", "b"))
    return Context(recipe, data, 0, torch.device("cpu"), FP32, folder, Silent())


def changed(path: str, value: Any) -> Recipe:
    settings = parse_recipe(RECIPE, "recipe").model_dump()
    settings["pretraining"] = dict(enumerate(settings["pretraining"]))
    *parents, name = path.split(".")
    place: Any = settings
    for parent in parents:
        place = place[parent]
    place[int(name) if "pretraining" in parents else name] = value
    return Recipe.model_validate({**settings, "pretraining": tuple(settings["pretraining"].values())})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the models of the recipe as it stands."""
    folder = tmp_path_factory.mktemp("trained")
    one = context(folder, parse_recipe(RECIPE, "recipe"))
    for name in ("pretraining", "readouts", "mlp_head", "baseline", "finetuning", "random_start"):
        STAGES[name](one)
    return folder


def outcome(trained: Path, folder: Path, stage: str, recipe: Recipe) -> dict[str, Any]:
    """All that a stage finds and leaves, as bytes where they are numbers."""
    shutil.copytree(trained / "models", folder / "models")
    found = STAGES[stage](context(folder, recipe))
    models = {path.name: load_file(path) for path in (folder / "models").rglob("*.safetensors")}
    arrays = {"found": found.arrays, **models}
    numbers = {f"{of}/{name}": array.tobytes() for of, each in arrays.items() for name, array in each.items()}
    return {**numbers, "metrics": found.metrics, "facts": found.facts}


@pytest.mark.parametrize("path", CHANGES)
def test_every_setting_changes_what_is_found(trained: Path, tmp_path: Path, path: str) -> None:
    value, stage = CHANGES[path]
    before = outcome(trained, tmp_path / "before", stage, parse_recipe(RECIPE, "recipe"))
    assert outcome(trained, tmp_path / "after", stage, changed(path, value)) != before


def test_a_stage_that_runs_again_finds_the_same(trained: Path, tmp_path: Path) -> None:
    for stage in {stage for _, stage in CHANGES.values()}:
        recipe = parse_recipe(RECIPE, "recipe")
        one, again = (outcome(trained, tmp_path / stage / name, stage, recipe) for name in ("one", "again"))
        assert one == again, stage


def leaves(section: BaseModel, above: str = "") -> set[str]:
    """The paths of all settings; one of a way to learn counts as one, and `pretraining` has one for each layer."""
    found = set()
    for name in type(section).model_fields:
        value, path = getattr(section, name), f"{above}{name}"
        if isinstance(value, BaseModel):
            found |= leaves(value, f"{path}.")
        else:
            found |= {f"{path}.0", f"{path}.1"} if path == "pretraining" else {path}
    return found


def test_no_setting_is_left_out_above() -> None:
    assert leaves(parse_recipe(RECIPE, "recipe")) == {*CHANGES, *ELSEWHERE}
