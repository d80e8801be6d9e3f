"""What is fitted: how many answers were right at each level, checked."""

from typing import NamedTuple

import numpy as np

from deepbelief.arrays import TensorLike, as_tensor
from deepbelief.errors import DataError
from deepbelief.robustness.psychometrics.sigmoids import Array

_FEWEST_LEVELS = 3


class Counts(NamedTuple):
    """Blocks of trials, (blocks,) each: the level, the right answers, the trials."""

    levels: Array
    right: Array
    trials: Array


def checked_counts(levels: TensorLike, right: TensorLike, trials: TensorLike) -> Counts:
    """The blocks one after the other.

    Args:
        levels: (levels,).
        right: (levels,), or (repetitions, levels).
        trials: a number, or one for each level, or for each entry of `right`.

    Raises:
        DataError: shapes that do not fit, fewer than 3 levels, or numbers that are no levels or no counts.
    """
    along, correct, all_trials = (
        as_tensor(given, what).detach().double().cpu().numpy()
        for given, what in ((levels, "the levels"), (right, "the right answers"), (trials, "the trials"))
    )
    _check_shapes(along, correct, all_trials)
    blocks = np.broadcast_arrays(along, correct, all_trials)
    counts = Counts(*(np.ascontiguousarray(block).ravel() for block in blocks))
    _check_levels(counts.levels)
    _check_numbers(counts)
    return counts


def _check_shapes(levels: Array, right: Array, trials: Array) -> None:
    if levels.ndim != 1 or right.ndim not in (1, 2) or right.shape[-1] != len(levels) or not right.size:
        raise DataError(
            f"the levels are of shape {levels.shape} and the right answers of shape {right.shape}: give (levels,) and "
            "(levels,), or (repetitions, levels)."
        )
    if trials.shape not in ((), levels.shape, right.shape):
        raise DataError(
            f"the trials are of shape {trials.shape}: give one number for all, or one for each of the right answers, "
            f"{right.shape}."
        )


def _check_levels(levels: Array) -> None:
    if not (np.isfinite(levels) & (levels >= 0)).all():
        wrong = levels[~(np.isfinite(levels) & (levels >= 0))][0]
        raise DataError(f"there is a level {wrong:g}: give finite numbers from 0, which is no perturbation.")
    different = len(np.unique(levels))
    if different < _FEWEST_LEVELS:
        raise DataError(
            f"there are {different} different levels, which no curve can be fitted to: measure at {_FEWEST_LEVELS} or "
            "more, better at 5 or more."
        )


def _check_numbers(counts: Counts) -> None:
    for level, right, trials in zip(*counts, strict=True):
        if not (np.isfinite(trials) and trials >= 1 and trials == np.floor(trials)):
            raise DataError(f"at level {level:g} there are {trials:g} trials: give a whole number from 1.")
        if not (0 <= right <= trials):
            raise DataError(f"at level {level:g} {right:g} of {trials:g} answers are right: give a number up to those.")
        if right != np.floor(right):
            raise DataError(
                f"at level {level:g} {right:g} answers are right: give whole numbers, not shares of the trials."
            )
