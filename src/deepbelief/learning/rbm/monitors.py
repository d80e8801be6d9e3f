"""How a training goes, in figures that can be compared across data sets and sizes."""

from typing import Final

import torch
from torch import Tensor

from deepbelief.arrays import count_missing
from deepbelief.likelihood.bracket import as_states
from deepbelief.models.missing import without_missing
from deepbelief.models.rbm import RBM
from deepbelief.randomness import Random

_VALUES: Final = 2**18  # reconstructed together


@torch.no_grad()
def reconstruction_error(rbm: RBM, visible: Tensor) -> float:
    """Mean over items and units of (v - E[v | E[h | v]])^2, of the values that are known."""
    total = torch.zeros((), dtype=torch.float64, device=visible.device)
    for part in torch.split(visible, max(1, _VALUES // visible.shape[1])):
        total += (part - rbm.reconstruct(without_missing(part))).square().nansum()
    return float(total / (visible.numel() - count_missing(visible)))


@torch.no_grad()
def free_energy_gap(rbm: RBM, training: Tensor, held_out: Tensor) -> float:
    """Mean F(v) of held-out items less that of training items, in nats; it grows where the RBM overfits (Hinton 2012).

    The partition function cancels.
    """
    return float(rbm.free_energy(held_out).mean() - rbm.free_energy(training).mean())


@torch.no_grad()
def mean_log_likelihood(rbm: RBM, visible: Tensor, log_z: float) -> float:
    """Mean over items of log p(v) = -F(v) - log Z, in nats; grey values are drawn as states first, always the same."""
    states = as_states(rbm.visible, visible, Random(0, "log-likelihood", visible.device))
    return float(-rbm.free_energy(states).double().mean()) - log_z


@torch.no_grad()
def pseudo_likelihood(rbm: RBM, visible: Tensor, random: Random) -> float | None:
    """Mean over items of log p(x | all other variables) of one random visible variable each, in nats; at most 0.

    A variable is a unit, or a group of categorical units; grey values are drawn as binary states first. None where
    visible units are not all of these two kinds (Besag 1975).
    """
    if not rbm.visible.grey:
        return None
    states = rbm.visible.sample(rbm.visible.bias_of_mean(visible) - rbm.visible.bias, random)
    sizes = torch.tensor(rbm.visible.variable_sizes, device=visible.device)
    chosen = (random.uniform_(visible.new_empty(len(visible))) * len(sizes)).long()
    here = rbm.visible.variable_of_each() == chosen[:, None]  # (batch, visible): the values of the chosen variable
    size = sizes[chosen][:, None]
    columns = torch.arange(rbm.visible.size, device=visible.device)
    start = (sizes.cumsum(dim=0) - sizes)[chosen][:, None]
    logs = [-rbm.free_energy(states)]
    # The other values of the variable: a binary one flips, a categorical one turns round.
    for turn in range(1, max(2, int(sizes.max()))):
        turned = states.gather(1, torch.where(here, start + (columns - start - turn) % size, columns))
        other = torch.where(here & (size == 1), 1 - states, turned)
        exists = turn < size.squeeze(1).clamp(min=2)
        logs.append(torch.where(exists, -rbm.free_energy(other), -torch.inf))
    return float((logs[0] - torch.logsumexp(torch.stack(logs), dim=0)).mean())
