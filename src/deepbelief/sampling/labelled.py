"""Images of a wanted class, made up by a model that learnt labels beside what they show."""

from collections.abc import Iterator

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike
from deepbelief.models.labelled import LabelledDBN
from deepbelief.randomness import Random, as_random
from deepbelief.sampling.chains import annealing, clamped_chain, last, thinned


def labelled_fantasies(model: LabelledDBN, labels: TensorLike, random: Random | int, steps: int = 1000) -> Tensor:
    """One image for each label: annealed chains in the top RBM with the label held, passed down by means.

    In the limit of many steps a chain follows the top RBM's p(h | y), whose values come down through the layers below
    (Hinton, Osindero & Teh 2006).

    Args:
        model: a DBN whose top RBM sees labels.
        labels: (n,) whole numbers from 0.
        random: the chains' source.
        steps: of each chain.

    Returns:
        (n, width).

    >>> model = LabelledDBN.from_sizes([784, 300, 100], 10, Random(0))
    >>> labelled_fantasies(model, torch.tensor([3, 7]), Random(1), steps=10).shape
    torch.Size([2, 784])
    """
    return last(labelled_frames(model, labels, random, steps, every=steps))


@torch.no_grad()
def labelled_frames(
    model: LabelledDBN, labels: TensorLike, random: Random | int, steps: int = 1000, every: int = 1
) -> Iterator[Tensor]:
    """How `labelled_fantasies` come about: every `every`-th step of theirs and the last, (n, width) each."""
    random = as_random(random, model.top.rbm.weights.device)
    known, values = model.clamp_label(labels)
    rbm = model.top.rbm
    for step in thinned(clamped_chain(rbm, values.to(rbm.weights), known, random, annealing(steps)), every):
        yield model.below.decode(step.mean[:, : model.top.values])
