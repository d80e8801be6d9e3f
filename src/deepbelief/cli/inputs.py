"""Loads the images that a command gives to a model, from a file or a named data set."""

from pathlib import Path

from deepbelief.checkpoint import load_dbn
from deepbelief.cli.options import Part
from deepbelief.cli.output import download_line
from deepbelief.data import Images, load_images


def images_for(model: Path, name: str, folder: Path | None, part: Part) -> Images:
    """`load_images` for the DBN in a file: of any size if its visible units may have values above 1.

    Raises:
        SettingsError: the name of the data or of the part is unknown.
        DataError: the data are missing or damaged, or hold values that the units cannot take.
        DeepBeliefError: the model cannot be read.
    """
    real = load_dbn(model).layer(1).visible.highest > 1
    return load_images(name, folder, part.value, real=real, progress=download_line)
