"""Loads the data that a command gives to a model, from a file, a folder or a named data set."""

from pathlib import Path

import typer

from deepbelief.checkpoint import load_dbn, load_labelled_dbn
from deepbelief.cli.options import Part
from deepbelief.cli.output import download_line
from deepbelief.data import Images, SourceLike, UserTable, load_images, load_user_table
from deepbelief.data.array_folder import is_array_folder
from deepbelief.data.dataset import located
from deepbelief.data.image_folder import image_files
from deepbelief.data.named import is_folder
from deepbelief.models.dbn import DBN
from deepbelief.models.labelled import LabelledDBN
from deepbelief.pretrained.model import find_pretrained
from deepbelief.tables.folder import dbn_file, find_table_model
from deepbelief.tables.model import TableModel


def images_for(model: Path, name: str, folder: Path | None, part: Part) -> Images:
    """`load_images` for the DBN in a file: of any size if its visible units may have values above 1.

    Raises:
        SettingsError: the name of the data or of the part is unknown.
        DataError: the data are missing or damaged, or hold values that the units cannot take.
        DeepBeliefError: the model cannot be read.
    """
    real = load_dbn(dbn_file(model)).layer(1).visible.highest > 1
    return load_images(name, folder, part.value, real=real, progress=download_line)


def labelled_model(file: Path) -> LabelledDBN:
    """The DBN with labels in a file, or that which stands on the DBN in a pretrained model's file.

    Raises:
        DeepBeliefError: the file is missing or damaged, or holds another kind of model.
    """
    known = find_pretrained(file.parent)
    return load_labelled_dbn(file) if known is None else known.labelled


def table_for(model: TableModel, name: str, folder: Path | None, part: Part) -> UserTable:
    """`load_user_table` for a model of a table, after a line that says what was recognised.

    Raises:
        SettingsError: the name of the data is unknown.
        DataError: the data are missing or damaged, or not of the columns that the model has learnt from.
    """
    table = load_user_table(name, folder, part.value, progress=download_line)
    with located(Path(name)):
        rows = model.rows(table.cells)
    typer.echo(f"{name}: {model.columns.summary(rows.cpu().numpy())}")
    return table


def files_of(name: str) -> list[str] | None:
    """Where the rows are the images of a folder: the file of each, as a path inside it; None of any other data."""
    if not is_folder(name) or is_array_folder(name):
        return None
    folder = Path(name)
    return [path.relative_to(folder).as_posix() for path in image_files(folder)[0]]


def both_parts_for(model: Path, name: str, folder: Path | None) -> tuple[DBN, SourceLike, SourceLike]:
    """A DBN, and the training and the test part of data for it, which are the same where there is one only.

    Raises:
        SettingsError, DataError, DeepBeliefError: as `images_for` and `table_for` say.
    """
    if (trained := find_table_model(model)) is None:
        training, test = (images_for(model, name, folder, part) for part in Part)
        return load_dbn(dbn_file(model)), training, test
    measured = table_for(trained, name, folder, Part.test)
    learnt_from = load_user_table(name, folder, Part.train.value, progress=download_line)
    return trained.dbn, trained.rows(learnt_from.cells), trained.rows(measured.cells)
