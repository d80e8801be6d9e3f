"""How numbers and names are written, the same in tables, captions and pictures."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from deepbelief.study.records import Metric

ABSENT: Final = "–"  # noqa: RUF001

_SPACE: Final = "\N{NO-BREAK SPACE}"
_CONTESTANTS: Final = {
    "ffnn": "feed-forward",
    "ffnn_published": "feed-forward, published shape",
    "finetuned": "fine-tuned",
    "label_rbm": "label RBM",
    "mlp_head": "MLP head",
    "robust_readout": "robust read-out",
}


def contestant_name(contestant: str) -> str:
    """`readout_2` -> `read-out 2`, `ffnn` -> `feed-forward`, others without their underscores.

    What an evaluation has made of them follows: `ffnn_noisy` -> `feed-forward, noise`, and `readout_2_rebuilt_2x1` ->
    `read-out 2, rebuilt from 2 once`.
    """
    bare, _, way = contestant.partition("_rebuilt_")
    if found := re.fullmatch(r"(\d+(?:_\d+)*)x(\d+)(_sampled_\d+)?", way):
        sampled = ", samples" if found[3] else ""
        rebuilt = f"rebuilt from {listing([depth for depth in found[1].split('_') if depth != '0'])}"
        as_it_is = "as it is and " if found[1].startswith("0") else ""
        return f"{contestant_name(bare)}, {as_it_is}{rebuilt} {times(int(found[2]))}{sampled}"
    for ending, words in (("_noisy", "noise"), ("_attacked", "attacks")):
        if contestant.endswith(ending):
            return f"{contestant_name(contestant.removesuffix(ending))}, {words}"
    if contestant.startswith("readout_"):
        return f"read-out {contestant.removeprefix('readout_')}"
    return _CONTESTANTS.get(contestant, contestant.replace("_", " "))


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


def processor(machine: Mapping[str, Any]) -> str:
    """`2 cores (AMD EPYC, AVX2)`, `1 of 2 cores` where threads were fewer, or the GPU's name: what did the work."""
    if machine.get("device", "cpu") != "cpu":
        return str(machine["device"])
    names = [str(machine[key]) for key in ("processor", "capability") if machine.get(key)]
    cores = machine.get("cores", ABSENT)
    threads = machine.get("threads", cores)
    return f"{cores if threads == cores else f'{threads} of {cores}'} cores ({', '.join(names)})"


def measured_on(machine: Mapping[str, Any]) -> str:
    """`fp32 on 2 cores (AMD EPYC, AVX2)`: in which precision a figure was made, and on what."""
    return f"{machine['precision']} on {processor(machine)}" if "precision" in machine else processor(machine)


def times(count: int) -> str:
    """`once`, `twice`, `5 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def without_labels(data_name: str, stages: Sequence[str]) -> str:
    """Which stages a study of data without labels leaves out, and why; nothing if there are none."""
    if not stages:
        return ""
    names = listing([stage.replace("_", " ") for stage in stages])
    return f"As {data_name} has no labels, there are no classifiers, and these stages are left out: {names}."


def listing(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
