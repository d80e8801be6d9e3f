"""How numbers and names are written, the same in tables, captions and pictures."""

import re
from collections.abc import Sequence
from typing import Final

from deepbelief.study.records import Metric

ABSENT: Final = "–"  # noqa: RUF001

_SPACE: Final = "\N{NO-BREAK SPACE}"
_CONTESTANTS: Final = {"ffnn": "feed-forward", "finetuned": "fine-tuned"}
_QUANTITIES: Final = (
    (r"accuracy/(\w+)", "test accuracy, {0}"),
    (r"accuracy_train/(\w+)", "training accuracy, {0}"),
    (r"accuracy/(\w+)/gaussian@(.+)", "test accuracy at noise {1}, {0}"),
    (r"accuracy/(\w+)/gaussian_clipped@(.+)", "test accuracy at clipped noise {1}, {0}"),
    (r"accuracy/(\w+)/fgsm@(.+)", "test accuracy under FGSM {1}, {0}"),
    (r"accuracy/(\w+)/uniform@(.+)", "test accuracy at uniform noise {1}, {0}"),
    (r"accuracy/(\w+)/fgsm_defended_(\d+)@(.+)", "test accuracy under FGSM {2}, {1} x up and down, {0}"),
    (r"accuracy/(\w+)/fgsm_adaptive_(\d+)@(.+)", "test accuracy under adaptive FGSM {2}, {1} x up and down, {0}"),
    (r"reconstruction_error/layer_(\d+)@(.+)", "reconstruction error after epoch {1}, layer {0}"),
    (r"loss/(\w+)@(.+)", "training loss at step {1}, {0}"),
)


def contestant_name(contestant: str) -> str:
    """`readout_2` -> `read-out 2`, `ffnn` -> `feed-forward`, others without their underscores."""
    if contestant.startswith("readout_"):
        return f"read-out {contestant.removeprefix('readout_')}"
    return _CONTESTANTS.get(contestant, contestant.replace("_", " "))


def quantity(metric: str) -> str:
    """The name of a metric in words; a metric without words keeps its name."""
    for pattern, words in _QUANTITIES:
        if match := re.fullmatch(pattern, metric):
            return words.format(*(contestant_name(part) for part in match.groups()))
    return metric


def interval(metric: Metric | None, *, scale: float = 1, digits: int = 3) -> str:
    """`79.0 ± 0.4`: the mean with half its 95 % interval, or the mean alone for a single seed."""
    if metric is None:
        return ABSENT
    mean = f"{metric.mean * scale:.{digits}f}"
    if metric.ci95 is None:
        return mean
    return f"{mean}{_SPACE}±{_SPACE}{(metric.ci95[1] - metric.ci95[0]) / 2 * scale:.{digits}f}"


def points(metric: Metric | None, digits: int = 1) -> str:
    """A share in per cent without the sign, for tables whose title has it."""
    return interval(metric, scale=100, digits=digits)


def percent(share: float | Metric | None, digits: int = 1) -> str:
    """A share in per cent, with its sign, for running text."""
    if share is None:
        return ABSENT
    if isinstance(share, Metric):
        return f"{points(share, digits)}{_SPACE}%"
    return f"{100 * share:.{digits}f}{_SPACE}%"


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign; a minus as wide as a plus."""
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def duration(seconds: float) -> str:
    """`0.82 s`, `43 s`, `7 min 7 s`, `1 h 3 min`."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def memory(size: float) -> str:
    """A number of bytes in MiB or GiB."""
    mebibytes = size / 2**20
    return f"{mebibytes:.0f} MiB" if mebibytes < 1024 else f"{mebibytes / 1024:.1f} GiB"


def times(count: int) -> str:
    """`once`, `twice`, `5 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def listing(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
