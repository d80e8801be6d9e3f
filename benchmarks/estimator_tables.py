"""The tables of docs/scikit-learn.md, from the records of estimators.py; readme.py writes them there."""

import statistics
from typing import Any, Final

from deepbelief.report.tables import Table
from deepbelief.report.text import points
from deepbelief.study.records import Metric

OURS: Final = "DBNClassifier"
# What is published of an RBM that is fine-tuned with so many labels of MNIST, in per cent.
PUBLISHED: Final = {"1000": "93.65", "100": "81.7"}


def compared_table(record: dict[str, Any]) -> Table:
    """What `compare` found: accuracies in per cent and the seconds of learning."""
    runs, rows, strong = record["runs"], [], set()
    for labels in ("all", "few"):
        for data in record["settings"]["data"]:
            here = [run for run in runs if (run["data"], run["labels"]) == (data, labels)]
            names = list(dict.fromkeys(run["estimator"] for run in here))
            cells = [[run for run in here if run["estimator"] == name] for name in names]
            means = [statistics.fmean(run["accuracy"] for run in of_one) for of_one in cells]
            for name, of_one, mean in zip(names, cells, means, strict=True):
                if mean == max(means):
                    strong.add((len(rows), 3))
                rows.append((data, labels, name, *figures(of_one)))
    share = 100 * record["settings"]["share"]
    title = (
        f"Accuracy on test rows in per cent, mean over the seeds with 95 % intervals; few labels: {share:g} % of them, "
        "two of each class at least"
    )
    header = ("data", "labels", "estimator", "accuracy", "balanced accuracy", "seconds to learn", "seeds")
    return Table(title, header, tuple(rows), frozenset(strong))


def figures(runs: list[dict[str, Any]]) -> tuple[str, ...]:
    """Accuracies, time and number of the runs of one estimator."""
    accuracies = (Metric.over_seeds([run[name] for run in runs]) for name in ("accuracy", "balanced_accuracy"))
    seconds = statistics.median(run["fit_seconds"] for run in runs)
    return *map(points, accuracies), f"{seconds:.0f}" if seconds >= 100 else f"{seconds:.2g}", str(len(runs))


def few_table(record: dict[str, Any]) -> Table:
    """What `few` found: MNIST with few labels."""
    rows = []
    for labels in map(str, sorted({run["labels"] for run in record["runs"]}, reverse=True)):
        runs = [run for run in record["runs"] if str(run["labels"]) == labels]
        rows.append((f"{labels} labels", *figures(runs), PUBLISHED.get(labels, "")))
    header = ("MNIST", "accuracy", "balanced accuracy", "seconds to learn", "seeds", "published")
    return Table(f"{OURS} on test images in per cent, all 60,000 training images seen", header, tuple(rows))


def speed_table(record: dict[str, Any]) -> Table:
    """What `speed` found: the same work in scikit-learn and here."""
    rows = []
    for name, seconds in record["seconds"].items():
        ratios = [other / own for other, own in zip(record["seconds"]["BernoulliRBM"], seconds, strict=True)]
        rows.append((name, f"{statistics.median(seconds):.1f}", f"{statistics.median(ratios):.2f}"))
    settings = record["settings"]
    title = (
        f"{settings['epochs']} passes over {settings['images']} images of Fashion-MNIST, 784-{settings['hidden']}, "
        f"batches of {settings['batch']}, threads: {record['machine']['threads']}; medians of "
        f"{settings['rounds']} rounds"
    )
    return Table(title, ("estimator", "seconds", "times as fast"), tuple(rows))


def text_table(record: dict[str, Any]) -> Table:
    """What `text` found: features of sparse rows, and memory."""
    settings, megabytes = record["settings"], {name: bytes_ / 1e6 for name, bytes_ in record["bytes"].items()}
    least = megabytes["matrix"] + megabytes["model"]
    rows = (
        ("pseudo-likelihood, nats, before learning", f"{record['pseudo_likelihood']['before']:.4f}"),
        ("pseudo-likelihood, nats, after", f"{record['pseudo_likelihood']['after']:.4f}"),
        ("features that vary over the texts", f"{record['varying']} of {settings['hidden']}"),
        ("topics told by a linear read-out of the features, %", f"{100 * record['topics']:.1f}"),
        ("matrix, MB", f"{megabytes['matrix']:.0f}"),
        ("model, MB", f"{megabytes['model']:.1f}"),
        ("memory at most while it learns, MB", f"{megabytes['peak']:.0f}"),
        ("the same by matrix and model", f"{megabytes['peak'] / least:.2f}"),
    )
    title = f"RBMTransformer on {settings['texts']} texts of {settings['topics']} topics, {settings['words']} words"
    return Table(title, ("", ""), rows)
