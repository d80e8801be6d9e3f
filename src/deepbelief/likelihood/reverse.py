"""RAISE: lower bounds of log p(v), by annealing backwards from given items."""

import math
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike, as_batch
from deepbelief.likelihood.ais import AISSettings, report
from deepbelief.models.annealed_path import AnnealedPath
from deepbelief.progress import Progress
from deepbelief.randomness import Random, as_random
from deepbelief.system.products import product

_ROWS: Final = 1000  # chains at a time


@torch.no_grad()
def raise_bound(
    path: AnnealedPath,
    visible: TensorLike,
    random: Random | int,
    settings: AISSettings | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """RAISE (Burda, Grosse & Salakhutdinov 2015): estimates of log p(v) that on average are below it.

    The chains that AIS ends with, after a Gibbs step at beta = 1, follow a distribution p_K near the RBM's. Run
    backwards from v_K = v, with v_k-1 from a Gibbs step at beta_k from v_k, they give

    log p_K(v) >= E[log f_1(v) - log Z_0 - sum over k of (log f_k(v_k-1) - log f_k-1(v_k-1))],

    with equality for infinitely many `chains_per_item`, which are averaged as probabilities. For every item that is a
    lower bound under p_K. It is also one under the RBM where p_K, which has not fully converged, gives the items less
    probability than the RBM does. This holds in the mean over data that the RBM models well, but not for each item.

    Args:
        path: from independent units to the RBM.
        visible: (batch, visible), values that the units can take; see `as_states` for grey ones.
        random: for the states of the units, on the RBM's device.
        settings: temperatures and `chains_per_item`.
        progress: gets "RAISE" and counts temperatures.

    Returns:
        One number in nats for each item, shape (batch,), float64.
    """
    random = as_random(random, path.rbm.weights.device)
    settings = settings or AISSettings()
    given = as_batch(visible, path.rbm.weights, path.rbm.visible.size, "the RBM sees")
    path.rbm.visible.check_values(given)
    repeated = given.repeat_interleave(settings.chains_per_item, dim=0)
    blocks = torch.split(repeated, _ROWS)
    total = len(blocks) * (len(settings.betas) - 1)
    found, done = [], 0
    for block in blocks:
        log_weights, states = -path.rbm.free_energy(block).double() - path.log_z0(), block
        signal = product(states, path.rbm.weights)
        for low, high in reversed(list(pairwise(settings.betas))):
            states = path.step(signal, high, random)
            signal = product(states, path.rbm.weights)
            log_weights -= path.log_ratio(states, signal, low, high)
            done += 1
            report(progress, "RAISE", done, total)
        found.append(log_weights)
    chains = torch.cat(found).view(len(given), settings.chains_per_item)
    return torch.logsumexp(chains, dim=1) - math.log(settings.chains_per_item)
