"""`deepbelief report`: the pictures and the page of a study, drawn again."""

from pathlib import Path
from typing import Annotated

import typer


def report(run: Annotated[Path, typer.Argument(help="The folder of a finished study.")]) -> None:
    """Draw a study's pictures and page again, from its records alone.

    Example: deepbelief report runs/default
    """
    from deepbelief.report.page import build_report

    typer.echo(build_report(run))
