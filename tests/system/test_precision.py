"""The choice of floating-point types: by name, or by what is faster here."""

import pytest
import torch

from deepbelief.system import precision
from deepbelief.system.precision import BF16, FP32, FP64, choose_precision, seconds_per_product

CPU = torch.device("cpu")


def test_names() -> None:
    assert choose_precision("bf16", CPU) == BF16
    assert choose_precision("fp32", CPU) == FP32
    assert choose_precision("fp64", CPU) == FP64


@pytest.mark.parametrize(("gain", "chosen"), [(2.1, BF16), (1.1, FP32), (0.02, FP32)])
def test_auto_is_what_is_clearly_faster(monkeypatch: pytest.MonkeyPatch, gain: float, chosen: object) -> None:
    seconds = {torch.float32: gain, torch.bfloat16: 1.0}
    monkeypatch.setattr(precision, "seconds_per_product", lambda dtype, device: seconds[dtype])
    assert choose_precision("auto", CPU) == chosen


def test_products_are_timed() -> None:
    assert 0 < seconds_per_product(torch.float32, CPU) < 10
