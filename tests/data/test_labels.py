"""Labels, by one rule for every learner: whole numbers from 0, one for each item, of two classes or more to learn."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepbelief import (
    Bernoulli,
    ConvergedTraining,
    FeedForward,
    HybridSettings,
    HybridTraining,
    Labelled,
    LabelledDBN,
    LabelledRBM,
    MinibatchSettings,
    MinibatchTraining,
    Random,
    UpDownSettings,
    UpDownTraining,
    accuracy,
)
from deepbelief.data.labels import as_labels
from deepbelief.errors import DataError, DataWarning
from deepbelief.learning import ConvergedSettings, FullBatchSettings, FullBatchTraining

X = Random(0, "values").uniform((12, 5))
Y = torch.arange(12) % 3


def network() -> FeedForward:
    return FeedForward([5, 3], torch.relu, Random(0))


def hybrid(labels: Any, held_out: Any = None) -> Any:
    model = LabelledRBM(Bernoulli(5), 3, Bernoulli(2), Random(0))
    return HybridTraining(model, (X, labels), HybridSettings(patience=0), random=Random(0), held_out=held_out)


def updown(labels: Any, held_out: Any = None) -> Any:
    model = LabelledDBN.from_sizes([5, 4, 2], 3, Random(0))
    return UpDownTraining(model, (X, labels), UpDownSettings(), random=Random(0), held_out=held_out)


def minibatches(labels: Any, held_out: Any = (X, Y)) -> Any:
    return MinibatchTraining(network(), (X, labels), MinibatchSettings(), random=Random(0), held_out=held_out)


def readout(labels: Any, held_out: Any = None) -> Any:
    return ConvergedTraining(network(), (X, labels), ConvergedSettings(max_iterations=2), held_out=held_out)


HELD_OUT: dict[str, Callable[..., Any]] = {
    "hybrid": hybrid,
    "updown": updown,
    "minibatches": minibatches,
    "readout": readout,
}
LEARNERS = HELD_OUT | {"full batch": lambda labels: FullBatchTraining(network(), (X, labels), FullBatchSettings())}
ALL = LEARNERS | {
    "Labelled": lambda labels: Labelled(X, labels, 3),
    "accuracy": lambda labels: accuracy(network(), X, labels),
    "join": lambda labels: LabelledRBM(Bernoulli(5), 3, Bernoulli(2), Random(0)).join(X, labels),
    **{f"held out for {name}": lambda labels, f=f: f(Y, held_out=(X, labels)) for name, f in HELD_OUT.items()},
}

WRONG = {
    "below 0": (Y - 1, "labels range from -1 to 1; number the 3 classes from 0"),
    "from 1": (Y + 1, "labels range from 1 to 3; number the 3 classes from 0"),
    "two few": (Y[:-1], "12 items have 11 labels; give exactly one label per item"),
    "not whole": (np.where(np.arange(12) == 7, 0.5, Y), r"item 7 has the label 0\.5; give whole numbers"),
    "NaN": (np.where(np.arange(12) == 4, np.nan, Y), "item 4 has the label nan; give whole numbers"),
    "infinite": (np.where(np.arange(12) == 4, np.inf, Y), "item 4 has the label inf; give whole numbers"),
    "one-hot": (torch.eye(3)[Y], r"labels have the shape \(12, 3\); give one whole number for each item"),
    "a number": (1, r"labels have the shape \(\)"),
    "text": (["a", "b", "c"] * 4, "the labels are a list of str"),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_labels_are_told_before_anything_is_learnt(name: str, wrong: str) -> None:
    labels, message = WRONG[wrong]
    if name == "accuracy":
        message = message.replace("the 3 classes", "the (3 )?classes")
    with pytest.raises(DataError, match=message):
        ALL[name](labels)


@pytest.mark.parametrize("name", LEARNERS)
def test_one_class_is_none_to_learn(name: str) -> None:
    with pytest.raises(DataError, match="all 12 training labels are 2; give items of at least two classes"):
        LEARNERS[name](torch.full((12,), 2))


@pytest.mark.parametrize("name", LEARNERS)
def test_a_class_that_never_occurs_is_told_of_where_the_learner_is_made(name: str) -> None:
    with pytest.warns(DataWarning, match="class 1 of 0 to 2 never occurs among the training labels") as told:
        LEARNERS[name](Y.clamp(max=1) * 2)
    assert [one.filename for one in told] == [__file__]


def test_a_single_class_is_enough_to_measure() -> None:
    Labelled(X, torch.zeros(12), 3)
    readout(Y, held_out=(X[:2], [0, 0]))
    assert accuracy(network(), X[:1], [0]) in (0.0, 1.0)
    with pytest.raises(DataError, match="no items to classify"):
        accuracy(network(), X[:0], [])


@given(
    st.lists(st.integers(0, 9), min_size=1), st.sampled_from([bool, "u1", "i2", "i8", "u4", "f2", "f4", ">f8", ">i4"])
)
def test_whole_numbers_of_any_type_are_labels(labels: list[int], dtype: Any) -> None:
    array = np.array(labels).astype(dtype)
    for form in (array, array[:, None], array.tolist(), torch.tensor(array.tolist())):
        found = as_labels(form, len(labels), 10)
        assert found.dtype == torch.int64
        assert found.tolist() == array.astype(int).tolist()
