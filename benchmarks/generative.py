"""How likely held-out images are under an RBM and a DBN, from both sides.

    .venv/bin/python benchmarks/generative.py mnist --data FOLDER
    .venv/bin/python benchmarks/generative.py fashion-mnist

Trains an RBM 784-500 and, on its hidden states, an RBM 500-2000 that begins as the first turned upside down, both by
persistent contrastive divergence with the centred gradient on images made binary anew at each sight. Measures the RBM's
mean test log-likelihood and the DBN's variational bound by AIS with the full recipe, and by RAISE; and the DBN's own
likelihood by importance sampling. Writes benchmarks/results/generative-DATASET.json. With --first it takes an RBM from
an earlier run, and keeps its figures.
"""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer
from likelihood import binary, measure
from readme import generative_table
from rich.console import Console

from deepbelief import DBN, Pretraining, Random, RBMSettings, load_dataset, load_dbn, save_dbn
from deepbelief.cli.output import print_results, steps_line
from deepbelief.data import Source
from deepbelief.learning import tie_to_below
from deepbelief.likelihood import AISSettings, ImportanceSettings, dbn_importance, upper_side
from deepbelief.system.machine import describe_machine
from deepbelief.system.memory import keep_freed_memory
from deepbelief.system.precision import PrecisionName, choose_precision

HERE: Final = Path(__file__).parent
HIDDEN: Final = (500, 2000)


def settings_of(epochs: int, gibbs_steps: int, learning_rate: float) -> RBMSettings:
    """Plain steps, long chains, and a learning rate that ends at zero: late chains then follow the model closely."""
    return RBMSettings(
        epochs=epochs,
        batch_size=500,
        learning_rate=learning_rate,
        learning_rate_to_zero=True,
        initial_momentum=0.0,
        final_momentum=0.0,
        weight_decay=0.0,
        gibbs_steps=gibbs_steps,
        persistent_chains=500,
        centring=True,
        binarise=True,
    )


def biased_to(data: Source, random: Random) -> DBN:
    """A DBN of both layers whose visible biases start at the pixels' log-odds."""
    dbn = DBN.from_sizes([data.width, *HIDDEN], random, weight_std=0.01).requires_grad_(False)
    total = sum(data.batch(slice(start, start + 1000)).sum(dim=0) for start in range(0, len(data), 1000))
    dbn.layer(1).visible.bias.copy_(torch.logit((total + 0.5) / (len(data) + 1)))
    return dbn


def main(
    name: Annotated[str, typer.Argument(help="mnist, fashion-mnist or another data set of 28x28 images.")],
    data: Annotated[Path | None, typer.Option(help="Folder with the data set's files.")] = None,
    epochs: Annotated[tuple[int, int], typer.Option(help="Of the two RBMs.")] = (120, 25),
    gibbs_steps: Annotated[int, typer.Option(min=1, help="Of the chains, at each update.")] = 1,
    learning_rates: Annotated[tuple[float, float], typer.Option(help="At the start.")] = (0.3, 0.03),
    items: Annotated[int, typer.Option(min=2, help="Test images for RAISE.")] = 500,
    temperatures: Annotated[int, typer.Option(min=1, help="Of AIS and RAISE.")] = 14_500,
    samples: Annotated[int, typer.Option(min=1, help="Of each test image, for the DBN's own likelihood.")] = 200,
    precision: Annotated[PrecisionName, typer.Option(help="Of the products in training.")] = "fp32",
    seed: Annotated[int, typer.Option(min=0, help="Of everything.")] = 0,
    models: Annotated[Path | None, typer.Option(help="A folder for the trained models.")] = None,
    first: Annotated[Path | None, typer.Option(help="The RBM of an earlier run, from its --models.")] = None,
) -> None:
    """Train, measure, print, keep the figures."""
    keep_freed_memory()
    console, dataset, random = Console(), load_dataset(name, data), Random(seed, "generative")
    dbn = biased_to(dataset.train, random)
    chosen = choose_precision(precision, torch.device("cpu"))
    settings = [settings_of(count, gibbs_steps, rate) for count, rate in zip(epochs, learning_rates, strict=True)]
    path = HERE / "results" / f"generative-{name}.json"
    found: list[dict[str, Any]] = []
    if first is not None:
        dbn.layer(1).load_state_dict(load_dbn(first).layer(1).state_dict())
        found = json.loads(path.read_text(encoding="utf-8"))["models"][:1]
    for layer in (1, 2) if first is None else (2,):
        if layer > 1:
            tie_to_below(dbn, layer)
        started = time.perf_counter()
        job = Pretraining(dbn, dataset.train, settings, random=random, layers=[layer], products=chosen.products)
        for record in job.epochs():
            seconds = time.perf_counter() - started
            monitors = {name: round(value, 4) for name, value in record.monitors.items()}
            console.print(f"{seconds:6.0f} s: layer {layer} epoch {record.epoch} {monitors}", highlight=False)
        part = DBN([dbn.layer(number) for number in range(1, layer + 1)])
        if models is not None:
            models.mkdir(parents=True, exist_ok=True)
            save_dbn(models / f"{name}-{layer}.safetensors", part, image_shape=list(dataset.image_shape))
        training, test = (binary(images, part, number) for number, images in enumerate((dataset.train, dataset.test)))
        figures = measure(part, training, test, seed, AISSettings.of(temperatures), items)
        # With log Z known, all of the test images cost nothing more.
        log_z = figures["layers"][-1]["log_z_ais"]
        figures["upper_of_all"] = float(upper_side(part, test.values, log_z, Random(seed, "all")).mean())
        if len(part) > 1:
            wanted = ImportanceSettings(samples)
            estimate = dbn_importance(part, test.values, log_z, Random(seed, "importance"), wanted, steps_line)
            figures |= {"estimate_of_all": estimate.mean, "samples": samples}
        found.append({"sizes": part.sizes, "training_seconds": seconds, **figures})
        record_ = {
            "machine": {**describe_machine(torch.device("cpu")), "precision": chosen.name},
            "threads": torch.get_num_threads(),
            "seed": seed,
            "data": name,
            "settings": [asdict(one) for one in settings],
            "models": found,
        }
        print_results(console, generative_table(record_))
        path.write_text(json.dumps(record_, indent=1) + "\n", encoding="utf-8")
        console.print(f"Written to {path}")


if __name__ == "__main__":
    typer.run(main)
