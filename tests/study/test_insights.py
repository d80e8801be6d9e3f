"""What the stages about units and maps find, worked out a second time; their DBN sees real values from -1 to 3."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deepbelief.data import Dataset
from deepbelief.data.split import choose_rows
from deepbelief.insight import (
    maximise_activation,
    nearest_others,
    principal_components,
    receptive_fields,
    scaled_each,
    top_down_effects,
    weights_to_pixels,
)
from deepbelief.study.context import Context
from deepbelief.study.insights import deep_receptive_fields, encoding, receptive_fields_of_pixels
from deepbelief.study.progress import Silent
from deepbelief.study.recipe import EmbeddingsSection, ReceptiveFieldSection, Recipe, load_recipe, parse_recipe
from deepbelief.study.training import pretraining
from deepbelief.system.precision import FP32
from tests.study.test_stages import real_valued
from tests.study.test_wiring import RECIPE

UNITS = ReceptiveFieldSection(
    threshold=0.02, units=6, choice="strongest", scale="each", deep_views=("weights", "maximised", "top-down")
)
STAGES = {1: receptive_fields_of_pixels, 2: deep_receptive_fields}  # of which layer


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """Pictures of units and maps of images as in the recipe `default`, but smaller."""
    text = RECIPE.replace("hidden = [10, 8], ", 'hidden = [10, 8], visible = "gaussian", ')
    sections = {"receptive_fields": UNITS, "embeddings": EmbeddingsSection(images=21)}
    return parse_recipe(text.replace(", patience = 2", ", learning_rate = 0.05"), "made up").model_copy(update=sections)


@pytest.fixture(scope="module")
def folder(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a seed whose DBN is trained."""
    folder = tmp_path_factory.mktemp("insights")
    pretraining(context(folder, recipe))
    return folder


def context(folder: Path, recipe: Recipe, data: Dataset | None = None) -> Context:
    return Context(recipe, data or real_valued(), 0, torch.device("cpu"), FP32, folder, Silent())


@pytest.mark.parametrize("layer", STAGES)
def test_the_strongest_units_are_drawn_each_by_itself(recipe: Recipe, folder: Path, layer: int) -> None:
    one = context(folder, recipe)
    added = one.dbn.layer(layer).weights[:, None] * one.features[layer - 1].batch(
        slice(None)
    )  # (visible, items, hidden) to fields below
    strongest = added.var(dim=1).sum(dim=0).argsort(descending=True)[:6]
    found = STAGES[layer](one)
    assert found.arrays[f"units_{layer}"].tolist() == strongest.tolist() != list(range(6))
    weights = weights_to_pixels(one.dbn, layer, UNITS.threshold)[strongest]
    expected = 0.5 + weights / (2 * weights.abs().amax(dim=1, keepdim=True))
    np.testing.assert_allclose(found.arrays[f"layer_{layer}"].reshape(6, -1), expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("layer", STAGES)
def test_the_first_units_are_drawn_alike_as_published(recipe: Recipe, folder: Path, layer: int) -> None:
    one = context(folder, recipe.model_copy(update={"receptive_fields": ReceptiveFieldSection(units=7)}))
    found = STAGES[layer](one)
    assert set(found.arrays) == {f"units_{layer}", f"layer_{layer}"}
    assert found.arrays[f"units_{layer}"].tolist() == list(range(7))
    np.testing.assert_array_equal(found.arrays[f"layer_{layer}"], one.shaped(receptive_fields(one.dbn, layer)[:7]))


def test_deep_units_are_drawn_as_what_excites_them_and_what_they_make(recipe: Recipe, folder: Path) -> None:
    one = context(folder, recipe)
    arrays, images = deep_receptive_fields(one).arrays, one.training.batch(slice(None))
    units = torch.from_numpy(arrays["units_2"])
    excites = one.picture(maximise_activation(one.dbn, 2, units, images, one.bounds))
    np.testing.assert_allclose(arrays["maximised_2"], excites, atol=1e-5)
    assert excites.min() >= 0 and excites.max() <= 1 and excites.std() > 0.1
    rows = one.random("top-down").permutation(len(images))[:50]
    effects = top_down_effects(one.dbn, 2, units, one.dbn.encode(images[rows]))
    np.testing.assert_allclose(arrays["top_down_2"], one.shaped(scaled_each(effects)), atol=1e-4)


def test_maps_show_each_class_by_its_share(recipe: Recipe, folder: Path) -> None:
    one = context(folder, recipe)
    found, rows = encoding(one), choose_rows(one.test.required_labels(), 21, one.random("embeddings")).sort().values
    labels = torch.from_numpy(found.arrays["embedded_labels"])
    assert torch.equal(labels, one.test.required_labels()[rows])
    assert torch.bincount(labels).tolist() == [7, 7, 7]
    pixels = one.test_pixels[rows]
    for name, values in {
        "pixels": pixels,
        "layer_1": one.dbn.encode(pixels, 1),
        "layer_2": one.dbn.encode(pixels),
    }.items():
        points, variance = principal_components(values)
        maps = {"full": values, "pca": points, "tsne": torch.from_numpy(found.arrays[f"tsne_{name}"])}
        np.testing.assert_allclose(found.arrays[f"pca_{name}"], points, atol=1e-3)
        assert found.metrics[f"embedding_variance/{name}"] == pytest.approx(variance)
        for kind, placed in maps.items():
            near = labels[nearest_others(placed, 10)]
            expected = float((near == labels[:, None]).double().mean())
            assert found.metrics[f"embedding_precision/{kind}/{name}"] == pytest.approx(expected)


def test_there_are_no_maps_of_no_images_or_of_a_single_one(recipe: Recipe, folder: Path) -> None:
    one_image = replace(real_valued(), test=real_valued().test.subset(torch.tensor([3])))
    for data, images in ((real_valued(), 0), (one_image, 5)):
        settings = recipe.model_copy(update={"embeddings": EmbeddingsSection(images=images)})
        found = encoding(context(folder, settings, data))
        assert not [name for name in [*found.arrays, *found.metrics] if "embed" in name or "tsne" in name]


def test_the_reference_recipe_keeps_the_published_pictures() -> None:
    published = load_recipe("reference")[1]
    assert published.receptive_fields == ReceptiveFieldSection(
        threshold=0.1, units=100, choice="first", scale="alike", deep_views=("weights",)
    )
    assert published.embeddings.images == 0
