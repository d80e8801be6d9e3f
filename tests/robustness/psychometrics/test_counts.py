"""What is taken as counts, and what is refused, each in a sentence."""

import math

import numpy as np
import pytest
import torch

from deepbelief.errors import DataError, SettingsError
from deepbelief.robustness import fit_psychometric
from deepbelief.robustness.psychometrics.counts import checked_counts


def test_repetitions_are_blocks_one_after_the_other() -> None:
    right = torch.tensor([[9, 5, 1], [8, 4, 2]])
    found = checked_counts([0, 0.5, 1], right, [10, 20, 30])
    assert found.levels.tolist() == [0, 0.5, 1] * 2
    assert found.right.tolist() == [9, 5, 1, 8, 4, 2]
    assert found.trials.tolist() == [10, 20, 30] * 2
    assert checked_counts([0, 0.5, 1], right, right + 1).trials.tolist() == [10, 6, 2, 9, 5, 3]


@pytest.mark.parametrize(
    ("levels", "right", "trials", "match"),
    [
        ([0, 1], [9, 5], 10, "there are 2 different levels, which no curve can be fitted to"),
        ([0, 1, 1, 1], [9, 5, 4, 3], 10, "there are 2 different levels"),
        ([0, 1, math.nan], [9, 5, 1], 10, "there is a level nan: give finite numbers from 0"),
        ([-1, 0, 1], [9, 5, 1], 10, "there is a level -1"),
        ([0, 1, math.inf], [9, 5, 1], 10, "there is a level inf"),
        ([0, 1, 2], [9, 11, 1], 10, "at level 1 11 of 10 answers are right"),
        ([0, 1, 2], [9, -1, 1], 10, "at level 1 -1 of 10 answers are right"),
        ([0, 1, 2], [9, math.nan, 1], 10, "at level 1 nan of 10 answers are right"),
        ([0, 1, 2], [0.9, 0.5, 0.1], 10, "give whole numbers, not shares of the trials"),
        ([0, 1, 2], [9, 5, 1], [10, 10, 0], "at level 2 there are 0 trials: give a whole number from 1"),
        ([0, 1, 2], [9, 5, 1], [10, 9.5, 10], "at level 1 there are 9.5 trials"),
        ([0, 1, 2], [9, 5, 1], math.nan, "at level 0 there are nan trials"),
        ([0, 1, 2], [9, 5, 1], [10, 10], r"the trials are of shape \(2,\)"),
        ([0, 1, 2], [9, 5], 10, r"the levels are of shape \(3,\) and the right answers of shape \(2,\)"),
        ([[0, 1, 2]], [9, 5, 1], 10, r"the levels are of shape \(1, 3\)"),
        ([], [], 10, r"the levels are of shape \(0,\)"),
        (["a", "b", "c"], [9, 5, 1], 10, "the levels are a list of"),
    ],
)
def test_impossible_counts(levels, right, trials, match: str) -> None:
    with pytest.raises(DataError, match=match) as caught:
        fit_psychometric(levels, right, trials, 10)
    assert str(caught.value).count(". ") == 0


def test_a_classifier_has_classes() -> None:
    with pytest.raises(SettingsError, match="give 2 or more"):
        fit_psychometric([0, 1, 2], [9, 5, 1], np.int64(10), 1)
