"""Images completed from some of their pixels."""

from collections.abc import Iterator

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike, as_batch
from deepbelief.models.dbn import DBN
from deepbelief.randomness import Random, as_random
from deepbelief.sampling.chains import annealing, as_known, clamped_chain, last, thinned
from deepbelief.sampling.passes import down, seen, up


def inpaint(
    dbn: DBN, images: TensorLike, known: TensorLike, random: Random | int, steps: int = 200, *, samples: bool = False
) -> Tensor:
    """Complete images of which some pixels are known, in any pattern: (n, width) -> (n, width).

    Of one RBM it is exact in the limit of many steps: an annealed `clamped_chain`, whose end follows p(v | known).

    Of several it is an approximation. The first half of the steps anneals the first RBM alone, with the known pixels
    held. Each step of the second half goes up by samples, through the top RBM and back, down by samples, and puts the
    known pixels back. The way up, q(h | v) of each layer, is not the DBN's posterior but what training made near to
    it; so the chain has a limit, which is near p(v | known) only as far as q is near the posterior.

    Args:
        dbn: the model; it works in its own standardised space.
        images: (n, width); unknown pixels may hold anything, NaN too.
        known: bool, (width,) or (n, width); of categorical units whole groups.
        random: the chains' source.
        steps: at least 2.
        samples: give samples, instead of E[v | h] of the last step (of several RBMs, passed down by means).

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
    """How an image is completed by `inpaint`: every `every`-th step of it and the last, (n, width) each."""
    random = as_random(random, dbn.layer(1).weights.device)
    values, betas = seen(dbn, images), annealing(steps)
    held = as_known(known, values, dbn.layer(1).visible)
    given = as_batch(images, values, values.shape[1], "the DBN sees")
    values = torch.where(held, values, 0)  # at beta = 0 nothing depends on the others, but NaN would stay
    for shown, layer in thinned(_states(dbn, values, held, random, betas, samples), every):
        completed = dbn.decode(shown, layer)
        yield torch.where(held, given, completed)  # bit for bit, whatever standardisation rounds


def _states(
    dbn: DBN, values: Tensor, known: Tensor, random: Random, betas: list[float], samples: bool
) -> Iterator[tuple[Tensor, int]]:
    """What to show of each step, and the layer that it belongs to."""
    below, visible = len(dbn) - 1, values
    alone = len(betas) if below == 0 else (len(betas) + 1) // 2
    for step in clamped_chain(dbn.layer(1), values, known, random, betas[:alone]):
        visible = step.visible
        yield (visible if samples else step.mean), 0
    for _ in betas[alone:]:
        step = next(clamped_chain(dbn.layer(len(dbn)), up(dbn, visible, below, random), None, random))
        visible = torch.where(known, values, down(dbn, step.visible, below, random))
        yield (visible, 0) if samples else (step.mean, below)
