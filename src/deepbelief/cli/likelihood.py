"""`deepbelief likelihood`: the log-likelihood of test images, from both sides."""

import time
from enum import StrEnum
from typing import Annotated

import typer

from deepbelief.cli.options import Device, Folder, Model


class Method(StrEnum):
    """How the likelihood of a deep DBN itself is estimated."""

    CHAINS = "chains"
    IMPORTANCE = "importance"


def likelihood(
    model: Model,
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="The name of a data set, a file of images or a table, or a folder of images."
        ),
    ] = "fashion-mnist",
    images: Annotated[int, typer.Option(min=2, help="Items to measure, drawn from all.")] = 100,
    temperatures: Annotated[int, typer.Option(min=1, help="Temperatures of AIS and RAISE.")] = 14_500,
    chains: Annotated[int, typer.Option(min=2, help="Chains of AIS.")] = 100,
    estimate: Annotated[
        int,
        typer.Option(min=0, help="Steps or samples for each image: a deep DBN's likelihood itself; 0 for none."),
    ] = 0,
    estimate_by: Annotated[Method, typer.Option(help="What --estimate counts: steps of chains, or samples.")] = (
        Method.CHAINS
    ),
    seed: Annotated[int, typer.Option(min=0, help="Choice of the images and states of the units.")] = 0,
    data: Folder = None,
    device: Device = "auto",
) -> None:
    """Estimate a DBN's mean log-likelihood in nats (a bound of it, if deep), from both sides: by AIS and by RAISE.

    With --estimate the likelihood of a deep DBN itself is estimated, too, by Markov chains over its hidden layers, or,
    with --estimate-by importance, by samples of its recognition pass: quicker, and on average never above.

    Grey images are drawn once as zeros and ones where the visible units are binary; real values are taken as they are.
    Missing values are summed out.

    Example: deepbelief likelihood runs/default/seed-0/models/dbn.safetensors fashion-mnist --temperatures 2000
    """
    from rich.console import Console

    from deepbelief.cli.inputs import both_parts_for
    from deepbelief.cli.output import print_results, steps_line
    from deepbelief.likelihood import AISSettings, ChainSettings, ImportanceSettings, evaluate
    from deepbelief.randomness import Random
    from deepbelief.report.tables import Table
    from deepbelief.system.machine import choose_device
    from deepbelief.system.memory import keep_freed_memory

    keep_freed_memory()
    started, on = time.perf_counter(), choose_device(device)
    dbn, training, test = both_parts_for(model, dataset, data)
    settings = AISSettings.of(temperatures, chains)
    kind = {Method.CHAINS: ChainSettings, Method.IMPORTANCE: ImportanceSettings}[estimate_by]
    random, wanted = Random(seed, "likelihood", on), kind(estimate) if estimate else None
    found = evaluate(dbn.to(on), training, test, random, settings, images, steps_line, wanted)
    title = f"{model.name} on {len(found.bracket.upper)} test items of {dataset}"
    print_results(Console(), Table(title, ("nats", "", "95 % interval", "effective chains"), tuple(found.rows())))
    for sentence in found.warnings:
        typer.echo(f"Beware: {sentence}")
    typer.echo(f"{temperatures} temperatures, {chains} chains, {time.perf_counter() - started:.0f} s")
