"""The names of the models that come with the package, and where their files are."""

from pathlib import Path
from typing import Final

from deepbelief.errors import SettingsError

FOLDER: Final = Path(__file__).parent
NAMES: Final = ("fashion-mnist", "mnist")
"""The pretrained models, each named after the data set that it learnt from."""

DBN_FILE: Final = "dbn.safetensors"
LABEL_RBM_FILE: Final = "label_rbm.safetensors"
IMAGES_FILE: Final = "images.npz"


def readout_file(layer: int) -> str:
    """The name of the file with the linear read-out of this hidden layer."""
    return f"readout_{layer}.safetensors"


def pretrained_folder(name: str) -> Path:
    """The folder of the pretrained model of this name.

    Raises:
        SettingsError: there is none of this name.

    >>> pretrained_folder("mnist").name
    'mnist'
    """
    if name not in NAMES:
        raise SettingsError(f"there is no pretrained model {name!r}: give one of {', '.join(NAMES)}.")
    return FOLDER / name
