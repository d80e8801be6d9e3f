"""Arguments and options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[Path, typer.Argument(help="A DBN, such as runs/default/seed-0/models/dbn.safetensors.")]
Folder = Annotated[
    Path | None,
    typer.Option("--data", help="Folder with the data set's files.", show_default="looked for, else downloaded"),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]


class Part(StrEnum):
    """The two parts of a data set."""

    train = "train"
    test = "test"


PrecisionChoice = StrEnum("PrecisionChoice", ["auto", "bf16", "fp32", "fp64"])
"""The recipe's `precision` (`PrecisionName`, which help must not load)."""
