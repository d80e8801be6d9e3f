"""Where the files of named data sets are looked for."""

import os
from pathlib import Path
from typing import Final

import pooch

from deepbelief.errors import DataError

ENVIRONMENT_VARIABLE: Final = "DEEPBELIEF_DATA"


def folders_at(place: Path, name: str) -> tuple[Path, Path]:
    """A place may be a folder that holds the files themselves, or a folder of the data set's name that does."""
    return place / name, place


def environment_folder() -> Path | None:
    """The folder that the environment variable names; an empty variable counts as unset."""
    place = os.environ.get(ENVIRONMENT_VARIABLE)
    return Path(place) if place else None  # Path("") would be the current folder


def cache_folder(name: str) -> Path:
    """Where the files of a data set are downloaded to."""
    return Path(pooch.os_cache("deepbelief")) / name


def check_is_there(folder: Path, name: str) -> None:
    """`DataError` if the folder that a user gave for a data set does not exist."""
    if not folder.is_dir():
        raise DataError(f"The folder {folder} for {name} does not exist; check its path.")
