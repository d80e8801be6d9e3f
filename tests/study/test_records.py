"""Records come back as written; statistics over seeds are the textbook's."""

from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from deepbelief.errors import DeepBeliefError
from deepbelief.study.records import Metric, StageRecord, read_results, read_stage, write_stage


def test_a_stage_comes_back(tmp_path: Path) -> None:
    record = StageRecord(
        stage="look", seconds=1.5, metrics={"accuracy/ffnn": 0.5}, facts={"names": ["a"], "none": None}
    )
    arrays = {"x/y": np.arange(6).reshape(2, 3).T, "empty": np.zeros(0)}
    write_stage(tmp_path, record, arrays)
    found, loaded = read_stage(tmp_path, "look")
    assert found == record
    assert np.array_equal(loaded["x/y"], arrays["x/y"])
    assert loaded["empty"].shape == (0,)


def test_interval_is_students() -> None:
    values = [0.81, 0.79, 0.83, 0.80]
    metric = Metric.over_seeds(values)
    expected = scipy.stats.t.interval(0.95, 3, loc=np.mean(values), scale=scipy.stats.sem(values))
    assert metric.mean == pytest.approx(0.8075)
    assert metric.ci95 == pytest.approx(expected)
    assert Metric.over_seeds([0.8]).ci95 is None
    assert Metric.over_seeds([0.8, 0.8]).ci95 == pytest.approx((0.8, 0.8))


def test_missing_and_damaged_records(tmp_path: Path) -> None:
    with pytest.raises(DeepBeliefError, match=r"results\.json is missing: is this the folder of a finished run"):
        read_results(tmp_path)
    (tmp_path / "results.json").write_text('{"recipe": 3}')
    with pytest.raises(DeepBeliefError, match="is damaged or from another version") as fault:
        read_results(tmp_path)
    assert "\n" not in str(fault.value)
    write_stage(tmp_path, StageRecord(stage="look", seconds=1.0), {"x": np.zeros(3)})
    (tmp_path / "look.safetensors").write_bytes(b"torn")
    with pytest.raises(DeepBeliefError, match="arrays of stage look"):
        read_stage(tmp_path, "look")
