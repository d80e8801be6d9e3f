"""The tables of the pages about settings and findings, and the scripts that measure and draw for them."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from making.links import DOCS, ROOT

from deepbelief import load_dataset


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a script of `benchmarks/`."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module


def test_a_value_that_diverged_is_told(script: Any) -> None:
    figures = {"accuracy": 0.5, "noisy": 0.25, "error": 0.125, "gap": 1.5, "seconds": 2.0}
    tried = {"learning_rate": [{"value": 9, "seeds": [None, None]}, {"value": 0.1, "seeds": [figures, None]}]}
    record = {"settings": {"hidden": 5, "images": 10, "epochs": 1, "seeds": [0, 1]}, "tried": tried}
    diverged, learnt = script("settings_table").settings_table(record).rows
    assert diverged == ("learning_rate", "9", "diverged", "", "", "", "")
    assert learnt == ("learning_rate", "0.1", "50.0", "25.0", "0.1250", "1.5", "2.0")


def test_one_setting_is_measured(script: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    curves = script("settings_curves")
    monkeypatch.setattr(curves, "IMAGES", 300)
    monkeypatch.setattr(curves, "load_dataset", lambda _: load_dataset("digits"))
    monkeypatch.setattr(curves, "TRIED", {"hidden": [3, 30]})
    monkeypatch.setattr(curves, "RECORD", tmp_path / "settings.json")
    monkeypatch.setattr(curves, "draw", lambda record: None)
    monkeypatch.setattr("sys.argv", ["settings_curves.py"])
    curves.main()
    least, most = json.loads((tmp_path / "settings.json").read_text("utf-8"))["tried"]["hidden"]
    assert least["value"] == 3
    for few, many in zip(least["seeds"], most["seeds"], strict=True):
        assert few["accuracy"] + 0.1 < many["accuracy"]


def test_a_difference_is_paired_over_the_seeds(script: Any) -> None:
    findings, metric = script("findings"), importlib.import_module("deepbelief.study.records").Metric
    metrics = {"accuracy/a": metric.over_seeds([0.5, 0.9]), "accuracy/b": metric.over_seeds([0.4, 0.8])}
    assert findings.difference(metrics, "a", "b", "") == "+10.0\u00a0±\u00a00.0"
    assert findings.difference(metrics, "b", "a", "").startswith("-10.0")


def test_the_pictures_of_trainings_are_those_of_the_script(script: Any) -> None:
    runs = script("diagnosis").RUNS
    shown = {picture.stem for picture in (DOCS / "images" / "diagnose").glob("*.png")}
    assert shown == {*runs, "wrong-units"}
    record = json.loads((ROOT / "benchmarks" / "results" / "diagnosis.json").read_text("utf-8"))
    kept = {name: (run["images"], run["settings"]) for name, run in record["runs"].items()}
    good = script("diagnosis").GOOD
    assert kept == {name: (images, good | changed) for name, (images, changed) in runs.items()}
