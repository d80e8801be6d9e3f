"""The tables of docs/findings.md: differences that its questions ask for, paired over the seeds, from the records."""

from deepbelief.evaluation.records import Evaluated
from deepbelief.report.tables import Table
from deepbelief.report.text import interval
from deepbelief.study.records import Metric, Results

# What is asked -> the two contestants whose difference answers it, and under what.
STUDY = {
    "pre-training, to a network that is fine-tuned": ("finetuned", "random_start", ""),
    "the DBN fine-tuned, beside a feed-forward network": ("finetuned", "ffnn", ""),
    "frozen features of all layers with a small network, beside a feed-forward network": ("mlp_head", "ffnn", ""),
    "the same, under noise of 0.7": ("mlp_head", "ffnn", "/gaussian@0.7"),
    "a strong penalty of the read-out, under noise of 1.3": ("robust_readout", "readout_3", "/gaussian@1.3"),
    "the same penalty, on clean images": ("robust_readout", "readout_3", ""),
}
EVALUATION = {
    "one look top-down, under noise of 0.7": ("mlp_head_rebuilt_1x1", "mlp_head", "/gaussian@0.7"),
    "the same, under noise of 1.3": ("mlp_head_rebuilt_1x1", "mlp_head", "/gaussian@1.3"),
    "the same, on clean images": ("mlp_head_rebuilt_1x1", "mlp_head", ""),
    "training on noise and a DBN's start, beside the same without the start, at noise 0.7": (
        *("finetuned_noisy", "ffnn_noisy"),
        "/gaussian@0.7",
    ),
    "training on attacks and a DBN's start, beside the same without the start, all attacks by 0.1": (
        *("finetuned_attacked", "ffnn_attacked"),
        "/linf@0.1",
    ),
}


def difference(metrics: dict[str, Metric], first: str, second: str, under: str) -> str:
    """The mean difference of two accuracies over the seeds, in points, with its interval."""
    pairs = zip(metrics[f"accuracy/{first}{under}"].values, metrics[f"accuracy/{second}{under}"].values, strict=True)
    metric = Metric.over_seeds([100 * (one - other) for one, other in pairs])
    return ("+" if metric.mean >= 0 else "") + interval(metric, digits=1)


def findings_table(study: Results, evaluated: Evaluated) -> Table:
    """What each thing is worth, in points of accuracy."""
    rows = [(asked, difference(study.metrics, *pair), "study") for asked, pair in STUDY.items()]
    rows += [(asked, difference(evaluated.metrics, *pair), "robustness") for asked, pair in EVALUATION.items()]
    return Table("", ("what is it worth?", "points of accuracy", "record"), tuple(rows))
