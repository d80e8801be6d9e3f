"""Options that several commands share, and options in groups (dataclasses)."""

import functools
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import StrEnum
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

PRETRAINED = "pretrained:"
"""What the name of a model that comes with the package starts with, where a command takes a path."""


def model_path(given: Any) -> Any:
    """The path of a model as it was given, or the folder of the pretrained model that is named."""
    if not str(given).startswith(PRETRAINED):
        return given
    from deepbelief.pretrained.folders import pretrained_folder

    return pretrained_folder(str(given).removeprefix(PRETRAINED))


Folder = Annotated[
    Path | None,
    typer.Option("--data", help="Folder with the data set's files.", show_default="looked for, else downloaded"),
]
Model = Annotated[
    Path,
    typer.Argument(
        callback=model_path,
        help="A DBN, such as runs/default/seed-0/models/dbn.safetensors, a folder of `deepbelief train`, or "
        "pretrained:mnist.",
    ),
]
TrainedFolder = Annotated[Path, typer.Argument(metavar="MODEL", help="A folder that `deepbelief train` wrote.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]


class Part(StrEnum):
    """The two parts of a data set."""

    train = "train"
    test = "test"


PrecisionChoice = StrEnum("PrecisionChoice", ["auto", "bf16", "fp32", "fp64"])
"""The recipe's `precision` (`PrecisionName`, which help must not load)."""

CompileChoice = StrEnum("CompileChoice", ["auto", "on", "off"])
"""The recipe's `compile` (`CompileName`)."""


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take dataclasses of options: on the command line each of their fields is an option of its own."""
    groups: dict[str, Any] = {}
    options: list[Parameter] = []
    for one in signature(command).parameters.values():
        if is_dataclass(one.annotation):
            groups[one.name] = one.annotation
            members = [(field.name, field.default, field.type) for field in fields(one.annotation)]
        else:
            members = [(one.name, one.default, one.annotation)]
        options += [
            Parameter(name, Parameter.KEYWORD_ONLY, default=value, annotation=of) for name, value, of in members
        ]

    @functools.wraps(command)
    def ungrouped(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        command(**given)

    ungrouped.__signature__ = Signature(options)  # type: ignore[attr-defined]  # typer reads both
    ungrouped.__annotations__ = {one.name: one.annotation for one in options}
    return ungrouped
