"""What the transformers cost: time beside scikit-learn's BernoulliRBM, and memory for sparse rows.

    .venv/bin/python benchmarks/estimator_costs.py speed    # RBMTransformer and BernoulliRBM, the same work
    .venv/bin/python benchmarks/estimator_costs.py text     # sparse rows of 5,000 words: features and memory

They write benchmarks/results/estimators-speed.json and sparse-text.json. Nothing else should run beside `speed`.
"""

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import torch
import typer
from estimator_tables import speed_table, text_table
from estimators import RESULTS, Array, save, values_of
from rich.console import Console
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import BernoulliRBM

from deepbelief import Random, load_dataset
from deepbelief.cli.output import print_results
from deepbelief.learning.rbm.monitors import pseudo_likelihood
from deepbelief.sklearn import RBMTransformer
from deepbelief.system.machine import describe_machine, peak_memory

DRAWS: Final = 20  # of a word from each text, for the pseudo-likelihood

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def speed(
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each.")] = 5,
    images: Annotated[int, typer.Option(min=1, help="Of Fashion-MNIST's training images.")] = 60_000,
    hidden: Annotated[int, typer.Option(min=1, help="Hidden units.")] = 300,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the images.")] = 5,
    batch: Annotated[int, typer.Option(min=1, help="Rows of an update.")] = 128,
    name: Annotated[str, typer.Option("--data-set", help="Another data set.")] = "fashion-mnist",
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = RESULTS / "estimators-speed.json",
) -> None:
    """The same work in scikit-learn's BernoulliRBM and in RBMTransformer; they take turns."""
    console, rows = Console(), values_of(load_dataset(name).train)[0][:images]
    theirs = BernoulliRBM(hidden, learning_rate=0.01, batch_size=batch, n_iter=epochs, random_state=0)
    own: dict[str, Any] = {"epochs": epochs, "batch_size": batch, "learning_rate": 0.01, "random_state": 0}
    own["settings"] = {"binarise": False}  # grey values are seen as they are, as by the other
    contestants = {
        "BernoulliRBM": theirs,
        **{f"RBMTransformer, {kind}": RBMTransformer(hidden, precision=kind, **own) for kind in ("fp32", "bf16")},
    }
    seconds: dict[str, list[float]] = {contestant: [] for contestant in contestants}
    for contestant, model in itertools.chain(contestants.items(), *[contestants.items()] * rounds):
        started = time.perf_counter()
        model.fit(rows)
        seconds[contestant].append(time.perf_counter() - started)
    settings = {"images": len(rows), "hidden": hidden, "epochs": epochs, "batch": batch, "rounds": rounds}
    record = {
        "machine": describe_machine(torch.device("cpu")),
        "settings": settings,
        "seconds": {contestant: of_one[1:] for contestant, of_one in seconds.items()},  # the first warms up
    }
    save(record, out)
    print_results(console, speed_table(record))


@app.command()
def text(
    texts: Annotated[int, typer.Option(min=1, help="Rows.")] = 300_000,
    words: Annotated[int, typer.Option(min=1, help="Columns.")] = 5000,
    topics: Annotated[int, typer.Option(min=2, help="Each has words of its own.")] = 5,
    hidden: Annotated[int, typer.Option(min=1, help="Hidden units.")] = 64,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the texts.")] = 2,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = RESULTS / "sparse-text.json",
) -> None:
    """RBMTransformer on sparse texts, in a process of its own, whose memory is looked at."""
    settings = {"texts": texts, "words": words, "topics": topics, "hidden": hidden, "epochs": epochs}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.npz"
        matrix, topic = made_up_texts(texts, words, topics)
        sparse.save_npz(path, matrix, compressed=False)
        np.save(path.with_suffix(".npy"), topic)
        del matrix
        command = [sys.executable, __file__, "learn-text", str(path), json.dumps(settings)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    record = {"machine": describe_machine(torch.device("cpu")), "settings": settings, **found}
    save(record, out)
    print_results(Console(), text_table(record))


def made_up_texts(texts: int, words: int, topics: int) -> tuple[Any, Array]:
    """Binary words of texts, sparse, and the topic of each: a fiftieth of the words are a topic's own, and frequent."""
    random, topic, parts = np.random.default_rng(0), np.arange(texts) % topics, []
    own = words // 50
    for rows in np.array_split(topic, -(-texts // 2000)):
        often = np.full((len(rows), words), 0.02, dtype=np.float32)
        for number in range(topics):
            often[rows == number, number * own : (number + 1) * own] = 0.15
        parts.append(sparse.csr_array(random.random(often.shape, dtype=np.float32) < often, dtype=np.float32))
    return sparse.vstack(parts, format="csr"), topic


@app.command(hidden=True)
def learn_text(path: Path, settings: str) -> None:
    """The work of `text` itself; prints what it found."""
    wanted = json.loads(settings)
    model = RBMTransformer(wanted["hidden"], epochs=wanted["epochs"], random_state=0)
    RBMTransformer(2, epochs=1).fit(sparse.eye_array(256, format="csr", dtype=np.float32))  # code, loaded when needed
    before = peak_memory()
    matrix = sparse.load_npz(path)
    model.fit(matrix)
    peak = peak_memory() - before
    rows = slice(0, min(wanted["texts"], 5000))
    topic, features = np.load(path.with_suffix(".npy"))[rows], model.transform(matrix[rows])
    some = torch.from_numpy(matrix[rows].toarray())
    bytes_ = {"matrix": sum(part.nbytes for part in (matrix.data, matrix.indices, matrix.indptr)), "peak": peak}
    bytes_["model"] = sum(parameter.nbytes for parameter in model.dbn_.parameters())
    untaught = RBMTransformer(wanted["hidden"], epochs=1, learning_rate=1e-9, random_state=0).fit(matrix[rows])
    likelihoods = [
        statistics.fmean(pseudo_likelihood(one.dbn_.layer(1), some, Random(draw)) or 0.0 for draw in range(DRAWS))
        for one in (untaught, model)
    ]
    found = {
        "bytes": bytes_,
        "pseudo_likelihood": dict(zip(("before", "after"), likelihoods, strict=True)),
        "varying": int((features.std(axis=0) > 0.01).sum()),
        "topics": float(cross_val_score(LogisticRegression(max_iter=1000), features, topic).mean()),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    app()
