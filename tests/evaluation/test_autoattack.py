"""The script that compares with AutoAttack, with a stand-in for it and, where it is installed, with itself."""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from deepbelief.evaluation import Evaluated
from deepbelief.evaluation.perturbed import unpacked
from deepbelief.study.records import read_stage

ROOT = Path(__file__).parents[2]


class Idle:
    """Attacks nothing."""

    def __init__(self, model: torch.nn.Module, **settings: Any) -> None:
        assert settings == {"eps": 0.2, "seed": 0, "version": "standard"}

    def run_standard_evaluation(self, images: Tensor, labels: Tensor, *, batch_size: int) -> tuple[Tensor, Tensor]:
        assert images.shape == (20, 1, 8, 8)
        return images, labels


def script(monkeypatch: pytest.MonkeyPatch, library: Any) -> ModuleType:
    monkeypatch.setitem(sys.modules, "pyautoattack", library)
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.delitem(sys.modules, "autoattack", raising=False)
    return importlib.import_module("autoattack")


def test_it_compares_image_by_image(
    finished: Path, evaluated: Evaluated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, out = ["ffnn", "readout_2_rebuilt_2x1"], tmp_path / "found.json"
    script(monkeypatch, SimpleNamespace(AutoAttack=Idle)).main(finished, names, 0.2, 20, None, out)
    record = json.loads(out.read_text("utf-8"))
    assert (record["epsilon"], record["images"]) == (0.2, 20)
    for found, name in zip(record["found"], names, strict=True):
        stages = finished / "robustness" / "seed-0" / "stages"
        attacked, arrays = read_stage(stages, f"attacks_{name}")
        clean = unpacked(read_stage(stages, "clean")[1][f"right/{name}"], evaluated.images)[0]
        clean, left = clean[attacked.facts["rows"]][:20], unpacked(arrays["worst/linf"], 30)[1, :20]
        assert found == {
            "contestant": name,
            "deepbelief": left.mean(),
            "autoattack": clean.mean(),
            "only autoattack": 0,
            "only deepbelief": int((clean & ~left).sum()),
        }


def test_it_works_with_the_library_where_it_is(
    finished: Path, evaluated: Evaluated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, out = pytest.importorskip("pyautoattack"), tmp_path / "found.json"
    script(monkeypatch, library).main(finished, ["readout_1"], 0.05, 4, None, out)
    (found,) = json.loads(out.read_text("utf-8"))["found"]
    assert found["autoattack"] <= found["deepbelief"] + found["only deepbelief"] / 4
