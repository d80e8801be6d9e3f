"""`deepbelief share`: a model of a finished study with its card, in a folder for the Hugging Face Hub."""

from pathlib import Path
from typing import Annotated

import typer


def share(
    run: Annotated[Path, typer.Argument(help="The folder of a finished study.")],
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    classifier: Annotated[
        str | None, typer.Option(help="One of its classifiers, such as finetuned.", show_default="its DBN")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Which seed.", show_default="its first")] = None,
    licence: Annotated[str, typer.Option(metavar="mit|cc-by-4.0|...", help="The hub's name of its licence.")] = "",
    title: Annotated[str, typer.Option(help="The card's heading.", show_default="what the model is")] = "",
) -> None:
    """Make a folder of a study's model and a card with its data, settings and accuracies, to share as it is.

    Load it with deepbelief.sharing.from_pretrained; upload it with the hub's own command, hf upload.

    Example: deepbelief share runs/default --classifier finetuned --out my-model --licence mit
    """
    from deepbelief.sharing import share_run

    share_run(run, out, classifier, seed, title=title, licence=licence)
    typer.echo(f"{out}: upload it with `hf upload user/name {out}`")
