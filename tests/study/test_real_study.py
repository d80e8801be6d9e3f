"""The real study on the real Fashion-MNIST, with few epochs: the recipe `smoke` as a user runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deepbelief.study.records import read_results
from deepbelief.study.stages import STAGES


@pytest.mark.study
@pytest.mark.timeout(900)
def test_smoke_recipe_on_fashion_mnist(tmp_path: Path, one_precision: str) -> None:
    command = [sys.executable, "-m", "deepbelief", "study", "smoke", "--out", "run", "--device", "cpu"]
    command += ["--precision", one_precision]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    results = read_results(tmp_path / "run")
    assert results.data["name"] == "fashion-mnist"
    assert results.machine["precision"] == one_precision
    # Far above chance, though hardly trained: each contestant has learnt the real classes.
    for name in results.contestants:
        assert results.metrics[f"accuracy/{name}"].mean > 0.75, name
        assert results.metrics[f"accuracy/{name}/fgsm@0.2"].mean < results.metrics[f"accuracy/{name}"].mean
    assert results.metrics["retrieval_precision/layer_1"].mean > 0.6
    assert results.metrics["memory/peak"].mean < 2e9
    assert results.stages == [stage for stage in STAGES if stage not in ("mlp_head", "random_start")]
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    for stage in results.stages:
        assert f'id="{stage}"' in page, stage
    assert "not run yet" not in page
    assert len(re.findall(r'src="data:image/png;base64,', page)) >= len(results.stages) - 1
    assert not re.findall(r'(?:src|href)="http', page)
