"""Matrix products of float32 by the fastest library that PyTorch brings for this processor."""

import math
from functools import cache
from typing import Any, Final, final

import torch
from torch import Tensor
from torch.nn.functional import linear

from deepbelief.system.machine import processor_maker

# Multiplications of a product, by what the processor has: on fewer oneDNN gains nothing, as entering it takes time.
_FEWEST: Final = {"AVX512": 2**21, "AVX2": 2**26}


def product(left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
    """`left @ right`, written into `out` if there is one; equal to PyTorch's own up to rounding.

    PyTorch multiplies float32 by Intel's MKL, which uses AVX-512 on Intel's processors alone. On those of AMD that have
    it, oneDNN, which PyTorch brings as well, takes half of the time; on those that have AVX2, a tenth less for large
    products. It then does products of two matrices.
    """
    if not _by_onednn(left, right):
        return torch.matmul(left, right, out=out)
    found = _onednn(left, right, None)
    return found if out is None else out.copy_(found)


def affine(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`values @ weight.T + bias`, as `torch.nn.functional.linear`, in the way of `product`."""
    return _onednn(values, weight.T, bias) if _by_onednn(values, weight.T) else linear(values, weight, bias)


def _by_onednn(left: Tensor, right: Tensor) -> bool:
    return (
        left.dtype == right.dtype == torch.float32
        and not torch.compiler.is_compiling()  # an exported model has standard operations, for any number of rows
        and left.ndim == right.ndim == 2
        and left.shape[0] * right.numel() >= fewest_for_onednn()
        and left.device.type == right.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")  # which takes other types
    )


@cache
def fewest_for_onednn() -> float:
    """The multiplications from which on oneDNN is faster, infinity for never.

    Known, not measured: the same program must round in the same way at each start.
    """
    if processor_maker() != "AuthenticAMD" or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return math.inf
    return _FEWEST.get(torch.backends.cpu.get_cpu_capability(), math.inf)


def _onednn(left: Tensor, right: Tensor, bias: Tensor | None) -> Tensor:
    """`left @ right + bias`."""
    if torch.is_grad_enabled() and any(one is not None and one.requires_grad for one in (left, right, bias)):
        found: Tensor = _Product.apply(left, right, bias)  # type: ignore[no-untyped-call]
        return found
    return _raw(left, right, bias)


def _raw(left: Tensor, right: Tensor, bias: Tensor | None) -> Tensor:
    # What PyTorch's compiler puts in the place of a linear layer, here without an activation after it.
    found: Tensor = torch.ops.mkldnn._linear_pointwise(left, right.T, bias, "none", [], "")
    return found


@final
class _Product(torch.autograd.Function):
    """C = A B + b with dA = dC B^T, dB = A^T dC, db = 1^T dC."""

    generate_vmap_rule = True

    @staticmethod
    def forward(left: Tensor, right: Tensor, bias: Tensor | None) -> Tensor:
        return _raw(left, right, bias)

    @staticmethod
    def setup_context(context: Any, inputs: tuple[Any, ...], output: Any) -> None:
        context.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(context: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        left, right = context.saved_tensors
        of_left, of_right, of_bias = context.needs_input_grad
        return (
            product(slope, right.T) if of_left else None,
            product(left.T, slope) if of_right else None,
            slope.sum(dim=0) if of_bias else None,
        )
