"""The floating-point types of a model's parameters and of its matrix products in training."""

import timeit
from dataclasses import dataclass
from typing import Final, Literal, final, get_args

import torch

from deepbelief.errors import check_name
from deepbelief.system.products import product

PrecisionName = Literal["auto", "bf16", "fp32", "fp64"]

_SHAPE: Final = (128, 784, 300)  # of the product that is timed: a small training step's
_GAIN: Final = 1.3  # how many times faster bfloat16 must be: less is lost in conversions, or is chance
_REPETITIONS: Final = 5


@final
@dataclass(frozen=True)
class Precision:
    """The parameters' type, and that of the products in training; updates and all measurements use the parameters'."""

    name: str
    parameters: torch.dtype
    products: torch.dtype


FP32: Final = Precision("fp32", torch.float32, torch.float32)
FP64: Final = Precision("fp64", torch.float64, torch.float64)
BF16: Final = Precision("bf16", torch.float32, torch.bfloat16)


def choose_precision(name: PrecisionName, device: torch.device) -> Precision:
    """The precision of a name; `auto` is bf16 where its products are measurably faster on the device, else fp32.

    Products in bfloat16 keep 8 bits of each factor and sum in float32; benchmarks/precision.py measures that training
    ends as well with them, so that speed alone decides.
    """
    check_name("precision", name, get_args(PrecisionName))
    if name == "auto":
        gain = seconds_per_product(torch.float32, device) / seconds_per_product(torch.bfloat16, device)
        return BF16 if gain > _GAIN else FP32
    return {"bf16": BF16, "fp32": FP32, "fp64": FP64}[name]


def seconds_per_product(dtype: torch.dtype, device: torch.device) -> float:
    """The shortest time, out of a few, of a matrix product of a training step's size."""
    rows, inner, columns = _SHAPE
    left = torch.full((rows, inner), 0.5, dtype=dtype, device=device)
    right = torch.full((inner, columns), 0.5, dtype=dtype, device=device)
    out = torch.empty(rows, columns, dtype=dtype, device=device)

    on_gpu = device.type == "cuda"
    products = 100 if on_gpu else 1  # a single one is over before it is launched

    def work() -> None:
        for _ in range(products):
            product(left, right, out=out)
        if on_gpu:
            torch.cuda.synchronize(device)

    work()
    return min(timeit.repeat(work, number=1, repeat=_REPETITIONS)) / products
