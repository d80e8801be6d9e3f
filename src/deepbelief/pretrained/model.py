"""A pretrained model: a DBN, its linear read-outs, the RBM with labels on top of it, and some test images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from torch import nn

from deepbelief.checkpoint import load_dbn, load_labelled_rbm, load_network, read_description
from deepbelief.data import Images, load_images
from deepbelief.errors import SettingsError
from deepbelief.models import DBN, LabelledDBN, ReadoutClassifier
from deepbelief.pretrained.folders import DBN_FILE, FOLDER, IMAGES_FILE, LABEL_RBM_FILE, pretrained_folder, readout_file

LABELLED: Final = "labelled"
"""The name of the classifier that is the RBM with labels on top of the DBN."""


@final
@dataclass(frozen=True, eq=False)
class Pretrained:
    """A DBN that has learnt from a well-known data set, and what stands on it; see `load_pretrained`."""

    name: str
    dbn: DBN
    labelled: LabelledDBN
    """The DBN with the RBM that sees labels on top."""
    readouts: tuple[ReadoutClassifier, ...]
    """The linear read-outs of hidden layers 1, 2, ..."""
    class_names: tuple[str, ...]
    image_shape: tuple[int, int]
    """Height and width in pixels."""
    images: Images
    """The first 100 test images of the data set, with their labels."""
    accuracies: Mapping[str, float]
    """On all test images, the share that each classifier recognises, by the names of `classifiers`."""
    curves: Mapping[str, dict[str, object]]
    """Accuracies on all test images by perturbation: its `levels`, and the `accuracies` of each classifier at them."""

    @property
    def classifiers(self) -> dict[str, nn.Module]:
        """All classifiers by name: images (batch, width) in [0, 1] -> a logit for each class, (batch, classes)."""
        named = {f"readout_{layer}": readout for layer, readout in enumerate(self.readouts, start=1)}
        return {**named, LABELLED: self.labelled}

    def classifier(self, name: str | None = None) -> nn.Module:
        """One classifier; by default the read-out of the top layer.

        Raises:
            SettingsError: there is none of this name.
        """
        found = self.classifiers.get(name or f"readout_{len(self.readouts)}")
        if found is None:
            names = ", ".join(self.classifiers)
            raise SettingsError(f"the pretrained model has no classifier {name!r}: give one of {names}.")
        return found


def load_pretrained(name: str) -> Pretrained:
    """Load a trained model that comes with the package, on the CPU, with parameters that need no gradient.

    Its weights are kept as float16 and loaded as float32. Its card is `README.md` beside its files in the package's
    folder `pretrained`: it tells of the training, the accuracies and the licence. `benchmarks/pretrained.py` trains it
    again.

    Args:
        name: "fashion-mnist" or "mnist" (`deepbelief.pretrained.NAMES`).

    Raises:
        SettingsError: there is no pretrained model of this name.
        DeepBeliefError: its files are damaged.

    >>> model = load_pretrained("mnist")
    >>> model.dbn.encode(model.images.batch(slice(0, 5))).shape
    torch.Size([5, 250])
    >>> model.classifier()(model.images.batch(slice(0, 5))).argmax(dim=1).tolist()
    [7, 2, 1, 0, 4]
    """
    folder = pretrained_folder(name)
    dbn = load_dbn(folder / DBN_FILE)
    told = read_description(folder / DBN_FILE)
    labelled = LabelledDBN(dbn, load_labelled_rbm(folder / LABEL_RBM_FILE)).requires_grad_(False)
    layers = range(1, len(dbn) + 1)
    readouts = [ReadoutClassifier(dbn, layer, load_network(folder / readout_file(layer))) for layer in layers]
    height, width = told["image_shape"]
    return Pretrained(
        name,
        dbn,
        labelled,
        tuple(readout.requires_grad_(False) for readout in readouts),
        tuple(told["class_names"]),
        (height, width),
        load_images(str(folder / IMAGES_FILE)),
        told["accuracies"],
        told["curves"],
    )


def find_pretrained(folder: Path) -> Pretrained | None:
    """The pretrained model in a folder, if it is that of one."""
    return load_pretrained(folder.name) if folder.parent == FOLDER else None
