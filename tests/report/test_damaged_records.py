"""Records that were not written here: whatever is wrong with them, the report says it in one sentence."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from deepbelief.errors import DeepBeliefError
from deepbelief.report import page
from deepbelief.report.page import build_report
from deepbelief.report.story import STORY

STAGES = [stage for stage, _, _ in STORY]
WRONG: list[Any] = [None, "x", [], {"x": [1]}, -1, 10**30, [["x"]]]
WRONG_ARRAYS: list[Callable[[np.ndarray], np.ndarray]] = [
    lambda array: np.zeros(0),
    lambda array: np.zeros((2, 3, 1, 1, 2)),
    lambda array: np.full_like(array, np.nan, dtype=float),
    lambda array: array.flatten()[:1],
]


@pytest.fixture(scope="module")
def whole(make_run: Callable[..., Path]) -> Path:
    return make_run()


def build(folder: Path) -> None:
    """Build the report, or fail with one sentence about a file."""
    try:
        build_report(folder)
    except DeepBeliefError as error:
        assert "\n" not in str(error)
        assert "run the study again" in str(error) or "run it again" in str(error)


@pytest.mark.parametrize("stage", STAGES)
def test_facts_and_arrays_of_any_kind(whole: Path, tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "STORY", tuple(one for one in STORY if one[0] == stage))
    folder = tmp_path / "run"
    shutil.copytree(whole, folder, ignore=shutil.ignore_patterns("figures", "report.html"))
    record = folder / "seed-0" / "stages" / f"{stage}.json"
    written = json.loads(record.read_text())
    random = np.random.default_rng(STAGES.index(stage))
    for name in written["facts"]:
        facts = {**written["facts"], name: WRONG[random.integers(len(WRONG))]}
        record.write_text(json.dumps({**written, "facts": facts}))
        build(folder)
    record.write_text(json.dumps({**written, "facts": {}}))
    build(folder)
    record.write_text(json.dumps(written))
    arrays = load_file(record.with_suffix(".safetensors"))
    for name in random.permutation(sorted(arrays))[:2]:
        changed = WRONG_ARRAYS[random.integers(len(WRONG_ARRAYS))](arrays[name])
        save_file({**arrays, name: np.ascontiguousarray(changed)}, record.with_suffix(".safetensors"))
        build(folder)


@pytest.mark.parametrize("stage", ["confusion", "topdown_defence"])
def test_the_sentence_names_the_record(whole: Path, tmp_path: Path, stage: str) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    record = folder / "seed-0" / "stages" / f"{stage}.json"
    written = json.loads(record.read_text())
    record.write_text(json.dumps({**written, "facts": dict.fromkeys(written["facts"], -1)}))
    with pytest.raises(DeepBeliefError) as raised:
        build_report(folder)
    assert str(raised.value).startswith(f"{record} is damaged (")
    assert f"delete {record} and run the study again" in str(raised.value)


@pytest.mark.parametrize("field", ["contestants", "metrics", "published", "machine", "settings", "seeds", "stages"])
def test_results_of_any_kind(whole: Path, tmp_path: Path, field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "STORY", ())
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    results = json.loads((folder / "results.json").read_text())
    metric = {"values": [1e308], "mean": None, "ci95": [1, 2]}
    more: list[Any] = [{"accuracy/x/fgsm@1.2.3": {**metric, "mean": 1.0}}, {"accuracy/x@": metric}, {"a\nb@1": 1.0}]
    for value in [*WRONG, *more, {"precision": []}, ["../x"], ["a" * 1000]]:
        (folder / "results.json").write_text(json.dumps({**results, field: value}))
        build(folder)


def test_no_picture_is_written_outside_of_the_run(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "inside" / "run"
    shutil.copytree(whole, folder)
    content = (folder / "results.json").read_text()
    contestant = json.loads(content)["contestants"][0]
    evil = "../../../../evil"
    (folder / "results.json").write_text(content.replace(contestant, evil))
    for path in (folder / "seed-0" / "stages").glob("*.json"):
        path.write_text(path.read_text().replace(contestant, evil))
    arrays = folder / "seed-0" / "stages" / "confusion.safetensors"
    save_file({evil if name == contestant else name: array for name, array in load_file(arrays).items()}, arrays)
    before = {path for path in tmp_path.rglob("*") if folder not in path.parents}
    with pytest.raises(DeepBeliefError, match=r"results\.json is damaged"):
        build_report(folder)
    assert {path for path in tmp_path.rglob("*") if folder not in path.parents} == before
    assert not list(tmp_path.rglob("evil*"))
