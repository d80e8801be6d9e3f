"""Class labels of the kinds that people save."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepbelief.data.label_files import read_classes, read_labels, warn_of_unlearnt
from deepbelief.errors import DataError, DataWarning

CLASSES = np.array([2, 0, 1, 1])


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (CLASSES, "012"),
        (CLASSES.astype(">u2"), "012"),
        (CLASSES[:, None], "012"),
        (CLASSES.astype(np.float16), "012"),
        (CLASSES[:, None] * 1.0, "012"),
        (CLASSES + 1, "123"),
        (CLASSES * 2 - 2, ("-2", "0", "2")),
        (np.eye(3)[CLASSES], "012"),
        (np.eye(3, dtype=bool)[CLASSES], "012"),
        (np.eye(5, dtype=int)[CLASSES + 2], "234"),  # classes that never occur are none
        (np.array(["ant", "bee", "cat"])[CLASSES], ("ant", "bee", "cat")),
        (np.array(["ant", "bee", "cat"])[CLASSES, None], ("ant", "bee", "cat")),
        (np.array([b"ant", "bé".encode(), b"cat"])[CLASSES], ("ant", "bé", "cat")),
    ],
)
def test_labels_of_any_kind_are_numbered_from_0(labels, names):
    found, classes = read_classes({"y": labels})
    assert classes == tuple(names)
    assert found["y"].dtype == torch.int64 and found["y"].tolist() == CLASSES.tolist()


def test_truth_values_are_two_classes():
    assert read_classes({"y": np.array([True, False])})[1] == ("0", "1")


@given(st.lists(st.integers(-(2**53), 2**53), min_size=1), st.lists(st.integers(-5, 5), min_size=1))
def test_classes_are_the_labels_that_occur(train, test):
    found, names = read_classes({"train": np.array(train), "test": np.array(test)})
    assert [int(names[place]) for place in found["train"]] == train
    assert [int(names[place]) for place in found["test"]] == test
    assert [int(name) for name in names] == sorted({*train, *test})
    kept = read_labels({"train": np.array(train), "test": np.array(test)})
    assert {key: labels.tolist() for key, labels in kept.items()} == {"train": train, "test": test}


def test_names_are_given():
    names = np.array(["cat", "ant", "bee"])
    found, classes = read_classes({"y": CLASSES}, names)
    assert classes == ("cat", "ant", "bee") and found["y"].tolist() == CLASSES.tolist()
    found, classes = read_classes({"y": np.array(["bee", "bee"])}, names)
    assert classes == ("cat", "ant", "bee") and found["y"].tolist() == [2, 2]
    with pytest.raises(DataError, match="the label 'eel' is not among class_names"):
        read_classes({"y": np.array(["bee", "eel"])}, names)


@pytest.mark.parametrize("names", [np.array(["a", "a"]), np.array([["a"]]), np.array([1, 2])])
def test_names_that_are_none(names):
    with pytest.raises(DataError, match="class_names"):
        read_classes({"y": np.array([0, 1])}, names)


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        (np.array([0, 0.5]), "y has the label 0.5 at position 1"),
        (np.array([np.nan, 1]), "the label nan at position 0"),
        (np.array([0, np.inf]), "the label inf at position 1"),
        (np.array([0, 2**63], np.uint64), "the label 9.22337e.18 at position 1"),
        (np.array([1e300]), "the label 1e.300 at position 0"),
        (np.array(["a", ""]), "y has an empty label at position 1"),
        (np.array([b"\xff"]), "not UTF-8"),
        (np.array(1), r"shape \(\)"),
        (np.array([[0, 1], [1, 1]]), "rows with a single 1"),
        (np.array([[0, 1], [0, 2]]), "rows with a single 1"),
        (np.array([[0.5, 0.5]]), "rows with a single 1"),
        (np.array([["a", "b"]]), "has the type <U1"),
        (np.array([1j]), "has the type complex128"),
        (np.array(["2001"], "M8[Y]"), "has the type datetime64"),
    ],
)
def test_what_is_no_label_is_refused(labels, fault):
    for read in (read_classes, read_labels):
        with pytest.raises(DataError, match=fault):
            read({"y": labels})


def test_numbers_and_text_are_not_mixed():
    with pytest.raises(DataError, match="a and b are partly numbers and partly text"):
        read_classes({"a": np.array([1]), "b": np.array(["1"])})


def test_text_is_numbered_over_all_arrays():
    found = read_labels({"a": np.array(["x", "z"]), "b": np.array(["y"])})
    assert found["a"].tolist() == [0, 2] and found["b"].tolist() == [1]
    assert read_labels({}) == {}


def test_classes_without_a_training_image_are_told_of():
    with warnings.catch_warnings(record=True, action="always") as told:
        warn_of_unlearnt(Path("mine.npz"), torch.tensor([1, 0]), ("a", "b"))
        assert not told
        warn_of_unlearnt(Path("mine.npz"), torch.tensor([1, 1]), ("a", "b", "c"))
    assert [str(warning.message)[:51] for warning in told] == ["mine.npz has no training image of the class a, c, w"]
    assert told[0].category is DataWarning
