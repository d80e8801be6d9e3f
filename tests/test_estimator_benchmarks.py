"""The benchmarks of the estimators run, on work that is small, and go on where they were interrupted."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import estimator_costs
import estimator_tables
import estimators

from deepbelief import load_dataset

SMALL: dict[str, Any] = {"hidden_layer_sizes": (6,), "epochs": 2, "head_settings": {"epochs": 2}}


def run(app: Any, *arguments: str) -> dict[str, Any]:
    """The record that a command writes to the last of its arguments."""
    done = CliRunner().invoke(app, [*arguments[:-1], "--out", arguments[-1]], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    record: dict[str, Any] = json.loads(Path(arguments[-1]).read_text())
    assert record["machine"]["processor"]
    return record


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {"DBNClassifier": partial(estimators.ours, **SMALL), "boosting": estimators.boosting}
    monkeypatch.setattr(estimators, "ESTIMATORS", chosen)


@pytest.mark.usefixtures("quick")
def test_classifiers_are_compared_once_each(tmp_path: Path) -> None:
    out = str(tmp_path / "estimators.json")
    first = run(estimators.app, "compare", "--seeds", "1", "--only", "iris", out)
    runs = [(one["labels"], one["estimator"]) for one in first["runs"]]
    assert runs == [(labels, name) for labels in ("all", "few") for name in ("DBNClassifier", "boosting")]
    assert first["runs"][1]["accuracy"] > 0.9 > first["runs"][3]["accuracy"]
    more = run(estimators.app, "compare", "--seeds", "2", "--only", "iris", out)
    assert more["runs"][:4] == first["runs"]  # with their seconds: they were not trained again
    assert [one["seed"] for one in more["runs"]] == [0] * 4 + [1] * 4
    table = estimator_tables.compared_table(more)
    assert [row[:3] for row in table.rows] == [("iris", *one) for one in runs]
    assert {row[-1] for row in table.rows} == {"2"}


@pytest.mark.usefixtures("quick")
def test_runs_with_other_settings_are_not_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = str(tmp_path / "estimators.json")
    run(estimators.app, "compare", "--seeds", "1", "--only", "linnerud", out)
    monkeypatch.setattr(estimators, "FOLDS", 3)
    again = CliRunner().invoke(estimators.app, ["compare", "--seeds", "1", "--only", "linnerud", "--out", out])
    assert again.exit_code == 1
    assert "has runs with other settings: move it away" in str(again.exception)


@pytest.mark.parametrize("name", [*estimators.TABLES, "digits"])
def test_tables_are_divided_so_that_each_row_is_tested_once(name: str) -> None:
    parts = list(estimators.divisions(name, 0))
    rows, labels = estimators.table_of(name)
    tested = np.concatenate([test for _, _, test, _ in parts])
    assert np.array_equal(tested[np.lexsort(tested.T)], rows[np.lexsort(rows.T)])
    assert np.bincount(labels).min() / len(labels) > 0.05
    few = estimators.with_few(labels, estimators.SHOWN["few"], seed=0)
    assert np.bincount(few[few >= 0]).min() == 2
    assert np.array_equal(few[few >= 0], labels[few >= 0])
    assert np.array_equal(estimators.with_few(labels, estimators.SHOWN["all"], seed=0), labels)


def test_the_pipeline_sees_all_rows_and_the_others_those_with_labels() -> None:
    rows, labels = estimators.table_of("digits")
    few = estimators.with_few(labels, lambda n: 5, seed=0)
    one, other = (estimators.pipeline(given, few, 0) for given in (rows, np.where(few[:, None] < 0, rows[::-1], rows)))
    assert np.abs(one["bernoullirbm"].components_ - other["bernoullirbm"].components_).max() > 1e-3
    assert list(one.classes_) == list(range(10))
    assert list(estimators.boosting(rows, few, 0).classes_) == list(range(10))


def test_few_labels_are_learnt_by_parameters_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimators, "load_dataset", lambda name, data: load_dataset("digits"))
    small = {**SMALL, "hidden_layer_sizes": [6]}
    monkeypatch.setattr(estimators, "FEW", {1000: small, 100: {**small, "self_training": 1}})
    record = run(estimators.app, "few", "--seeds", "1", str(tmp_path / "few.json"))
    assert [(one["labels"], one["seed"]) for one in record["runs"]] == [(1000, 0), (100, 0)]
    rows = estimator_tables.few_table(record).rows
    assert [(row[0], row[-1]) for row in rows] == [("1000 labels", "93.65"), ("100 labels", "81.7")]


def test_transformers_take_turns(tmp_path: Path) -> None:
    small = ["--rounds", "2", "--images", "300", "--hidden", "5", "--epochs", "1", "--data-set", "digits"]
    record = run(estimator_costs.app, "speed", *small, str(tmp_path / "speed.json"))
    assert [len(seconds) for seconds in record["seconds"].values()] == [2, 2, 2]
    record["seconds"] = {"BernoulliRBM": [3.0, 4.0, 1.0], "ours": [1.0, 1.0, 1.0]}
    assert estimator_tables.speed_table(record).rows == (("BernoulliRBM", "3.0", "1.00"), ("ours", "1.0", "3.00"))


def test_sparse_texts_are_learnt_in_a_process_of_its_own(tmp_path: Path) -> None:
    small = ["--texts", "1500", "--words", "200", "--hidden", "8", "--topics", "3", "--epochs", "20"]
    record = run(estimator_costs.app, "text", *small, str(tmp_path / "text.json"))
    assert record["varying"] == 8
    assert record["topics"] > 0.5
    assert record["pseudo_likelihood"]["after"] > record["pseudo_likelihood"]["before"]
    assert record["bytes"]["model"] == 4 * (200 * 8 + 200 + 8)
    assert record["bytes"]["peak"] >= 0
    assert estimator_tables.text_table(record).rows[2] == ("features that vary over the texts", "8 of 8")
