"""Learning from rows that come in parts."""

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits

from deepbelief.errors import SettingsError
from deepbelief.sklearn import DBNClassifier, DBNRegressor

IMAGES = (load_digits().data / 16).astype(np.float32)
LABELS = load_digits().target
QUICK: dict[str, Any] = {"batch_size": 20, "random_state": 0}
HEADS = {"finetuned": {"learning_rate": 0.01}, "readout": {}, "label_rbm": {"batch_size": 10}}


def parts_of(rows: int, size: int, rounds: int) -> list[slice]:
    """Slices of so many rows, again and again."""
    return [slice(start, start + size) for start in range(0, rows, size)] * rounds


@pytest.mark.parametrize("head", HEADS)
def test_a_classifier_learns_from_parts_of_which_some_lack_classes_or_labels(head: Any) -> None:
    labels = LABELS[:1400].copy()
    for number, part in enumerate(parts_of(1400, 350, 1)):
        labels[part][labels[part] == number] = -1
    model = DBNClassifier((60,), head=head, head_settings=HEADS[head], **QUICK)
    for part in parts_of(1400, 350, 6):
        assert model.partial_fit(IMAGES[part], labels[part], classes=range(10)) is model
    assert list(model.classes_) == list(range(10))
    assert model.n_iter_ == 24
    assert model.score(IMAGES[1400:], LABELS[1400:]) > 0.6


def test_layers_go_on_without_labels_and_the_head_follows_them() -> None:
    model = DBNClassifier((30,), **QUICK).partial_fit(IMAGES[:200], LABELS[:200], classes=range(10))
    head = model.model_.linear(2).weight.clone()
    below, network = model.dbn_.layer(1).weights.clone(), model.model_.linear(1).weight.clone()
    model.partial_fit(IMAGES[200:400], np.full(200, -1))
    moved = model.dbn_.layer(1).weights - below
    assert moved.abs().max() > 1e-3
    assert model.model_.linear(2).weight.equal(head)
    assert (model.model_.linear(1).weight - network).numpy() == pytest.approx(moved.T.numpy(), abs=1e-6)


def test_a_fitted_classifier_goes_on() -> None:
    few = DBNClassifier((60,), epochs=5, head_settings={"learning_rate": 0.01}, **QUICK)
    few.fit(IMAGES[:60], LABELS[:60])
    before = few.score(IMAGES[1400:], LABELS[1400:])
    for part in parts_of(1400, 350, 2):
        few.partial_fit(IMAGES[part], LABELS[part])
    assert few.n_iter_ == 5 + 8
    assert few.score(IMAGES[1400:], LABELS[1400:]) > before + 0.05


def test_classes_are_settled_at_the_first_call() -> None:
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        DBNClassifier((5,), **QUICK).partial_fit(IMAGES[:50], LABELS[:50])
    with pytest.raises(ValueError, match="y has the label 4, which is none of the classes"):
        DBNClassifier((5,), **QUICK).partial_fit(IMAGES[:50], LABELS[:50], classes=[0, 1, 2, 3])
    model = DBNClassifier((5,), **QUICK).partial_fit(IMAGES[:50], LABELS[:50], classes=range(10))
    with pytest.raises(ValueError, match="at the first call: leave it out now"):
        model.partial_fit(IMAGES[:50], LABELS[:50], classes=[0, 1])
    for predictor, rest in ((DBNClassifier, {"classes": range(10)}), (DBNRegressor, {})):
        with pytest.raises(SettingsError, match="head is 'tail': give one of finetuned"):
            predictor((5,), head="tail", **QUICK).partial_fit(IMAGES[:50], LABELS[:50], **rest)


def test_minus_one_may_be_a_class() -> None:
    sides = np.where(LABELS < 5, -1, 1)
    model = DBNClassifier((30,), **QUICK)
    for part in parts_of(1400, 350, 3):
        model.partial_fit(IMAGES[part], sides[part], classes=[-1, 1])
    assert {*model.predict(IMAGES)} == {-1, 1}


@pytest.mark.parametrize("head", ["finetuned", "readout"])
def test_a_regressor_learns_from_parts(head: Any) -> None:
    table, target = load_diabetes(return_X_y=True)
    settings = {"learning_rate": 0.01}
    model = DBNRegressor((40,), head=head, head_settings=settings if head == "finetuned" else None, **QUICK)
    for part in parts_of(340, 85, 20):
        model.partial_fit(table[part], target[part])
    assert model.score(table[340:], target[340:]) > 0.3
