"""The classifier of `deepbelief.sklearn` beside scikit-learn's own, and on MNIST with few labels.

    .venv/bin/python benchmarks/estimators.py compare              # accuracy and time, with all labels and with few
    .venv/bin/python benchmarks/estimators.py few --data FOLDER    # MNIST with 1,000 and with 100 labels

Run them with `OMP_NUM_THREADS=1`: seconds are the processor's. They write benchmarks/results/estimators.json and
few-labels.json, after every training: started again, they train only what is not there. What is measured is an
estimator with its parameters and nothing around it. Its settings were chosen on other divisions of the tables, and of
images on training images held out; no test figure chose any.
"""

import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import torch
import typer
from estimator_tables import compared_table, few_table
from numpy.typing import NDArray
from rich.console import Console
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import BernoulliRBM, MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from deepbelief import load_dataset
from deepbelief.cli.output import print_results
from deepbelief.data import Images
from deepbelief.sklearn import DBNClassifier
from deepbelief.system.atomic import replacing
from deepbelief.system.machine import describe_machine

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "results"
Array = NDArray[Any]
Division = tuple[Array, Array, Array, Array]
"""Rows to learn from and their labels, rows to test and theirs."""

TABLES: Final = ("iris", "wine", "breast_cancer", "diabetes", "linnerud")
DATA: Final = (*TABLES, "digits", "fashion-mnist")
FOLDS: Final = 5
NO_LABEL: Final = -1
CLASSES: Final = 10  # of MNIST
SHARE: Final = 0.01
# How many labels of a class of n rows are shown.
SHOWN: Final[dict[str, Callable[[int], int]]] = {"all": int, "few": lambda n: max(2, round(SHARE * n))}

# MNIST with few labels: what DBNClassifier is given with any number of them, and with each number.
LAYERS: Final[dict[str, Any]] = {
    "hidden_layer_sizes": [1000, 1000],
    "epochs": 20,
    "learning_rate": 0.1,
    "settings": {"sparsity_target": 0.05, "sparsity_cost": 1.0},
    "precision": "auto",
}
HEAD: Final = {"dropout": 0.5, "input_dropout": 0.2}
FEW: Final[dict[int, dict[str, Any]]] = {
    1000: {**LAYERS, "head_settings": {**HEAD, "epochs": 4}, "self_training": 6},
    100: {**LAYERS, "head_settings": {**HEAD, "epochs": 2, "learning_rate": 0.001}, "self_training": 10},
}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
Data = Annotated[Path | None, typer.Option(help="Folder with the images' files.", show_default="looked for")]
Seeds = Annotated[int, typer.Option(min=1, help="Independent runs.")]


def table_of(name: str) -> tuple[Array, Array]:
    """Rows and classes of a set that scikit-learn ships; a number to predict makes two classes, at its median."""
    if name == "digits":
        rows, labels = datasets.load_digits(return_X_y=True)
        return rows / 16, labels
    rows, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    if name in ("diabetes", "linnerud"):
        numbers = labels.reshape(len(rows), -1)[:, 0]  # of linnerud the weight
        labels = (numbers > np.median(numbers)).astype(int)
    return rows, labels


def divisions(name: str, seed: int, data: Path | None = None) -> Iterator[Division]:
    """A set of images as it is divided, any other in folds that the seed draws."""
    if "mnist" in name:
        images = load_dataset(name, data)
        yield (*values_of(images.train), *values_of(images.test))
        return
    rows, labels = table_of(name)
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(rows, labels):
        yield rows[train], labels[train], rows[test], labels[test]


def values_of(images: Images) -> tuple[Array, Array]:
    """All of them in float32, and their labels."""
    return images.batch(slice(None)).float().numpy(), images.required_labels().numpy()


def with_few(labels: Array, each: Callable[[int], int], seed: int) -> Array:
    """Labels of which each class of n rows keeps `each(n)`, drawn by the seed; the others are `NO_LABEL`."""
    random, kept = np.random.default_rng(seed), np.full(len(labels), NO_LABEL)
    for label in np.unique(labels):
        chosen = random.permutation(np.flatnonzero(labels == label))
        chosen = chosen[: each(len(chosen))]
        kept[chosen] = label
    return kept


def pipeline(rows: Array, labels: Array, seed: int) -> Any:
    """BernoulliRBM that sees all rows, then LogisticRegression of those with labels."""
    rbm = BernoulliRBM(256, learning_rate=0.06, n_iter=20, random_state=seed)
    model: Pipeline = make_pipeline(MinMaxScaler(), rbm, LogisticRegression(max_iter=1000))
    features, known = model[:-1].fit_transform(rows), labels != NO_LABEL
    model[-1].fit(features[known], labels[known])
    return model


def perceptron(rows: Array, labels: Array, seed: int) -> Any:
    """MLPClassifier of the rows with labels, as it is."""
    known = labels != NO_LABEL
    return make_pipeline(StandardScaler(), MLPClassifier(random_state=seed)).fit(rows[known], labels[known])


def boosting(rows: Array, labels: Array, seed: int) -> Any:
    """HistGradientBoostingClassifier of the rows with labels, as it is."""
    known = labels != NO_LABEL
    return HistGradientBoostingClassifier(random_state=seed).fit(rows[known], labels[known])


def ours(rows: Array, labels: Array, seed: int, **parameters: Any) -> Any:
    """DBNClassifier, with its defaults but for these parameters."""
    return DBNClassifier(random_state=seed, **parameters).fit(rows, labels)


ESTIMATORS: Final[dict[str, Callable[[Array, Array, int], Any]]] = {
    "DBNClassifier": ours,
    "BernoulliRBM, LogisticRegression": pipeline,
    "MLPClassifier": perceptron,
    "HistGradientBoostingClassifier": boosting,
}


def score(
    parts: Iterator[Division], each: Callable[[int], int], seed: int, learn: Callable[[Array, Array, int], Any]
) -> dict[str, float]:
    """Accuracies over the test rows of all divisions together, and the mean seconds of learning and of predicting.

    Seconds are the processor's, so that what else the machine does is left out: run this with a single thread.
    """
    found, wanted, learning, predicting = [], [], [], []
    for rows, labels, test, test_labels in parts:
        shown = with_few(labels, each, seed)
        started = time.process_time()
        model = learn(rows, shown, seed)
        learnt = time.process_time()
        found.append(model.predict(test))
        predicting.append(time.process_time() - learnt)
        learning.append(learnt - started)
        wanted.append(test_labels)
    truth, answers = np.concatenate(wanted), np.concatenate(found)
    return {
        "accuracy": float(accuracy_score(truth, answers)),
        "balanced_accuracy": float(balanced_accuracy_score(truth, answers)),
        "fit_seconds": statistics.fmean(learning),
        "predict_seconds": statistics.fmean(predicting),
    }


class Runs:
    """A record on disk of runs, each measured once."""

    def __init__(self, out: Path, settings: dict[str, Any], console: Console) -> None:
        self._out, self._console = out, console
        kept = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
        if kept and kept["settings"] != settings:
            raise SystemExit(f"{out} has runs with other settings: move it away to measure anew.")
        self.record = {"machine": describe_machine(torch.device("cpu")), "settings": settings, "runs": []} | kept

    def measure(self, which: dict[str, Any], work: Callable[..., dict[str, float]], *given: Any) -> None:
        """Do the work of a run that has no figures yet, and keep its figures."""
        if any(which.items() <= run.items() for run in self.record["runs"]):
            return
        run = {**which, **work(*given)}
        self.record["runs"].append(run)
        save(self.record, self._out)
        self._console.print(" ".join(str(value) for value in run.values()), highlight=False)


def save(record: dict[str, Any], out: Path) -> None:
    """Write a record, whole or not at all."""
    with replacing(out) as path:
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


@app.command()
def compare(
    seeds: Seeds = 5,
    only: Annotated[str, typer.Option(help="Of the data sets, with commas between them.")] = ",".join(DATA),
    data: Data = None,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = RESULTS / "estimators.json",
) -> None:
    """Four classifiers on digits, Fashion-MNIST and five tables, with all labels and with one in a hundred."""
    console = Console()
    runs = Runs(out, {"folds": FOLDS, "share": SHARE, "data": list(DATA)}, console)
    for seed, name, labels in itertools.product(range(seeds), only.split(","), SHOWN):
        for estimator, learn in ESTIMATORS.items():
            which = {"data": name, "labels": labels, "estimator": estimator, "seed": seed}
            runs.measure(which, score, divisions(name, seed, data), SHOWN[labels], seed, learn)
    print_results(console, compared_table(runs.record))


@app.command()
def few(
    seeds: Seeds = 5,
    labels: Annotated[str, typer.Option(help="How many, with commas between them.")] = ",".join(map(str, FEW)),
    data: Data = None,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = RESULTS / "few-labels.json",
) -> None:
    """DBNClassifier on MNIST, which sees all 60,000 training images, and the labels of few of them."""
    console = Console()
    runs = Runs(out, {str(number): parameters for number, parameters in FEW.items()}, console)
    for seed, number in itertools.product(range(seeds), map(int, labels.split(","))):
        learn = partial(ours, **FEW[number])
        runs.measure(
            {"labels": number, "seed": seed},
            score,
            divisions("mnist", seed, data),
            partial(min, number // CLASSES),
            seed,
            learn,
        )
    print_results(console, few_table(runs.record))


if __name__ == "__main__":
    app()
