"""Rows that a model of a table makes up, in a file."""

from pathlib import Path

import torch

from deepbelief.cli.gallery import SampleSettings
from deepbelief.data import UserTable
from deepbelief.data.table_files import ENDINGS, check_table_file, write_table
from deepbelief.errors import SettingsError
from deepbelief.randomness import Random
from deepbelief.tables.folder import load_table_model

_NUMBER = 64


def is_table_file(out: Path) -> bool:
    """Whether a file of this name holds a table and no picture."""
    return out.suffix.lower() in ENDINGS


def write_rows(model: Path, out: Path, settings: SampleSettings, device: torch.device) -> str:
    """Write fantasies as rows with the columns that the model has learnt from; returns a line about them.

    Raises:
        SettingsError: the settings are those of another picture, or the model's columns do not fit the file.
        DeepBeliefError: the model cannot be read, or is none of a table.
    """
    if settings.task != "fantasies" or settings.columns is not None or settings.image_shape is not None:
        raise SettingsError(f"{out} is to hold rows that are made up: give --out a .png to draw images.")
    trained = load_table_model(model).to(device)
    texts = [column.name for column in trained.columns.each if column.values and isinstance(column.values[0], str)]
    check_table_file(out, texts)
    number, random = settings.number or _NUMBER, Random(settings.seed, "sampling", device)
    rows = trained.sample(number, random, settings.chosen_steps)
    write_table(out, UserTable(rows, image_shape=trained.image_shape))
    return f"{out}: {number} rows"
