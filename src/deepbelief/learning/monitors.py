"""How a training goes, in figures that can be compared across data sets and sizes."""

import torch
from torch import Tensor

from deepbelief.randomness import Random
from deepbelief.rbm import RBM


@torch.no_grad()
def reconstruction_error(rbm: RBM, visible: Tensor) -> float:
    """Mean over items and units of (v - E[v | E[h | v]])^2."""
    return float((visible - rbm.reconstruct(visible)).square().mean())


@torch.no_grad()
def free_energy_gap(rbm: RBM, training: Tensor, held_out: Tensor) -> float:
    """Mean F(v) of held-out items less that of training items, in nats; it grows where the RBM overfits (Hinton 2012).

    The partition function cancels.
    """
    return float(rbm.free_energy(held_out).mean() - rbm.free_energy(training).mean())


@torch.no_grad()
def pseudo_likelihood(rbm: RBM, visible: Tensor, random: Random) -> float | None:
    """Mean over items of log p(x | all other variables) of one random visible variable each, in nats; at most 0.

    A variable is a unit, or a group of categorical units; grey values are drawn as binary states first. None where
    visible units have no end of values (Besag 1975).
    """
    variables, categories = rbm.visible.variables, rbm.visible.size // rbm.visible.variables
    if rbm.visible.states is None:
        return None
    states = rbm.visible.sample(rbm.visible.bias_of_mean(visible) - rbm.visible.bias, random)
    grouped = states.view(len(states), variables, categories)
    chosen = (random.uniform_(visible.new_empty(len(visible))) * variables).long()
    rows = torch.arange(len(visible), device=visible.device)
    own = -rbm.free_energy(states)
    others = []
    # The other values of the variable: a binary one flips, a categorical one turns round.
    for turn in range(1, max(categories, 2)):
        other = grouped.clone()
        there = grouped[rows, chosen]
        other[rows, chosen] = 1 - there if categories == 1 else there.roll(turn, dims=-1)
        others.append(-rbm.free_energy(other.view_as(states)))
    return float((own - torch.logsumexp(torch.stack([own, *others]), dim=0)).mean())
