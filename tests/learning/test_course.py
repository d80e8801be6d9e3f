"""What all trainings share: the choice of the best epoch, and scores."""

import math

import pytest

from deepbelief.learning import EpochRecord, Record
from deepbelief.learning.course import best_epoch


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([0.5, 0.7, 0.7], 2),
        ([-3.0, math.nan, -4.0], 1),
        ([math.nan, -4.0, None], 2),
        ([None, None], 1),
    ],
)
def test_an_epoch_without_a_score_is_never_the_best(scores: list[float | None], best: int) -> None:
    records = [Record(epoch, 1.0, score) for epoch, score in enumerate(scores, start=1)]
    assert best_epoch(records, patience=1) == best
    assert best_epoch(records, patience=0) == len(scores)
    assert best_epoch([], patience=1) is None


@pytest.mark.parametrize(
    ("monitors", "score", "name"),
    [
        ({"held_out_error_unit": 0.3, "pseudo_likelihood_unit": -0.2}, -0.2, "pseudo-likelihood"),
        ({"held_out_error_unit": 0.3}, -0.3, "minus the reconstruction error"),
        ({"reconstruction_error_unit": 0.3}, None, None),
    ],
)
def test_the_score_of_an_rbm(monitors: dict[str, float], score: float | None, name: str | None) -> None:
    record = EpochRecord(1, 1, 20.0, monitors)
    assert (record.score, record.score_name) == (score, name)
