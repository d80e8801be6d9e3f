"""Classes and their probabilities, from a study or a pretrained model: compared with labels, and in a file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.cli.options import Part
from deepbelief.cli.output import download_line
from deepbelief.data import Column, UserTable, in_batches, load_images
from deepbelief.data.cells import Value
from deepbelief.data.table_files import write_table
from deepbelief.errors import SettingsError
from deepbelief.models.checks import check_width
from deepbelief.models.dbn import DBN
from deepbelief.pretrained.model import Pretrained
from deepbelief.study import load_run
from deepbelief.study.records import read_stage
from deepbelief.tables.recognition import NO_LABEL, classes_of

_BATCH = 2000  # images at a time


def of_study(
    run: Path, name: str | None, dataset: str, folder: Path | None, part: Part, device: torch.device
) -> tuple[list[Value], Tensor]:
    """The names of a study's classes, and the probability of each of them for images, (n, classes).

    Raises:
        SettingsError: there is no such classifier, or the images have another size.
        DeepBeliefError: the study is not finished or damaged, or the data are.
    """
    found = load_run(run, device=device)
    if not found.classifiers:
        raise SettingsError(f"{run} is a study of data without labels and has no classifier: give another.")
    wanted = name or "finetuned"
    if wanted not in found.classifiers:
        raise SettingsError(
            f"{run} has no classifier {wanted!r}: give --classifier with one of {', '.join(found.classifiers)}."
        )
    probabilities = _probabilities(found.dbn, found.classifiers[wanted], dataset, folder, part, device)
    record, _ = read_stage(run / f"seed-{found.seed}" / "stages", "data")
    return list(record.facts["class_names"]), probabilities


def of_pretrained(
    model: Pretrained, name: str | None, dataset: str, folder: Path | None, part: Part, device: torch.device
) -> tuple[list[Value], Tensor]:
    """The names of a pretrained model's classes, and the probability of each of them for images, (n, classes).

    Raises:
        SettingsError: there is no such classifier, or the images have another size.
        DeepBeliefError: the data are missing or damaged.
    """
    classifier = model.classifier(name).to(device)
    return list(model.class_names), _probabilities(model.dbn, classifier, dataset, folder, part, device)


@torch.no_grad()
def _probabilities(
    dbn: DBN, classifier: Classifier, dataset: str, folder: Path | None, part: Part, device: torch.device
) -> Tensor:
    """The probability of each class for images of the size that the DBN sees, (n, classes), on the CPU."""
    visible = dbn.layer(1).visible
    images = load_images(dataset, folder, part.value, real=visible.highest > 1, progress=download_line).to(device)
    check_width(images, visible, "the model's DBN", "images")
    logits = [classifier(batch.to(dbn.layer(1).weights)) for batch in in_batches(images, _BATCH)]
    return torch.cat(logits).softmax(dim=1).cpu()


def accuracy_of(label: Column, table: UserTable, probabilities: Tensor) -> str:
    """A part of a sentence: how many rows are classified as their label says; nothing where none has a label."""
    if label.name not in table.cells:
        return ""
    classes = classes_of(label, table)
    known = classes != NO_LABEL
    if not known.any():
        return ""
    right = (probabilities.argmax(dim=1) == classes)[known].double().mean()
    return f", accuracy {float(right):.3f} on {int(known.sum())} with a label"


def write_classes(out: Path, names: Sequence[Value], probabilities: Tensor, files: Sequence[str] | None = None) -> None:
    """Write the file of each row, if any, its most probable class and all probabilities; to a .npy file these alone."""
    found = {f"probability of {name}": column for name, column in zip(names, probabilities.numpy().T, strict=True)}
    if out.suffix.lower() != ".npy":
        found = {"class": np.array(names)[probabilities.argmax(dim=1).numpy()], **found}
        if files is not None:
            found = {"file": np.array(files), **found}
    write_table(out, UserTable(found))
