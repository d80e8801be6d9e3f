"""The contents of a finished study, or of a model's file: what a page can show of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, final

import torch
from torch import nn

from deepbelief.checkpoint import load_model, read_description
from deepbelief.data import Dataset, Images, load_dataset
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.models import DBN, FeedForward, LabelledDBN, ReadoutClassifier
from deepbelief.models.units import Bernoulli, Gaussian
from deepbelief.pretrained.model import LABELLED, Pretrained
from deepbelief.progress import Progress
from deepbelief.report.text import contestant_name
from deepbelief.study.loading import load_run
from deepbelief.study.records import SPELT, Results, read_stage, stage_file

Curves = dict[str, dict[str, object]]
LABELLED_TITLE: Final = "RBM with labels"
"""What it is called on the page."""

_TITLES: Final = {"all_layers": "read-out of all layers", "mlp_head": "network on all layers"}
"""Of contestants that the report, which explains them, calls more briefly."""


@final
@dataclass(frozen=True)
class Contestant:
    """A classifier by name: a network that sees hidden layers of the DBN, or the image if `seen` is empty."""

    name: str
    network: FeedForward
    seen: tuple[int, ...] = ()

    @property
    def linear(self) -> bool:
        """Whether it is a linear read-out of the DBN."""
        return bool(self.seen) and len(self.network.sizes) == 2

    @property
    def title(self) -> str:
        """What it is called on the page."""
        return _TITLES.get(self.name) or contestant_name(self.name)


@final
@dataclass(frozen=True, eq=False)
class Found:
    """What there is to show: a DBN at least."""

    title: str
    dbn: DBN
    image_shape: tuple[int, int]
    bounds: tuple[float, float] = (0.0, 1.0)
    classes: tuple[str, ...] = ()
    contestants: tuple[Contestant, ...] = ()
    labelled: LabelledDBN | None = None
    images: Images | None = None
    """Test images, on the scale of the data; with labels if there are classes."""
    curves: Curves = field(default_factory=dict)
    recipe: str = ""
    seed: int | None = None

    def classifiers(self) -> dict[str, nn.Module]:
        """All classifiers by name, each from images (batch, width) to logits (batch, classes)."""
        found: dict[str, nn.Module] = {}
        for one in self.contestants:
            if one.seen:
                found[one.name] = ReadoutClassifier(self.dbn, one.seen, one.network)
            else:
                scaling = self.dbn.standardisation
                found[one.name] = one.network if scaling is None else nn.Sequential(scaling, one.network)
        return found | ({} if self.labelled is None else {LABELLED: self.labelled})

    def only(self, name: str) -> "Found":
        """The same with one contestant alone."""
        return replace(self, contestants=tuple(one for one in self.contestants if one.name == name), labelled=None)

    def standing_on_dbn(self) -> "Found":
        """The same without the contestants that see images."""
        return replace(self, contestants=tuple(one for one in self.contestants if one.seen))

    def with_models(self, dbn: DBN, labelled: LabelledDBN | None, contestants: tuple[Contestant, ...]) -> "Found":
        """The same with other models."""
        return replace(self, dbn=dbn, labelled=labelled, contestants=contestants)


def find_run(
    folder: Path, seed: int | None = None, dataset: Dataset | None = None, progress: Progress | None = None
) -> Found:
    """What a finished study has. Its test images are loaded if no data set is given, and as few as recorded without it.

    Raises:
        SettingsError: the study has no such seed, or units that a page does not know.
        DeepBeliefError: the folder holds no finished study, or a file in it is damaged.
    """
    run = load_run(folder, seed)
    record, _ = read_stage(stage_file(folder, run.seed, "data").parent, "data")
    low, high = (float(bound) for bound in record.facts["bounds"])
    data = dataset or _dataset(run.recipe.data.name, run.recipe.dbn.visible == "gaussian", run.results, progress)
    networks = {
        name: classifier.readout if isinstance(classifier, ReadoutClassifier) else _network(classifier)
        for name, classifier in run.classifiers.items()
    }
    name = str(record.facts["name"])
    found = Found(
        _title(name),
        run.dbn,
        _image_shape(tuple(record.facts["image_shape"])),
        (low, high),
        tuple(map(str, record.facts["class_names"])),
        tuple(Contestant(name, one, run.recipe.layers_seen_by(name)) for name, one in networks.items()),
        run.labelled,
        _recorded_images(folder, run.seed, (low, high)) if data is None else data.test,
        _curves(run.results),
        run.results.recipe,
        run.seed,
    )
    return _checked(found, folder)


def find_model(path: Path, images: Images | None = None) -> Found:
    """What a model's file has: a DBN, one with labels on top, or one with a read-out.

    Raises:
        SettingsError: the file holds another kind of model, or units that a page does not know.
        DeepBeliefError: the file is missing or damaged.
    """
    return _checked(of_model(load_model(path), path, images), path)


def of_model(model: nn.Module, path: Path, images: Images | None = None) -> Found:
    """The parts of a model that was loaded from this file."""
    model.requires_grad_(False)
    shape = read_description(path).get("image_shape")
    if isinstance(model, LabelledDBN):
        found = Found(path.stem, model.below, _shape_of(shape, model.below), labelled=model, images=images)
        classes = model.classes
    elif isinstance(model, ReadoutClassifier):
        name = f"readout_{model.layers[0]}" if len(model.layers) == 1 else "all_layers"
        contestant = Contestant(name, model.readout, model.layers)
        shape = _shape_of(shape, model.dbn)
        found = Found(path.stem, model.dbn, shape, contestants=(contestant,), images=images)
        classes = model.readout.sizes[-1]
    elif isinstance(model, DBN):
        return Found(path.stem, model, _shape_of(shape, model), images=images)
    else:
        raise SettingsError(
            f"{path} holds a {type(model).__name__}, which a page cannot show: give a study's folder, or the file of a "
            "DBN, of one with labels, or of a read-out of one."
        )
    return replace(found, classes=tuple(map(str, range(classes))))


def of_pretrained(model: Pretrained) -> Found:
    """The parts of a pretrained model."""
    return Found(
        _title(model.name),
        model.dbn,
        model.image_shape,
        classes=model.class_names,
        contestants=tuple(
            Contestant(f"readout_{layer}", one.readout, one.layers) for layer, one in enumerate(model.readouts, start=1)
        ),
        labelled=model.labelled,
        images=model.images,
        curves=dict(model.curves),
    )


def _title(name: str) -> str:
    return f"What a deep belief network has learnt from {SPELT.get(name, name)}"


def _network(classifier: object) -> FeedForward:
    """The network of a contestant that sees images, without what standardises them."""
    network = classifier[-1] if isinstance(classifier, nn.Sequential) else classifier
    assert isinstance(network, FeedForward)
    return network


def _dataset(name: str, real: bool, results: Results, progress: Progress | None) -> Dataset | None:
    """The data that the study was made of, or None where they cannot be had any more, or are others by now."""
    try:
        found = load_dataset(name, real=real, progress=progress)
    except DeepBeliefError:
        return None
    return found if found.fingerprint == results.data.get("fingerprint") else None


def _recorded_images(folder: Path, seed: int, bounds: tuple[float, float]) -> Images | None:
    """The few test images that the study's records hold."""
    try:
        _, arrays = read_stage(stage_file(folder, seed, "samples").parent, "samples")
    except DeepBeliefError:
        return None
    pixels = torch.from_numpy(arrays["test_grid"]).flatten(1).float()
    labels = torch.from_numpy(arrays["test_labels"]) if "test_labels" in arrays else None
    low, high = bounds
    return Images((low + (high - low) * pixels).contiguous(), 1.0, labels, real=True)


def _curves(results: Results) -> Curves:
    """kind of perturbation or attack -> levels, ascending, and the accuracies of each contestant, means over seeds."""
    measured: dict[str, dict[str, dict[float, float]]] = {}
    for metric, values in results.metrics.items():
        name, _, level = metric.partition("@")
        quantity, *rest = name.split("/")
        if quantity == "accuracy" and level and len(rest) == 2:
            measured.setdefault(rest[1], {}).setdefault(rest[0], {})[float(level)] = values.mean
    return {kind: _curve(of_each) for kind, of_each in measured.items()}


def _curve(of_each: Mapping[str, Mapping[float, float]]) -> dict[str, object]:
    levels = sorted({level for accuracies in of_each.values() for level in accuracies})
    accuracies = {name: [own.get(level) for level in levels] for name, own in of_each.items()}
    return {"levels": levels, "accuracies": accuracies}


def _shape_of(described: object, dbn: DBN) -> tuple[int, int]:
    """The shape that a file tells, or else that of a square if there is one, or else of a row."""
    if isinstance(described, list) and math.prod(described) == dbn.sizes[0]:
        return _image_shape(tuple(described))
    side = math.isqrt(dbn.sizes[0])
    return (side, side) if side * side == dbn.sizes[0] else (1, dbn.sizes[0])


def _image_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns; values that are no image are one row."""
    return (shape[-2] if len(shape) > 1 else 1), shape[-1]


def _checked(found: Found, path: Path) -> Found:
    """Refuse units that the page does not compute with."""
    layers = [found.dbn.layer(number) for number in range(1, len(found.dbn) + 1)]
    kinds = {type(units) for rbm in layers for units in (rbm.visible, rbm.hidden)}
    if found.labelled is not None:
        kinds.add(type(found.labelled.top.rbm.hidden))
    if strange := kinds - {Bernoulli, Gaussian}:
        names = ", ".join(sorted(kind.__name__ for kind in strange))
        raise SettingsError(f"{path} has {names} units, and a page computes with Bernoulli and Gaussian ones alone.")
    return found
