"""A finished study, ready to use: its recipe, its results, and the models and classifiers that it trained."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from pydantic import ValidationError
from torch import nn

from deepbelief.arrays import Classifier
from deepbelief.checkpoint import load_dbn, load_labelled_dbn, load_network
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward
from deepbelief.models.labelled import LabelledDBN
from deepbelief.models.readout import ReadoutClassifier
from deepbelief.study.recipe import Recipe
from deepbelief.study.records import Results, read_results


@final
@dataclass(frozen=True, eq=False)
class Run:
    """One seed of a finished study."""

    recipe: Recipe
    results: Results
    """What all seeds of the study measured."""
    seed: int
    dbn: DBN
    """As it was pre-trained."""
    labelled: LabelledDBN | None
    """The DBN with the RBM on top that sees labels; None if the data of the study have no labels."""
    classifiers: dict[str, Classifier]
    """By the names of `Recipe.contestants`: images (batch, width), as in the data set -> logits (batch, classes).

    There are none if the data of the study have no labels.
    """


def load_run(folder: Path | str, seed: int | None = None, device: torch.device | str = "cpu") -> Run:
    """Load a finished study from its folder.

    Args:
        folder: of the run, such as "runs/default".
        seed: which of its seeds; the first one if None.
        device: where the models are put.

    Raises:
        SettingsError: the study has no such seed.
        DeepBeliefError: the folder holds no finished study, or a file in it is damaged.
    """
    folder = Path(folder)
    results = read_results(folder)
    if seed is not None and seed not in results.seeds:
        raise SettingsError(f"{folder} has no seed {seed}: give one of {', '.join(map(str, results.seeds))}.")
    chosen = results.seeds[0] if seed is None else seed
    recipe = recipe_of(folder, results)
    models = folder / f"seed-{chosen}" / "models"
    dbn = load_dbn(models / "dbn.safetensors").to(device).requires_grad_(False)
    if not results.contestants:
        return Run(recipe, results, chosen, dbn, None, {})
    labelled = load_labelled_dbn(models / "labelled.safetensors").to(device).requires_grad_(False)

    def network(name: str) -> FeedForward:
        return load_network(models / f"{name}.safetensors").to(device).requires_grad_(False)

    return Run(recipe, results, chosen, dbn, labelled, classifiers(recipe, dbn, network))


def recipe_of(folder: Path, results: Results) -> Recipe:
    """The recipe of a finished study, from the results in its folder.

    Raises:
        DeepBeliefError: it has settings that there are no longer.
    """
    try:
        return Recipe.model_validate({"title": results.title, "published": results.published, **results.settings})
    except ValidationError:
        raise DeepBeliefError(f"{folder} is a study of another version of deepbelief: run it again.") from None


def classifiers(recipe: Recipe, dbn: DBN, network: Callable[[str], FeedForward]) -> dict[str, Classifier]:
    """The trained classifiers of a study by name, each a differentiable function from images to logits."""
    return {name: classifier_of(recipe, dbn, name, network(name)) for name in recipe.contestants}


def classifier_of(recipe: Recipe, dbn: DBN, name: str, network: FeedForward) -> Classifier:
    """The contestant of this name, whose network sees features or images, as a function from images to logits."""
    layers = recipe.layers_seen_by(name)
    return ReadoutClassifier(dbn, layers, network) if layers else with_standardisation(dbn, network)


def with_standardisation(dbn: DBN, network: FeedForward) -> Classifier:
    """A network that learnt from values as the DBN's first RBM sees them, as a function of the values themselves."""
    return network if dbn.standardisation is None else nn.Sequential(dbn.standardisation, network)
