"""Fantasies: images that a model generates."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike
from deepbelief.errors import SettingsError
from deepbelief.models.dbn import DBN
from deepbelief.randomness import Random, as_random
from deepbelief.sampling.chains import annealing, as_items, as_known, clamped_chain, last, thinned
from deepbelief.sampling.passes import down, up, visible_values


class Clamp(NamedTuple):
    """Visible units of an RBM that are clamped to given values."""

    values: TensorLike
    """(n, visible), of which only the known ones are used."""
    known: TensorLike
    """bool, (visible,) or (n, visible): the clamped units; whole groups of categorical units."""


@torch.no_grad()
def chain(
    dbn: DBN,
    start: TensorLike,
    random: Random | int,
    *,
    betas: Iterable[float] | None = None,
    clamp: Clamp | None = None,
    samples: bool = False,
    every: int = 1,
) -> Iterator[Tensor]:
    """Gibbs chains in the top RBM, each state passed down to an image: every `every`-th step and the last, (n, width).

    The start images go up to the top RBM by samples. Each state goes down by means, from E[v | h] of the top RBM, which
    gives smooth images; or, with `samples`, by samples in every layer, which follow the DBN's distribution, sum over h
    of p(v | h1) p(h1 | h2) ... p_top (Hinton, Osindero & Teh 2006).

    Args:
        dbn: the model; if it has a standardisation, the images are on the original scale.
        start: images, (n, width).
        random: for the chains.
        betas: see `clamped_chain`.
        clamp: visible units of the top RBM to clamp, such as a class's label or features.
        samples: sample on the way down.
        every: steps from one image to the next.

    >>> dbn = DBN.from_sizes([784, 300, 100], Random(0))
    >>> frames = chain(dbn, torch.rand(5, 784), Random(1))
    >>> next(frames).shape
    torch.Size([5, 784])
    """
    random = as_random(random, dbn.layer(1).weights.device)
    below, top = len(dbn) - 1, dbn.layer(len(dbn))
    values = up(dbn, visible_values(dbn, start), below, random)
    known = None
    if clamp is not None:
        clamped = as_items(clamp.values, top.weights, top.visible.size, "the top RBM sees")
        known = as_known(clamp.known, clamped, top.visible)
        values = torch.where(known, clamped, values)
    for step in thinned(clamped_chain(top, values, known, random, betas), every):
        yield dbn.decode(down(dbn, step.visible, below, random), 0) if samples else dbn.decode(step.mean, below)


def fantasies(
    dbn: DBN, n: int, random: Random | int, steps: int = 1000, *, clamp: Clamp | None = None, samples: bool = False
) -> Tensor:
    """Images that the model generates, (n, width): each the end of an annealed chain of its own in the top RBM.

    A plain chain of a well-trained RBM may stay for thousands of steps in the mode that it starts in. An annealed one
    (`annealing`) starts with independent units, where it mixes at once, and the weights grow to their full strength
    over half of the steps. The more steps, the closer its end is to a sample of the model, which itself may prefer some
    kinds of images: an RBM trained by CD-1 knows the neighbourhood of the data, but not how frequent each kind is.

    Arguments are those of `chain`.

    >>> fantasies(DBN.from_sizes([784, 300, 100], Random(0)), 5, Random(1), steps=10).shape
    torch.Size([5, 784])
    """
    return last(fantasy_frames(dbn, n, random, steps, clamp=clamp, samples=samples, every=steps))


def fantasy_frames(
    dbn: DBN,
    n: int,
    random: Random | int,
    steps: int = 1000,
    *,
    clamp: Clamp | None = None,
    samples: bool = False,
    every: int = 1,
) -> Iterator[Tensor]:
    """The course of `fantasies`: every `every`-th step and the last, (n, width) each."""
    if n < 1:
        raise SettingsError(f"give at least 1 fantasy to make, not {n}.")
    start = dbn.layer(1).weights.new_zeros(n, dbn.sizes[0])  # at beta = 0 nothing depends on it
    return chain(dbn, start, random, betas=annealing(steps), clamp=clamp, samples=samples, every=every)
