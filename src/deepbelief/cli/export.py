"""`deepbelief export`: a model as an ONNX file."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepbelief.cli.options import model_path
from deepbelief.errors import SettingsError

if TYPE_CHECKING:
    from torch import nn


class What(StrEnum):
    """What an ONNX file computes."""

    ENCODER = "encoder"
    RECONSTRUCTION = "reconstruction"
    CLASSIFIER = "classifier"


def export(
    model: Annotated[
        Path,
        typer.Argument(
            callback=model_path,
            help="A model's file, a folder of `deepbelief train`, a shared model or a study, or pretrained:mnist.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The .onnx file to write.")],
    what: Annotated[
        What | None, typer.Option(help="What it computes.", show_default="classifier of classifiers, else encoder")
    ] = None,
    layer: Annotated[
        int | None, typer.Option(min=1, help="Up to which hidden layer.", show_default="the top one")
    ] = None,
    classifier: Annotated[
        str | None, typer.Option(help="One of its classifiers, such as readout_1.", show_default="its DBN")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of a study: which seed.", show_default="its first")] = None,
) -> None:
    """Write a model as an ONNX file, which runs without PyTorch: its features, its reconstruction or its classes.

    The file takes any number of rows of float32 values, as the data are, on their original scale.

    Example: deepbelief export runs/default/seed-0/models/dbn.safetensors --out encoder.onnx --layer 2

    Example: deepbelief export runs/default --classifier finetuned --out classifier.onnx
    """
    from deepbelief.models import DBN, Autoencoder
    from deepbelief.sharing import export_classifier, export_encoder, export_reconstruction

    if out.suffix != ".onnx":
        raise SettingsError(f"a model is exported to a file that ends in .onnx, not {out.name}: give --out model.onnx.")
    found = _loaded(model, what, classifier, seed)
    if not isinstance(found, DBN | Autoencoder):
        if what not in (None, What.CLASSIFIER) or layer is not None:
            raise SettingsError(
                f"{model} holds a classifier, which is exported whole: leave --what and --layer out, or give a DBN."
            )
        export_classifier(found, out)
    elif what == What.CLASSIFIER:
        raise SettingsError(f"{model} holds no classifier: give another file, or a study's folder with --classifier.")
    elif what == What.RECONSTRUCTION:
        export_reconstruction(found, out, layer)
    else:
        export_encoder(found.encoder if isinstance(found, Autoencoder) else found, out, layer)
    typer.echo(str(out))


def _loaded(model: Path, what: What | None, classifier: str | None, seed: int | None) -> "nn.Module":
    """The model in a file or folder; of a study or a pretrained model the DBN or one of the classifiers."""
    from deepbelief.checkpoint import load_model
    from deepbelief.pretrained.model import find_pretrained
    from deepbelief.sharing import from_pretrained
    from deepbelief.sharing.run import named_classifier
    from deepbelief.study import load_run
    from deepbelief.tables.folder import dbn_file

    if (model / "results.json").exists():
        run = load_run(model, seed)
        return run.dbn if classifier is None else named_classifier(run, classifier)
    if (known := find_pretrained(model)) is not None and seed is None:
        return known.dbn if classifier is None else known.classifier(classifier)
    if classifier is not None or seed is not None:
        raise SettingsError(f"{model} is no finished study, and only one has --classifier and --seed: leave them out.")
    if model.is_dir() and dbn_file(model).is_file():
        return _trained(model, what)
    return from_pretrained(model) if model.is_dir() else load_model(model)


def _trained(folder: Path, what: What | None) -> "nn.Module":
    """The DBN in a folder of `deepbelief train`, or the classifier beside it."""
    from deepbelief.tables.folder import load_table_model

    found = load_table_model(folder)
    if what != What.CLASSIFIER:
        return found.dbn
    if found.classifier is None:
        raise SettingsError(f"{folder} was trained without labels and has no classifier: leave --what classifier out.")
    return found.classifier
