"""Values that are missing, summed out of the probability of an item."""

import math
from itertools import pairwise

import torch
from torch import Tensor

from deepbelief.likelihood.ais import AISSettings, report
from deepbelief.models.annealed_path import AnnealedPath
from deepbelief.models.missing import known_variables, without_missing
from deepbelief.progress import Progress
from deepbelief.randomness import Random
from deepbelief.system.products import product


@torch.no_grad()
def sum_out(
    path: AnnealedPath,
    visible: Tensor,
    random: Random,
    settings: AISSettings | None = None,
    progress: Progress | None = None,
) -> tuple[Tensor, Tensor]:
    """Items v that are completed, and log p(x) - log p(v), how much more probable their known values x alone are.

    p(x) Z is the sum of exp(-F(v)) over the missing values. AIS estimates it as it does Z (`ais`), by chains whose
    known values are clamped, from independent missing values at beta = 0 to the RBM. v is where one of an item's
    chains ends, drawn by their weights w, and the difference is log mean(w) + F(v).

    Then mean(w) is an unbiased estimate of p(x) Z, and for any estimate p^(v) with E[p^(v)] = p(v) so is
    p^(v) mean(w) / exp(-F(v)) of p(x). The logarithms are too low on average, the less the more `chains_per_item`.

    Args:
        path: from independent units to the RBM.
        visible: (batch, visible), values that the units can take; NaN is missing, a categorical group as a whole.
        random: for the states of the units, on the RBM's device.
        settings: temperatures and `chains_per_item`.
        progress: gets "AIS of missing values" and counts temperatures.

    Returns:
        (batch, visible), and (batch,) float64, which is 0 for items of which nothing is missing.
    """
    settings, incomplete = settings or AISSettings(), visible.isnan().any(dim=1)
    gain = torch.zeros(len(visible), dtype=torch.float64, device=visible.device)
    if not incomplete.any():
        return visible, gain
    given = visible[incomplete]
    each = settings.chains_per_item
    states, log_weights = _anneal(path, given.repeat_interleave(each, dim=0), random, settings, progress)
    chains = log_weights.view(len(given), each)
    gumbel = -torch.log(-torch.log(random.uniform_(torch.empty_like(chains))))
    chosen = (chains + gumbel).argmax(dim=1) + each * torch.arange(len(given), device=visible.device)
    visible = visible.clone()
    visible[incomplete] = states[chosen]
    whole = torch.logsumexp(chains, dim=1) - math.log(each)
    gain[incomplete] = whole + path.rbm.free_energy(states[chosen]).double()
    return visible, gain


def _anneal(
    path: AnnealedPath, given: Tensor, random: Random, settings: AISSettings, progress: Progress | None
) -> tuple[Tensor, Tensor]:
    """States of chains whose known values are clamped, before a Gibbs step at beta = 1, and their log weights."""
    rbm, known, there = path.rbm, ~given.isnan(), without_missing(given)
    free = rbm.visible.log_partitions(path.visible_field(torch.zeros_like(there), 0.0))
    log_weights = torch.where(known_variables(rbm.visible, given), 0, free).sum(dim=1).double()
    log_weights += there @ (path.base_bias - rbm.visible.bias) - rbm.visible.energy(there)
    log_weights += rbm.hidden.log_partition(path.hidden_field(torch.zeros_like(rbm.hidden.bias[None]), 0.0))
    visible = torch.where(known, there, path.start(len(given), random))
    for done, (low, high) in enumerate(pairwise(settings.betas), start=1):
        signal = product(visible, rbm.weights)
        log_weights += path.log_ratio(visible, signal, low, high)
        if high < 1:
            visible = torch.where(known, there, path.step(signal, high, random))
        report(progress, "AIS of missing values", done, len(settings.betas) - 1)
    return visible, log_weights
