"""Who is more robust than whom, to what, and how sure that is: paired comparisons over images and seeds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepbelief.evaluation import attacked, perturbed
from deepbelief.evaluation.perturbed import unpacked
from deepbelief.evaluation.records import LEVELLED, NORMS, Comparison
from deepbelief.robustness import PERTURBATIONS, compare, holm
from deepbelief.study.records import Metric, read_stage

_UNITS: Final = {"linf": "largest change of a pixel / range", "l2": "length of the change of an image / range"}

Scores = Mapping[str, NDArray[np.float64]]
"""Contestant -> (seeds, images): the share of levels at which an image is taken for what it is."""


def unit_of(kind: str) -> str:
    """What the levels of a perturbation, or the strengths of attacks in a norm, are measured in."""
    name = kind.removesuffix(LEVELLED).replace("_", "-")
    return _UNITS[kind] if kind in _UNITS else PERTURBATIONS[name].unit


def scores_of(folders: Sequence[Path], stages: Iterable[str], contestants: Sequence[str]) -> dict[str, Scores]:
    """The scores in the records of each seed, by kind: perturbations as metrics name them, and the norms of attacks."""
    found: dict[str, dict[str, list[NDArray[np.float64]]]] = {}
    for folder in folders:
        for stage in stages:
            for kind, name, levels in _right(folder / "stages", stage, contestants):
                found.setdefault(kind, {}).setdefault(name, []).append(levels.mean(axis=0))
    return {kind: {name: np.stack(seeds) for name, seeds in of_kind.items()} for kind, of_kind in found.items()}


def _right(folder: Path, stage: str, contestants: Sequence[str]) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Kind, contestant, and which images it takes for what they are at each level, (levels, images)."""
    if stage.startswith(perturbed.PREFIX):
        record, arrays = read_stage(folder, stage)
        for name in contestants:
            yield stage.removeprefix(perturbed.PREFIX), name, unpacked(arrays[f"right/{name}"], record.facts["images"])
    elif stage.startswith(attacked.PREFIX):
        record, arrays = read_stage(folder, stage)
        for norm in NORMS:
            if (bits := arrays.get(f"worst/{norm}")) is not None:
                yield norm, stage.removeprefix(attacked.PREFIX), unpacked(bits, record.facts["images"])


def means_of(scores: Mapping[str, Scores]) -> dict[str, Metric]:
    """The metrics `mean/<contestant>/<kind>`: the accuracy, as a mean over the levels of a kind."""
    return {
        f"mean/{name}/{kind}": Metric.over_seeds(list(of_name.mean(axis=1)))
        for kind, of_kind in scores.items()
        for name, of_name in of_kind.items()
    }


def comparisons(scores: Mapping[str, Scores], pairs: Sequence[tuple[str, str]]) -> list[Comparison]:
    """Compare these pairs under each kind of perturbation and attack; p is corrected for all of it together.

    Args:
        scores: by kind.
        pairs: of contestants, the first of which is better where the mean is above 0.
    """
    found = [
        (kind, first, second, compare(of_kind[first], of_kind[second]))
        for kind, of_kind in scores.items()
        for first, second in pairs
        if first in of_kind and second in of_kind
    ]
    corrected = holm([difference.p for *_, difference in found])
    return [
        Comparison(first=first, second=second, kind=kind, mean=difference.mean, ci95=difference.ci95, p=p)
        for (kind, first, second, difference), p in zip(found, corrected, strict=True)
    ]
