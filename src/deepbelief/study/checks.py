"""Checks that a recipe fits its data, before any work is done; and chooses the training images of a seed."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import psutil

from deepbelief.data import Dataset, Images
from deepbelief.data.image_source import ImageSource
from deepbelief.errors import SettingsError
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.randomness import Random
from deepbelief.study.recipe import Recipe
from deepbelief.system.processes import here

_BYTES: Final = 4  # of a number in float32


def split(recipe: Recipe, dataset: Dataset, seed: int) -> tuple[ImageSource, Images]:
    """The training images that a seed learns from, and those that it holds out; the latter may be none.

    Raises:
        SettingsError: this number of images cannot be held out.
    """
    if recipe.data.train_images is None:
        return dataset.split(recipe.data.validation, seed)
    kept, aside = dataset.split_rows(recipe.data.validation, seed)
    chosen = Random(seed, "subset").permutation(len(kept))[: recipe.data.train_images]
    return dataset.train.set_aside(kept[chosen.sort().values], aside)


def check_fit(recipe: Recipe, dataset: Dataset, seed: int) -> None:
    """Refuse a recipe that cannot be followed on these data.

    Raises:
        SettingsError: the images for validation, the classes, the size of a batch, the example to attack or the kind
            of the visible units do not fit the data; or several processes cannot learn together by these settings.
    """
    dataset.check_split(recipe.data.validation, seed)
    training = dataset.train
    if recipe.data.train_images is not None:
        training, _ = split(recipe, dataset, seed)
    items = len(training) - (recipe.data.validation if recipe.data.train_images is None else 0)
    if dataset.labelled:
        _check_classifiers(recipe, dataset, training, items)
    elif items < 2:
        raise SettingsError(
            f"there is a single training image of {dataset.name}, and a network learns what several share: add "
            f"images{_or_more(recipe)}."
        )
    for name, settings in _trainings(recipe, dataset):
        settings.check_processes(here(), ())
        if settings.drop_last and items < settings.batch_size:
            raise SettingsError(
                f"{items} training images fill no batch of {settings.batch_size}: make {name}.batch_size smaller, or "
                f"set {name}.drop_last to false."
            )
    _check_values(recipe, dataset)
    _check_memory(recipe, dataset)


def _check_classifiers(recipe: Recipe, dataset: Dataset, training: ImageSource, items: int) -> None:
    """Refuse training images that are all alike for classifiers, and an example to attack that is not there."""
    low, high = (int(end) for end in training.required_labels().aminmax())
    if low == high:
        raise SettingsError(
            f"the training images of {dataset.name}, {items} in number, are all of class "
            f"{dataset.class_names[low]}, and classifiers learn from two or more: add images of another "
            f"class{_or_more(recipe)}."
        )
    if recipe.attack.example is not None and recipe.attack.example >= len(dataset.test):
        raise SettingsError(
            f"attack.example = {recipe.attack.example} is not among the {len(dataset.test)} test images of "
            f"{dataset.name}, counted from 0."
        )


def _or_more(recipe: Recipe) -> str:
    return "" if recipe.data.train_images is None else ", or set data.train_images higher"


def _trainings(recipe: Recipe, dataset: Dataset) -> Iterator[tuple[str, RBMSettings]]:
    """The settings of every RBM of a study, and their names in a recipe; the last one sees labels."""
    yield from (("pretraining", settings) for settings in recipe.pretraining)
    if dataset.labelled:
        yield "generation.labels.training", recipe.generation.labels.training


def _check_values(recipe: Recipe, dataset: Dataset) -> None:
    """Refuse values that the visible units cannot take."""
    low, high = dataset.bounds
    if low >= 0 and high <= 1:
        return
    told = f"the values of {dataset.name} range from {low:g} to {high:g}"
    if recipe.dbn.visible == "bernoulli":
        raise SettingsError(
            f'{told}, and Bernoulli units see 0 to 1: set dbn.visible to "gaussian", or scale the values to lie from 0 '
            "to 1."
        )
    if recipe.pretraining[0].binarise:
        raise SettingsError(f"{told} and are no probabilities to draw from: set pretraining.binarise to false.")


def _check_memory(recipe: Recipe, dataset: Dataset) -> None:
    """Refuse sizes that do not fit the machine's memory; otherwise a study would fail late."""
    available = psutil.virtual_memory().total
    for name, numbers in _numbers_in_memory(recipe, dataset):
        if numbers * _BYTES > available:
            raise SettingsError(
                f"{name} asks for {numbers * _BYTES / 2**30:,.0f} GiB of memory, and the machine has "
                f"{available / 2**30:,.0f}: set it lower."
            )


def _numbers_in_memory(recipe: Recipe, dataset: Dataset) -> Iterator[tuple[str, int]]:
    """Settings, and how many weights or states of units each of them asks for at the least."""
    width, classes, section = dataset.train.width, len(dataset.class_names), recipe.generation
    layers = [width, *recipe.dbn.hidden]
    seen = layers[-1] + classes
    yield "dbn.hidden", _weights([*layers, classes])
    units = [low + high for low, high in pairwise(layers)]
    if dataset.labelled:
        yield "baseline.hidden", _weights([width, *recipe.baseline.hidden, classes])
        yield "generation.labels.hidden", seen * section.labels.hidden
        yield "generation.of_each_class", classes * section.of_each_class * max(seen, width)
        units.append(seen + section.labels.hidden)
    for (name, settings), size in zip(_trainings(recipe, dataset), units, strict=True):
        yield f"{name}.persistent_chains", settings.persistent_chains * settings.tempering.temperatures * size
    top = layers[-2] + layers[-1]
    yield "generation.chains", section.chains * top
    yield "generation.fantasies", section.fantasies * max(top, width)


def _weights(sizes: Sequence[int]) -> int:
    return sum(low * high for low, high in pairwise(sizes))
