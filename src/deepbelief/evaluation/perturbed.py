"""The stages that perturb the test images: by one kind of perturbation each, at several levels."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepbelief.evaluation.contestants import Contestants
from deepbelief.evaluation.records import LEVELLED
from deepbelief.robustness import (
    PERTURBATIONS,
    AutoLevels,
    FreeGuess,
    PsychometricFit,
    PsychometricSettings,
    fit_psychometric,
)
from deepbelief.study.context import Context, Findings, share

PREFIX: Final = "perturbation_"
"""What the stage of a perturbation is called, before the perturbation's name."""

_FEWEST_LEVELS: Final = 4  # for a curve of three parameters, the clean images among them
_DRAWN: Final = 41  # levels at which a fitted curve is kept
_ANY_GUESS: Final = FreeGuess(strength=2)  # of a class: near 0 or far above chance, both are likely
_CLEAN: Final = 10_000  # training images whose means and covariances are taken


def written(perturbation: str) -> str:
    """The name of a perturbation as part of the name of a metric or a stage: `clipped-gaussian`, `clipped_gaussian`."""
    return perturbation.replace("-", "_")


def clean(contestants: Contestants) -> Callable[[Context], Findings]:
    """The stage that shows the test images as they are."""

    def shown(context: Context) -> Findings:
        found = Findings(facts={"images": len(context.test)})
        for name, hits in contestants.clean.items():
            found.metrics[f"accuracy/{name}"] = share(hits)
            found.arrays[f"right/{name}"] = packed([hits])
        found.headline = _best({name: share(hits) for name, hits in contestants.clean.items()})
        return found

    return shown


def stage_of(
    contestants: Contestants,
    perturbation: str,
    levels: Sequence[float],
    levelled: bool = False,
    by_class: Collection[str] = (),
) -> Callable[[Context], Findings]:
    """The stage that perturbs the test images in one way, at these levels; every contestant sees the same images.

    If `levelled`, they all see them after `AutoLevels`, which knows of no perturbation, and so also the clean images.
    Contestants that are named in `by_class` also get a psychometric curve for each class.
    """

    def perturbed(context: Context) -> Findings:
        kind = written(perturbation) + (LEVELLED if levelled else "")
        found = Findings(facts={"images": len(context.test), "levels": list(levels)})
        example = int(context.random("example").permutation(len(context.test))[0])
        help_all = _auto_levels(context) if levelled else nn.Identity()
        clean = help_all(context.test_pixels)
        examples, right = [clean[example]], [contestants.right(clean) if levelled else contestants.clean]
        for number, (level, images) in enumerate(_changed(context, perturbation, levels), start=1):
            images = help_all(images)
            examples.append(images[example])
            right.append(contestants.right(images))
            context.progress.step(number, len(levels), f"{kind} {level:g}")
        for name in contestants.names:
            hits = [one[name] for one in right]
            measured = [(0.0, hits[0])] * levelled + list(zip(levels, hits[1:], strict=True))
            found.metrics |= {f"accuracy/{name}/{kind}@{level:g}": share(one) for level, one in measured}
            found.arrays[f"right/{name}"] = packed(hits[1:])
            _fit(context, name, kind, [0.0, *levels], hits, found)
            if name in by_class:
                _fit_classes(context, name, kind, [0.0, *levels], hits, found)
        found.arrays["examples"] = context.picture(torch.stack(examples))
        found.headline = _best({name: found.metrics[f"accuracy/{name}/{kind}@{levels[-1]:g}"] for name in right[-1]})
        return found

    return perturbed


def _changed(context: Context, perturbation: str, levels: Sequence[float]) -> Iterator[tuple[float, Tensor]]:
    """Each level, and the test images perturbed by it."""
    change, random = PERTURBATIONS[perturbation], context.random(perturbation)
    for level in levels:
        yield level, change(context.test_pixels, level, random, shape=context.image_shape, bounds=context.bounds)


def _fit(
    context: Context, name: str, kind: str, levels: Sequence[float], right: Sequence[Tensor], found: Findings
) -> None:
    """The psychometric curve of a contestant, from the clean images on; nothing where there are too few levels.

    Threshold and width are metrics only where the threshold lies among the levels: elsewhere they are hardly measured.
    """
    if len(levels) < _FEWEST_LEVELS:
        return
    counts = [int(hits.sum()) for hits in right]
    fit = fit_psychometric(levels, counts, len(right[0]), context.classes)
    found.facts.setdefault("fits", {})[name] = {
        **{of: list(getattr(fit, of)) for of in ("threshold", "width", "slope", "lapse", "overdispersion")},
        "beyond": fit.beyond,
        "warnings": list(fit.warnings),
    }
    if fit.beyond == "no":
        found.metrics |= {f"threshold/{name}/{kind}": fit.threshold.value, f"width/{name}/{kind}": fit.width.value}
    found.arrays["fitted_levels"] = _along(levels)
    found.arrays[f"fitted/{name}"] = _drawn(fit, levels)


def _fit_classes(
    context: Context, name: str, kind: str, levels: Sequence[float], right: Sequence[Tensor], found: Findings
) -> None:
    """The psychometric curve of each class by itself: NaN for a class without images.

    What a classifier says when nothing can be seen may well be this class, so the accuracy that is left is fitted, too.
    """
    if len(levels) < _FEWEST_LEVELS:
        return
    labels = context.test.required_labels()
    accuracies, curves = np.full((context.classes, len(levels)), np.nan), np.full((context.classes, 3, _DRAWN), np.nan)
    for number, n in enumerate(labels.bincount().tolist()):
        if not n:
            continue
        counts = [int(hits[labels == number].sum()) for hits in right]
        fit = fit_psychometric(levels, counts, n, context.classes, PsychometricSettings(guess=_ANY_GUESS))
        if fit.beyond == "no":
            found.metrics[f"threshold/{name}/{kind}/{number}"] = fit.threshold.value
        accuracies[number], curves[number] = np.array(counts) / n, _drawn(fit, levels)
    found.arrays |= {f"of_classes/{name}": accuracies, f"fitted_classes/{name}": curves}


def _along(levels: Sequence[float]) -> NDArray[np.float64]:
    """The levels at which fitted curves are kept."""
    return np.linspace(0, levels[-1], _DRAWN)


def _drawn(fit: PsychometricFit, levels: Sequence[float]) -> NDArray[np.float64]:
    """The accuracy along a fitted curve, and the ends of its credible interval: (3, levels)."""
    band = fit.band(_along(levels))
    drawn: NDArray[np.float64] = torch.stack([band.accuracy, band.low, band.high]).numpy()
    return drawn


def _auto_levels(context: Context) -> AutoLevels:
    """From training images, which are clean."""
    images = context.training.batch(slice(0, _CLEAN)).to(context.test_pixels)
    return AutoLevels.of(images, context.image_shape, context.bounds)


def packed(rows: Sequence[Tensor]) -> NDArray[np.uint8]:
    """Rows of n true or false values as bits, eight in a byte: (rows, n / 8 rounded up)."""
    return np.packbits(torch.stack(list(rows)).cpu().numpy(), axis=1)


def unpacked(bits: NDArray[np.uint8], count: int) -> NDArray[np.bool_]:
    """What `packed` has packed: (rows, count)."""
    return np.unpackbits(bits, axis=1, count=count).astype(bool)


def _best(accuracies: dict[str, float]) -> str:
    """The contestant with the highest accuracy, in words."""
    name = max(accuracies, key=accuracies.__getitem__)
    return f"best {name} {accuracies[name]:.4f}"
