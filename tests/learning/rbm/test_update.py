"""The update against its formula, with PyTorch's private fused SGD and without it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepbelief.learning.rbm.momentum import Momentum
from deepbelief.learning.rbm.negative_phases.base import NegativePhase
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.learning.rbm.statistics import Statistics
from deepbelief.learning.rbm.step import Step
from deepbelief.learning.rbm.update import MakeOptimizer
from deepbelief.models.rbm import RBM, bernoulli_rbm
from deepbelief.randomness import Random
from deepbelief.system.processes import Share

STEPS = (0.0, 0.0, 0.5, 0.9, 0.9)  # momenta; 0 is a setting too
FUSED = getattr(torch, "_fused_sgd_", None)  # not every version of PyTorch need have it


def updated(dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    """Parameters and velocities after a few steps along random sums."""
    rbm = bernoulli_rbm(6, 4, Random(0), weight_std=0.1).to(dtype)
    momentum, random = Momentum(rbm), Random(1)
    for rate in STEPS:
        momentum.move(random_sums(rbm, random), 10, 0.1, rate, 0.01)
    return [*(tensor.detach() for tensor in rbm.parameters()), *momentum.velocity.values()]


def random_sums(rbm: RBM, random: Random) -> dict[str, torch.Tensor]:
    return {name: random.normal(tensor.shape).to(tensor.dtype) for name, tensor in rbm.named_parameters()}


@settings(max_examples=30)
@given(
    st.sampled_from([torch.float32, torch.float64]),
    st.integers(1, 20),
    st.floats(0.001, 1.0),
    st.floats(0.0, 0.99),
    st.floats(0.0, 0.1),
)
def test_update_is_the_formula(dtype: torch.dtype, batch: int, rate: float, momentum: float, decay: float) -> None:
    rbm = bernoulli_rbm(5, 3, Random(0), weight_std=1.0).to(dtype)
    update = Momentum(rbm)
    for seed in range(2):
        sums = random_sums(rbm, Random(seed))
        expected = {}
        for name, parameter in rbm.named_parameters():
            decayed = decay * parameter.detach() if name == "weights" else 0.0
            velocity = momentum * update.velocity[name] + rate * (sums[name] / batch - decayed)
            expected[name] = parameter.detach() + velocity
        update.move({name: tensor.clone() for name, tensor in sums.items()}, batch, rate, momentum, decay)
        torch.testing.assert_close(dict(rbm.named_parameters()), expected)


def refuse(error: type[Exception]) -> Callable[..., None]:
    def function(*args: Any, **named: Any) -> None:
        raise error("not here")

    return function


def with_other_arguments(params: Any, grads: Any) -> None:
    raise AssertionError("cannot be called with what Momentum gives")


def with_another_meaning(params: Any, grads: Any, buffers: Any, *, momentum: float, **others: Any) -> None:
    assert FUSED is not None
    FUSED(params, grads, buffers, momentum=momentum, **{**others, "dampening": momentum})


OTHERS = {
    "missing": None,
    "other arguments": with_other_arguments,
    "another meaning": with_another_meaning,
    "not on this device": refuse(NotImplementedError),
    "not for this type": refuse(RuntimeError),
    "in some other way": refuse(ValueError),
}


@pytest.mark.skipif(FUSED is None, reason="this PyTorch has no fused SGD")
@pytest.mark.parametrize("other", OTHERS.values(), ids=list(OTHERS))
def test_without_a_fused_sgd_that_fits_the_plain_operations_do_the_same(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder, other: Callable[..., None] | None
) -> None:
    fused = updated()
    if other is None:
        monkeypatch.delattr(torch, "_fused_sgd_")
    else:
        monkeypatch.setattr(torch, "_fused_sgd_", other)
    torch.testing.assert_close(updated(), fused, rtol=1e-5, atol=1e-7)
    assert not recwarn.list


@pytest.mark.skipif(FUSED is None, reason="this PyTorch has no fused SGD")
@pytest.mark.parametrize(("refuses", "calls"), [(False, 1 + 3 * 3), (True, 1)])
def test_it_is_tried_once_and_then_called_for_every_parameter_or_never(
    monkeypatch: pytest.MonkeyPatch, refuses: bool, calls: int
) -> None:
    """Three of the steps have a momentum, and an RBM has three parameters."""
    seen = []

    def counted(*args: Any, **named: Any) -> None:
        seen.append(args)
        assert FUSED is not None
        FUSED(*args, **named)
        if refuses:
            raise RuntimeError("not here")

    monkeypatch.setattr(torch, "_fused_sgd_", counted)
    updated()
    assert len(seen) == calls


class OneForAll(NegativePhase):
    """Sums of 1 for each of two items and every parameter; before the third update one is undone."""

    def __init__(self, rbm: RBM) -> None:
        self.rbm, self.updates = rbm, 0

    def statistics(self, visible: torch.Tensor, random: Random, share: Share | None = None) -> Statistics:
        self.updates += 1
        if self.updates == 3:
            self.rate_share = 0.5
        weights, *biases = (torch.full_like(one, 2.0) for one in (self.rbm.weights, visible[0], self.rbm.hidden.bias))
        return Statistics(weights, biases[0], biases[1], 2, data_hidden=torch.zeros(2, 4))


@pytest.mark.parametrize("optimizer", [None, partial(torch.optim.SGD, lr=0.1, momentum=0.5)])
def test_after_an_undone_update_the_rate_is_halved_and_momentum_forgotten(optimizer: MakeOptimizer | None) -> None:
    rbm = bernoulli_rbm(6, 4, Random(0)).requires_grad_(False)
    step = Step(rbm, OneForAll(rbm), RBMSettings(weight_decay=0.0), optimizer)
    moved = []
    for _ in range(4):
        before = float(rbm.weights[0, 0])
        step(torch.zeros(2, 6), Random(0), 0.1, 0.5)
        moved.append(float(rbm.weights[0, 0]) - before)
    assert moved == pytest.approx([0.1, 0.15, 0.05, 0.075], abs=1e-6)
