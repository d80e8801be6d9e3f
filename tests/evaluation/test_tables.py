"""The tables and the picture that the pages have of an evaluation."""

import sys
from pathlib import Path

import pytest

from deepbelief.evaluation import Evaluated
from deepbelief.report.text import points

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import evaluated as tables
import readme


def test_accuracies_are_the_metrics_and_the_best_is_strong(evaluated: Evaluated) -> None:
    found = tables.evaluation_tables(evaluated)
    noise, attacks = found["robustness noise"], found["robustness attacks"]
    assert noise.header == ("contestant", "clean", "noise 0.7")  # the only level of the plan that the page asks for
    assert attacks.header[2:6] == ("pixels 0.05 FGSM", "pixels 0.05 all", "pixels 0.2 FGSM", "pixels 0.2 all")
    assert attacks.header[6:] == ("l2 0.5 FGSM", "l2 0.5 all")
    for number, name in enumerate(evaluated.contestants):
        assert noise.rows[number][2] == points(evaluated.metrics[f"accuracy/{name}/gaussian@0.7"])
        assert attacks.rows[number][5] == points(evaluated.metrics[f"accuracy/{name}/linf@0.2"])
        assert attacks.rows[number][6] == points(evaluated.metrics[f"accuracy/{name}/l2_fgsm@0.5"])
    means = [evaluated.metrics[f"accuracy/{name}"].mean for name in evaluated.contestants]
    assert {row for row, column in noise.strong if column == 1} == {
        row for row, mean in enumerate(means) if mean == max(means)
    }


def test_pairs_are_those_of_the_plan_that_were_compared(evaluated: Evaluated) -> None:
    table = tables.evaluation_tables(evaluated)["robustness pairs"]
    assert {row[:2] for row in table.rows} == {("fine-tuned", "fine-tuned, attacks")}
    assert [row[2] for row in table.rows] == [
        "gaussian",
        "gaussian levelled",
        "rotation",
        "attacks on pixels",
        "attacks on length",
    ]
    one = next(one for one in evaluated.comparisons if (one.second, one.kind) == ("finetuned_attacked", "linf"))
    assert table.rows[3][3].endswith(f"{100 * abs(one.mean):.1f} ± {50 * (one.ci95[1] - one.ci95[0]):.1f}")


def test_results_are_kept_with_a_picture(
    finished: Path, evaluated: Evaluated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readme, "KEPT", tmp_path)
    monkeypatch.setattr(readme, "ROOT", tmp_path)
    (tmp_path / "docs/images").mkdir(parents=True)
    readme.keep_evaluation(finished, "thorough")
    kept = Evaluated.model_validate_json((tmp_path / "robustness-thorough.json").read_bytes())
    assert kept.metrics == evaluated.metrics
    assert (tmp_path / "docs/images/thorough-robustness.png").read_bytes().startswith(b"\x89PNG")
    told = readme.evaluation_circumstances(kept)
    assert told.startswith(f"2 seeds, mean ± half of the 95 % confidence interval; {evaluated.images} test images")
    assert "attacks on 30 of them" in told


def test_the_comparison_with_autoattack_is_told_in_per_cent() -> None:
    one = {"contestant": "ffnn", "deepbelief": 0.12, "autoattack": 0.105, "only autoattack": 4, "only deepbelief": 1}
    table = tables.autoattack_table({"images": 200, "epsilon": 0.1, "found": [one]})
    assert table.rows == [("feed-forward", "12.0", "10.5", "4", "1")]
    assert "on 200 images" in table.title
