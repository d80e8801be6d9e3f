"""Gibbs chains of an RBM, with some of its visible units clamped."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike, as_batch, as_tensor
from deepbelief.errors import SettingsError
from deepbelief.models import RBM, AnnealedPath, Units
from deepbelief.models.missing import broken_groups
from deepbelief.randomness import Random, as_random
from deepbelief.system.products import product

T = TypeVar("T")


class Step(NamedTuple):
    """One step of n Markov chains."""

    hidden: Tensor
    """h ~ p(h | v of the step before), (n, hidden)."""
    visible: Tensor
    """v ~ p(v | h), clamped where it is known, (n, visible)."""
    mean: Tensor
    """E[v | h], clamped where it is known, (n, visible)."""


def annealing(steps: int) -> list[float]:
    """beta of each step of an annealed chain: evenly from 0 to 1 in the first half, and 1 in the second.

    In the first half the chains reach all modes, in the second they correct the error of the fast annealing.

    Raises:
        SettingsError: fewer than 2 steps.
    """
    if steps < 2:
        raise SettingsError(f"an annealed chain needs at least 2 steps, not {steps}.")
    return [min(1.0, 2 * step / steps) for step in range(steps)]


@torch.no_grad()
def clamped_chain(
    rbm: RBM, values: TensorLike, known: TensorLike | None, random: Random | int, betas: Iterable[float] | None = None
) -> Iterator[Step]:
    """Gibbs chains of an RBM with known units clamped: h ~ p(h | v), v ~ p(v | h), then the known units are reset.

    The chains start at `values`; their limit is the exact p(v | known units), or p(v) where nothing is known. With
    `betas`, step k follows p_beta of `AnnealedPath` for the k-th of them, and the chain ends after the last. At
    beta = 0 all units are independent, the visible ones with the RBM's biases and the hidden ones without any, so the
    start has no influence any more: (0, 1, 1, ...) gives plain chains from a random start, `annealing(steps)` annealed
    ones.

    Args:
        rbm: with any kinds of units.
        values: (n, visible), as the RBM sees them.
        known: bool, (visible,) or (n, visible): the clamped units, whole groups of categorical units; none if None.
        random: for the chains.
        betas: if None, 1 at every step, and the chain is infinite.

    Raises:
        SettingsError: the shapes do not fit, or a part of a categorical group is known.
    """
    random = as_random(random, rbm.weights.device)
    given = as_items(values, rbm.weights, rbm.visible.size, "the RBM sees")
    clamped = None if known is None else as_known(known, given, rbm.visible)
    path, visible = AnnealedPath(rbm, rbm.visible.bias), given
    for beta in itertools.repeat(1.0) if betas is None else betas:
        hidden = path.sample_hidden(product(visible, rbm.weights), beta, random)
        mean = path.visible_field(product(hidden, rbm.weights.T), beta)
        visible = rbm.visible.sample_(mean, random, out=torch.empty_like(mean))  # writes the mean over the field
        if clamped is not None:
            visible, mean = torch.where(clamped, given, visible), torch.where(clamped, given, mean)
        yield Step(hidden, visible, mean)


def thinned(steps: Iterator[T], every: int) -> Iterator[T]:
    """Every `every`-th step, and the last if there is one."""
    number, step = 0, None
    for number, step in enumerate(steps, 1):
        if number % every == 0:
            yield step
    if step is not None and number % every:
        yield step


def last(frames: Iterator[T]) -> T:
    """The last frame."""
    return deque(frames, maxlen=1).pop()


def as_items(given: TensorLike, like: Tensor, width: int, subject: str) -> Tensor:
    """`as_batch` of values that must be of shape (n, width)."""
    values = as_batch(given, like, width, subject)
    if values.ndim != 2:
        raise SettingsError(f"{subject} {width} values of each item, not a tensor of shape {tuple(values.shape)}.")
    return values


def as_known(given: TensorLike, values: Tensor, units: Units) -> Tensor:
    """The mask of the known values, (width,) or (n, width) bool, checked, on the device of the values (n, width).

    Raises:
        SettingsError: it has another shape or type, or only a part of a categorical group is known.
    """
    known = as_tensor(given, "what is known").to(values.device)
    if known.dtype != torch.bool or known.shape not in (values.shape, values.shape[1:]):
        raise SettingsError(
            f"what is known of items of shape {tuple(values.shape)} is told by a bool tensor of that shape or "
            f"{tuple(values.shape[1:])}, not by {known.dtype} of shape {tuple(known.shape)}."
        )
    broken = broken_groups(units, known)
    if len(broken):
        at = int(broken[0, -1])
        raise SettingsError(
            f"of positions {at} and {at + 1}, which are one categorical group, only one is known: let all of a group "
            "be known, or nothing."
        )
    return known
