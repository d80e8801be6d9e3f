"""What the estimators learn, beside what scikit-learn asks of every estimator."""

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from deepbelief.data import TensorSource
from deepbelief.errors import DataError, SettingsError
from deepbelief.models.units import Bernoulli, Gaussian, Joint
from deepbelief.sklearn import DBNClassifier, DBNRegressor, DBNTransformer, RBMTransformer
from deepbelief.sklearn.columns import recognised
from deepbelief.sklearn.rows import SparseRows
from deepbelief.system.compilation import CompileName, Compiler, cpp_compiler

IMAGES = (load_digits().data / 16).astype(np.float32)
LABELS = load_digits().target
QUICK: dict[str, Any] = {"epochs": 3, "batch_size": 50, "precision": "fp32", "random_state": 0}


def test_features_are_hidden_means_and_come_back_down() -> None:
    model = DBNTransformer((20, 10), **QUICK).fit(IMAGES)
    features = model.transform(IMAGES[:30])
    assert features.dtype == np.float32
    assert features == pytest.approx(model.dbn_.encode(IMAGES[:30]).numpy(), abs=1e-6)
    assert model.transform(IMAGES[:30].astype(np.float64)) == pytest.approx(features, abs=1e-5)
    columns = model.inverse_transform(features)
    assert columns == pytest.approx(model.dbn_.reconstruct(IMAGES[:30]).numpy(), abs=1e-6)
    with pytest.raises(SettingsError, match="X has 9 features: give 10"):
        model.inverse_transform(features[:, :9])
    assert list(model.get_feature_names_out())[:2] == ["dbntransformer0", "dbntransformer1"]


def test_scores_are_minus_free_energies_and_tell_digits_from_noise() -> None:
    model = RBMTransformer(60, epochs=15, precision="fp32", random_state=0).fit(IMAGES)
    scores = model.score_samples(IMAGES)
    assert scores == pytest.approx(-model.dbn_.layer(1).free_energy(IMAGES).numpy(), rel=1e-5)
    noise = np.random.default_rng(0).permuted(IMAGES, axis=1)
    assert scores.mean() > model.score_samples(noise).mean() + 5


@pytest.mark.parametrize("in_parts", [False, True])
@pytest.mark.parametrize(
    ("predictor", "head"), [(DBNClassifier, "finetuned"), (DBNClassifier, "readout"), (DBNRegressor, "finetuned")]
)
def test_scale_and_origin_of_columns_change_nothing(predictor: Any, head: Any, in_parts: bool) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(60, 3))
    wanted = (rows[:, 0] > rows[:, 1]).astype(int)
    rows[random.random(rows.shape) < 0.1] = np.nan
    answers = []
    for values in (rows, rows * [1000.0, 0.001, 1.0] + [50.0, 0.0, -7.0]):
        model = predictor((8,), head=head, **QUICK)
        if in_parts:
            first = {"classes": [0, 1]} if predictor is DBNClassifier else {}
            model.partial_fit(values, wanted, **first).partial_fit(values, wanted)
        else:
            model.fit(values, wanted)
        answers.append(model.predict_proba(values) if predictor is DBNClassifier else model.predict(values))
    assert answers[0].std() > 0.01
    # Rounding may turn a state of a unit, which moves an answer by some thousandths.
    assert answers[1] == pytest.approx(answers[0], abs=0.01)


@pytest.mark.parametrize("kind", ["csr_array", "csc_matrix", "coo_array"])
def test_sparse_rows_give_what_dense_ones_give(kind: str) -> None:
    packed = getattr(sparse, kind)(IMAGES)
    dense, scarce = (RBMTransformer(12, **QUICK).fit(X) for X in (IMAGES, packed))
    assert scarce.transform(packed) == pytest.approx(dense.transform(IMAGES), abs=1e-5)
    assert scarce.score_samples(packed) == pytest.approx(dense.score_samples(IMAGES), rel=1e-4)


def test_of_a_sparse_matrix_only_the_batch_is_dense() -> None:
    rows = SparseRows(sparse.csr_array(np.eye(5, 3)))
    assert (len(rows), rows.width) == (5, 3)
    assert rows.batch(slice(1, 3)).tolist() == [[0, 1, 0], [0, 0, 1]]
    assert rows.batch(torch.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_units_are_recognised_or_declared() -> None:
    table = np.column_stack([IMAGES[:, 10], 30 * IMAGES[:, 20] - 4, IMAGES[:, 30] > 0.5, np.full(len(IMAGES), 2.0)])
    assert recognised(TensorSource(table)) == ["binary", "real", "binary", "real"]
    found = RBMTransformer(4, **QUICK).fit(table).dbn_
    assert isinstance(found.layer(1).visible, Joint)
    assert found.standardisation.scale.tolist()[::2] == [1, 1]
    assert isinstance(RBMTransformer(4, **QUICK).fit(IMAGES).dbn_.layer(1).visible, Bernoulli)
    declared = RBMTransformer(4, units="real", **QUICK).fit(IMAGES).dbn_
    assert isinstance(declared.layer(1).visible, Gaussian)
    mixed = RBMTransformer(4, units=["real", "real", "binary", "real"], **QUICK).fit(table).dbn_
    assert [part["kind"] for part in mixed.layer(1).visible.description["parts"]] == [
        "Gaussian",
        "Bernoulli",
        "Gaussian",
    ]
    for units, message in ((["real"], "units has the kinds of 1 of 4 columns"), ("count", "units has 'count'")):
        with pytest.raises(SettingsError, match=message):
            RBMTransformer(4, units=units, **QUICK).fit(table)
    with pytest.raises(DataError, match="item 0 has the value"):
        RBMTransformer(4, units="binary", **QUICK).fit(table)


def test_learning_in_parts_and_going_on() -> None:
    once = RBMTransformer(16, **QUICK).partial_fit(IMAGES)
    first = once.transform(IMAGES[:5])
    again = once.partial_fit(IMAGES)
    assert again is once
    assert once.n_iter_ == 2
    assert np.abs(once.transform(IMAGES[:5]) - first).max() > 1e-3
    warm = RBMTransformer(16, warm_start=True, **QUICK).fit(IMAGES).fit(IMAGES)
    assert (warm.n_iter_, RBMTransformer(16, **QUICK).fit(IMAGES).fit(IMAGES).n_iter_) == (6, 3)


def test_other_settings_reach_the_training_and_wrong_ones_are_named() -> None:
    persistent = RBMTransformer(16, settings={"persistent_chains": 20}, **QUICK).fit(IMAGES)
    plain = RBMTransformer(16, **QUICK).fit(IMAGES)
    assert np.abs(persistent.transform(IMAGES) - plain.transform(IMAGES)).max() > 1e-3
    with pytest.raises(ValueError, match="epochs"):
        RBMTransformer(16, epochs=0).fit(IMAGES)


WRONG: dict[str, tuple[Any, ...]] = {
    "hidden_layer_sizes": (0, (), (10, -1), (2.5,), "ab", None),
    "settings": (3, {"no such": 1}),
    "batch_size": (0, -1, "x", 2.5, None),
    "epochs": (0, "x", 1.5),
    "learning_rate": (-1, "x"),
    "precision": ("half", None, 16),
    "compile_steps": ("yes", None),
    "units": ("count", ["real"]),
    "head": ("best", None),
    "head_settings": (3, {"no such": 1}),
    "self_training": (-1, 1.5, "x"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_impossible_parameter_is_named(name: str) -> None:
    labels = np.where(np.arange(100) < 90, LABELS[:100], -1)
    for value in WRONG[name]:
        parameters: dict[str, Any] = {"hidden_layer_sizes": (4,), "epochs": "auto" if name == "batch_size" else 1}
        with pytest.raises(SettingsError, match="no such" if isinstance(value, dict) else name.split("_")[0]):
            DBNClassifier(**{**parameters, name: value}).fit(IMAGES[:100], labels)


def test_one_number_of_hidden_units_is_one_layer() -> None:
    one, same = (DBNTransformer(sizes, **QUICK).fit(IMAGES).transform(IMAGES[:5]) for sizes in (12, (12,)))
    np.testing.assert_array_equal(one, same)


@pytest.mark.skipif(not cpp_compiler(), reason="no C++ compiler here")
def test_compiled_steps_learn_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, own = list[object](), Compiler.__call__

    def call(self: Compiler, *given: Any) -> Any:
        compiled.append(given)
        return own(self, *given)

    monkeypatch.setattr(Compiler, "__call__", call)
    layer: dict[str, Any] = {**QUICK, "precision": "fp64"}

    def features(how: CompileName) -> Any:
        return RBMTransformer(8, compile_steps=how, **layer).fit(IMAGES).transform(IMAGES)

    plain, auto = features("off"), features("auto")
    assert not compiled  # so short a training is not worth it
    np.testing.assert_array_equal(auto, plain)
    np.testing.assert_allclose(features("on"), plain, rtol=1e-9)
    assert compiled


@pytest.mark.parametrize("precision", ["bf16", "fp64"])
def test_in_other_precisions(precision: Any) -> None:
    model = DBNClassifier((30,), epochs=10, batch_size=20, precision=precision, random_state=0).fit(IMAGES, LABELS)
    assert next(model.dbn_.parameters()).dtype == (torch.float64 if precision == "fp64" else torch.float32)
    assert model.score(IMAGES, LABELS) > 0.9


def test_every_epoch_is_told_of_where_asked(capsys: pytest.CaptureFixture[str]) -> None:
    DBNClassifier((8, 6), verbose=1, head_settings={"epochs": 2}, **QUICK).fit(IMAGES, LABELS)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[DBNClassifier] layer 1 of 2, epoch 1 of 3, error ")
    assert lines[-1].startswith("[DBNClassifier] head, epoch 2, loss ")
    assert len(lines) == 2 * 3 + 2
    RBMTransformer(8, **QUICK).fit(IMAGES)
    assert not capsys.readouterr().out


@pytest.mark.parametrize(("head", "least"), [("finetuned", 0.91), ("readout", 0.89), ("label_rbm", 0.88)])
def test_heads_classify_and_leave_the_layers_below_as_they_were(head: Any, least: float) -> None:
    settings = {} if head == "readout" else {"epochs": 20, "batch_size": 20}
    layers: dict[str, Any] = {"epochs": 20, "batch_size": 20, "precision": "fp32", "random_state": 0}
    model = DBNClassifier((100,), head=head, head_settings=settings, **layers)
    model.fit(IMAGES[:1400], LABELS[:1400])
    assert model.score(IMAGES[1400:], LABELS[1400:]) > least
    assert model.predict_proba(IMAGES).sum(axis=1) == pytest.approx(np.ones(len(IMAGES)), abs=1e-5)
    alone = DBNTransformer((100,), **layers).fit(IMAGES[:1400])
    torch.testing.assert_close(model.dbn_.layer(1).weights, alone.dbn_.layer(1).weights)
    with pytest.raises(SettingsError, match="head is 'tail': give one of finetuned"):
        clone(model).set_params(head="tail").fit(IMAGES, LABELS)


def test_rows_without_labels_teach_the_layers() -> None:
    """With 50 labels, a network that has seen all 1,400 rows is better than one that has seen the 50 alone."""
    few = np.full(1400, -1)
    chosen = np.random.default_rng(0).permutation(1400)[:50]
    few[chosen] = LABELS[chosen]
    settings = {"epochs": 50, "batch_size": 10}
    model = DBNClassifier((200,), head_settings=settings, epochs=40, batch_size=20, precision="fp32", random_state=0)
    all_rows = clone(model).fit(IMAGES[:1400], few)
    alone = clone(model).fit(IMAGES[chosen], LABELS[chosen])
    assert list(all_rows.classes_) == list(range(10))
    assert all_rows.score(IMAGES[1400:], LABELS[1400:]) > alone.score(IMAGES[1400:], LABELS[1400:]) + 0.04


def test_a_label_of_minus_one_is_a_class_where_it_has_to_be_or_is_said_to_be() -> None:
    sides = np.where(LABELS < 5, -1, 1)
    assert list(DBNClassifier((8,), **QUICK).fit(IMAGES, sides).classes_) == [-1, 1]
    three = np.where(LABELS < 3, -1, LABELS % 2)
    assert list(DBNClassifier((8,), **QUICK).fit(IMAGES, three).classes_) == [0, 1]
    assert list(DBNClassifier((8,), unlabelled=None, **QUICK).fit(IMAGES, three).classes_) == [-1, 0, 1]
    words = np.where(LABELS < 5, "low", "high")
    assert set(DBNClassifier((8,), **QUICK).fit(IMAGES, words).predict(IMAGES)) <= {"low", "high"}


@pytest.mark.parametrize("head", ["finetuned", "readout"])
def test_numbers_are_predicted_on_their_own_scale(head: Any) -> None:
    table, target = load_diabetes(return_X_y=True)
    model = DBNRegressor((100,), head=head, epochs=20, batch_size=20, precision="fp32", random_state=0)
    assert model.fit(table[:340], target[:340]).score(table[340:], target[340:]) > 0.5
    both = np.column_stack([target, 5 - 0.01 * target])
    found = clone(model).fit(table, both).predict(table)
    assert found.shape == both.shape
    assert found.mean(axis=0) == pytest.approx(both.mean(axis=0), rel=0.1)
    constant = clone(model).fit(table, np.full(len(table), 7.0)).predict(table)
    assert constant == pytest.approx(np.full(len(table), 7.0), abs=0.5)
    with pytest.raises(SettingsError, match="head is 'tail': give one of finetuned"):
        clone(model).set_params(head="tail").fit(table, target)


def test_self_training_learns_from_what_the_head_before_takes_rows_for() -> None:
    few = np.full(1400, -1)
    chosen = np.random.default_rng(1).permutation(1400)[:40]
    few[chosen] = LABELS[chosen]
    layers: dict[str, Any] = {"epochs": 20, "batch_size": 20, "random_state": 0}
    for head in ("finetuned", "readout", "label_rbm"):
        settings = None if head == "readout" else {"epochs": 10, "batch_size": 20}
        model = DBNClassifier((100,), head=head, head_settings=settings, **layers).fit(IMAGES[:1400], few)
        taught = clone(model).set_params(self_training=1).fit(IMAGES[:1400], few)
        agreement = (taught.predict(IMAGES[:1400]) == model.predict(IMAGES[:1400])).mean()
        assert 0.8 < agreement < 1
    told = clone(model).set_params(self_training=1).fit(IMAGES[:300], LABELS[:300])
    alone = clone(model).fit(IMAGES[:300], LABELS[:300])
    assert np.array_equal(told.predict_proba(IMAGES), alone.predict_proba(IMAGES))  # no row is without a label


@pytest.mark.parametrize("kind", [RBMTransformer, DBNTransformer, DBNClassifier, DBNRegressor])
def test_a_fitted_estimator_goes_through_pickle_and_goes_on(kind: Any) -> None:
    model = kind(**{"verbose": 0, **QUICK}).fit(IMAGES[:100], LABELS[:100])
    again = pickle.loads(pickle.dumps(model))
    answer = "transform" if hasattr(kind, "transform") else "predict"
    assert np.array_equal(getattr(again, answer)(IMAGES), getattr(model, answer)(IMAGES))
    both = [one.partial_fit(IMAGES[:50], LABELS[:50]) for one in (model, again)]
    assert np.array_equal(*(getattr(one, answer)(IMAGES) for one in both))


def test_a_search_over_a_classifier_in_parallel_is_as_one_after_the_other() -> None:
    model = DBNClassifier((10,), head="readout", **QUICK)
    searches = [
        GridSearchCV(model, {"hidden_layer_sizes": [(4,), (40,)], "units": ["auto", "real"]}, cv=2, n_jobs=jobs)
        for jobs in (1, 2)
    ]
    for search in searches:
        search.fit(IMAGES[:200], LABELS[:200])
    one, two = (search.cv_results_["mean_test_score"] for search in searches)
    assert np.array_equal(one, two)
    assert searches[0].best_params_["hidden_layer_sizes"] == (40,)


def test_in_a_pipeline_and_a_search_on_two_processes() -> None:
    steps = make_pipeline(RBMTransformer(precision="fp32", epochs=2, random_state=0), LogisticRegression(max_iter=50))
    search = GridSearchCV(steps, {"rbmtransformer__n_components": [4, 40]}, cv=2, n_jobs=2)
    with pytest.warns() as told:
        search.fit(IMAGES[:400], LABELS[:400])
    assert {one.category.__name__ for one in told} <= {"ConvergenceWarning"}
    assert search.best_params_ == {"rbmtransformer__n_components": 40}


@pytest.mark.parametrize("kind", [RBMTransformer, DBNTransformer])
def test_rows_of_no_weight_teach_layers_nothing(kind: Any) -> None:
    weights = np.where(np.arange(len(IMAGES)) < 900, 0.0, 1.0 + np.arange(len(IMAGES)) % 2)
    settings = {"visible_bias_from_data": False}
    found = []
    for others in (IMAGES, np.vstack([1 - IMAGES[:900], IMAGES[900:]])):
        found.append(kind(settings=settings, **QUICK).fit(others, sample_weight=weights).transform(IMAGES))
    assert np.array_equal(*found)
    plain, ones = (kind(**QUICK).fit(IMAGES, sample_weight=w).transform(IMAGES) for w in (None, np.full(1797, 3.0)))
    assert np.array_equal(plain, ones)


def test_classes_and_rows_have_weights_in_heads() -> None:
    rare = np.concatenate([np.flatnonzero(LABELS == 8)[:150], np.flatnonzero(LABELS == 1)[:6]])
    model = DBNClassifier((30,), head="readout", head_settings={"l2": (0.1,)}, **QUICK)
    plain = model.fit(IMAGES[rare], LABELS[rare])
    recall = {None: (plain.predict(IMAGES[LABELS == 1]) == 1).mean()}
    for weight in ("balanced", {1: 25.0, 8: 1.0}):
        weighted = clone(model).set_params(class_weight=weight).fit(IMAGES[rare], LABELS[rare])
        recall[str(weight)] = (weighted.predict(IMAGES[LABELS == 1]) == 1).mean()
    by_row = clone(model).fit(IMAGES[rare], LABELS[rare], sample_weight=np.where(LABELS[rare] == 1, 25.0, 1.0))
    recall["rows"] = (by_row.predict(IMAGES[LABELS == 1]) == 1).mean()
    assert min(value for name, value in recall.items() if name) > recall[None] + 0.1


def test_a_regressor_follows_the_rows_with_weight() -> None:
    table, target = load_diabetes(return_X_y=True)
    both, targets = np.vstack([table, table]), np.concatenate([target, target + 1000])
    weights = np.repeat([0.0, 1.0], len(table))
    for head in ("readout", "finetuned"):
        model = DBNRegressor((30,), head=head, **QUICK).fit(both, targets, sample_weight=weights)
        assert model.predict(table).mean() == pytest.approx(target.mean() + 1000, rel=0.05)
