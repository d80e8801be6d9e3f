"""`deepbelief classify`: the classes of images or rows, as a trained classifier sees them."""

from pathlib import Path
from typing import Annotated

import typer

from deepbelief.cli.options import Device, Folder, Part, model_path


def classify(
    model: Annotated[
        Path,
        typer.Argument(
            callback=model_path,
            help="A folder that `deepbelief train` or `deepbelief study` wrote, or pretrained:mnist.",
        ),
    ],
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="A .csv, .parquet, .npy or .npz file, a folder of images, or the name of a data set."
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="The file to write: .csv or .parquet, or .npy for the probabilities alone.")
    ],
    classifier: Annotated[
        str | None, typer.Option(help="Which one, such as readout_2.", show_default="of a study finetuned")
    ] = None,
    part: Annotated[Part, typer.Option(help="Which images, where there are both.")] = Part.test,
    data: Folder = None,
    device: Device = "auto",
) -> None:
    """Write the most probable class of each row and the probability of every class.

    Of the images of a folder each row also tells the file.

    Example: deepbelief classify runs/patients new-patients.csv --out outcomes.csv

    Example: deepbelief classify pretrained:fashion-mnist photos --out clothes.csv
    """
    from deepbelief.cli.classes import accuracy_of, of_pretrained, of_study, write_classes
    from deepbelief.cli.inputs import files_of, table_for
    from deepbelief.data.table_files import check_table_file
    from deepbelief.errors import SettingsError
    from deepbelief.pretrained.model import find_pretrained
    from deepbelief.system.machine import choose_device
    from deepbelief.tables.folder import load_table_model

    check_table_file(out)
    chosen, told = choose_device(device), ""
    if (model / "results.json").is_file():
        names, probabilities = of_study(model, classifier, dataset, data, part, chosen)
    elif (known := find_pretrained(model)) is not None:
        names, probabilities = of_pretrained(known, classifier, dataset, data, part, chosen)
    else:
        if classifier is not None:
            raise SettingsError(f"{model} is no study and has one classifier alone: leave --classifier out.")
        trained = load_table_model(model).to(chosen)
        table = table_for(trained, dataset, data, part)
        probabilities = trained.probabilities(table.cells).cpu()
        assert trained.label is not None
        names, told = list(trained.label.values), accuracy_of(trained.label, table, probabilities)
    write_classes(out, names, probabilities, files_of(dataset))
    typer.echo(f"{out}: {len(probabilities)} rows, {len(names)} classes{told}")
