"""In-painting: images completed from some of their pixels."""

from collections.abc import Iterator

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike, as_batch
from deepbelief.models.dbn import DBN
from deepbelief.randomness import Random, as_random
from deepbelief.sampling.chains import annealing, as_known, clamped_chain, last, thinned
from deepbelief.sampling.passes import down, up, visible_values


def inpaint(
    dbn: DBN, images: TensorLike, known: TensorLike, random: Random | int, steps: int = 200, *, samples: bool = False
) -> Tensor:
    """Complete images of which some pixels are known, in any pattern: (n, width) -> (n, width).

    With one RBM it is exact in the limit of many steps: an annealed `clamped_chain`, whose end follows p(v | known).

    With several RBMs it is an approximation. The first half of the steps anneals the first RBM alone, with the known
    pixels clamped. Each step of the second half goes up by samples, makes a Gibbs step in the top RBM, goes down by
    samples, and resets the known pixels. The upward pass q(h | v) is not the DBN's posterior but a learned
    approximation of it; so the chain's limit is close to p(v | known) only as far as q is close to the posterior.

    Args:
        dbn: the model; it works in its own standardised space.
        images: (n, width); unknown pixels may hold anything, NaN too.
        known: bool, (width,) or (n, width); whole groups of categorical units.
        random: for the chains.
        steps: at least 2.
        samples: return samples, not E[v | h] of the last step (passed down by means if there are several RBMs).

    >>> dbn, top_half = DBN.from_sizes([784, 300], Random(0)), torch.arange(784) < 392
    >>> inpaint(dbn, torch.rand(5, 784), top_half, Random(1)).shape
    torch.Size([5, 784])
    """
    return last(inpainting_frames(dbn, images, known, random, steps, samples=samples, every=steps))


@torch.no_grad()
def inpainting_frames(
    dbn: DBN,
    images: TensorLike,
    known: TensorLike,
    random: Random | int,
    steps: int = 200,
    *,
    samples: bool = False,
    every: int = 1,
) -> Iterator[Tensor]:
    """The course of `inpaint`: every `every`-th step and the last, (n, width) each."""
    random = as_random(random, dbn.layer(1).weights.device)
    values, betas = visible_values(dbn, images), annealing(steps)
    clamped = as_known(known, values, dbn.layer(1).visible)
    given = as_batch(images, values, values.shape[1], "the DBN sees")
    values = torch.where(clamped, values, 0)  # at beta = 0 nothing depends on the others, but NaN would remain
    for state, layer in thinned(_states(dbn, values, clamped, random, betas, samples), every):
        completed = dbn.decode(state, layer)
        yield torch.where(clamped, given, completed)  # bit for bit, whatever standardisation rounds


def _states(
    dbn: DBN, values: Tensor, known: Tensor, random: Random, betas: list[float], samples: bool
) -> Iterator[tuple[Tensor, int]]:
    """The values to decode after each step, and their layer."""
    below, visible = len(dbn) - 1, values
    first = len(betas) if below == 0 else (len(betas) + 1) // 2
    for step in clamped_chain(dbn.layer(1), values, known, random, betas[:first]):
        visible = step.visible
        yield (visible if samples else step.mean), 0
    for _ in betas[first:]:
        step = next(clamped_chain(dbn.layer(len(dbn)), up(dbn, visible, below, random), None, random))
        visible = torch.where(known, values, down(dbn, step.visible, below, random))
        yield (visible, 0) if samples else (step.mean, below)
