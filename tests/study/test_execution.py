"""What the seeds of a study, or of its evaluation, have measured together."""

from pathlib import Path

from deepbelief.study.execution import metrics_over_seeds
from deepbelief.study.records import StageRecord, write_stage


def test_a_metric_that_not_all_seeds_have_is_left_out(tmp_path: Path) -> None:
    folders = [tmp_path / "seed-0", tmp_path / "seed-1"]
    measured = [{"loss/a@1": 1.0, "loss/b@1": 2.0}, {"loss/a@1": 3.0, "loss/c@1": 4.0}]
    for number, (folder, metrics) in enumerate(zip(folders, measured, strict=True)):
        first = StageRecord(stage="first", seconds=2 + number, metrics={**metrics, "memory/peak": 7 - number})
        last = StageRecord(stage="last", seconds=10, metrics={"memory/peak": 5})
        for record in (first, last):
            write_stage(folder / "stages", record, {})
    found = {name: metric.values for name, metric in metrics_over_seeds(folders, ["first", "last"]).items()}
    assert found == {
        "loss/a@1": [1, 3],
        "memory/peak": [7, 6],
        "time/first": [2, 3],
        "time/last": [10, 10],
        "time/total": [12, 13],
    }
