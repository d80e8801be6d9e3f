"""The exact partition function, and exact probabilities, by enumeration of the states of one side."""

import copy
import math
from typing import Final

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike, as_batch
from deepbelief.errors import SettingsError
from deepbelief.models.missing import check_known_values, known_variables, without_missing
from deepbelief.models.rbm import RBM
from deepbelief.system.products import product

MOST_STATES: Final = 2**25
"""The most states of one side that `exact_log_z` enumerates: minutes for an RBM with 784 visible units."""

_BLOCK: Final = 2**20  # values of the other side's field per block: 8 MB


def fewest_states(rbm: RBM) -> float:
    """The number of states of the side that has fewer; infinity if both have infinitely many."""
    return min(math.inf if units.states is None else units.states for units in (rbm.hidden, rbm.visible))


@torch.no_grad()
def exact_log_z(rbm: RBM) -> float:
    """log Z in nats, in float64: one side enumerated in blocks, the other summed in closed form.

    log Z = log sum_h exp(log_partition_v(h W^T) - E_h(h)), or the same with the sides exchanged, whichever side has
    fewer states.

    Raises:
        SettingsError: both sides have more than 2^25 states, or infinitely many.

    >>> from deepbelief import Bernoulli, Random
    >>> round(exact_log_z(RBM(Bernoulli(3), Bernoulli(2), Random(0), weight_std=0.0)), 6)  # 32 states, all alike
    3.465736
    """
    if fewest_states(rbm) > MOST_STATES:
        raise SettingsError(
            f"log Z of this RBM has more than 2^{int(math.log2(MOST_STATES))} terms on either side "
            f"({rbm.extra_repr()} units), too many to add up: estimate it by AIS, as `ais` does."
        )
    rbm = copy.deepcopy(rbm).double()
    listed, summed, weights = rbm.hidden, rbm.visible, rbm.weights.T
    if listed.states is None or (summed.states is not None and summed.states < listed.states):
        listed, summed, weights = summed, listed, rbm.weights
    assert listed.states is not None
    rows, blocks = max(1, _BLOCK // summed.size), []
    for start in range(0, listed.states, rows):
        numbers = torch.arange(start, min(start + rows, listed.states), device=weights.device)
        values = listed.state(numbers)
        blocks.append(torch.logsumexp(summed.log_partition(product(values, weights)) - listed.energy(values), dim=0))
    return float(torch.logsumexp(torch.stack(blocks), dim=0))


@torch.no_grad()
def exact_log_probability(rbm: RBM, visible: TensorLike) -> Tensor:
    """log p(x) of the known values x of items in nats, whatever is missing summed out: (batch, visible) -> (batch,).

    log p(x) = log sum_h exp(x . h W^T - E_v(x) + log_partition of the missing values given h - E_h(h)) - log Z, in
    float64.

    Args:
        rbm: whose hidden units can be enumerated.
        visible: values that the visible units can take; NaN is missing, a categorical group as a whole.

    Raises:
        SettingsError: the hidden units have more than 2^25 states, or infinitely many.
        DataError: the visible units cannot take one of the values.

    >>> from deepbelief import Bernoulli, Random
    >>> rbm, nan = RBM(Bernoulli(2), Bernoulli(2), Random(0)), float("nan")
    >>> round(float(exact_log_probability(rbm, [[nan, 0.0], [nan, 1.0]]).exp().sum()), 6)
    1.0
    """
    rbm = copy.deepcopy(rbm).double()
    if rbm.hidden.states is None or rbm.hidden.states > MOST_STATES:
        raise SettingsError(
            f"the {rbm.hidden.size} {type(rbm.hidden).__name__} hidden units have too many states to add up: estimate "
            "the likelihood by `log_likelihood`."
        )
    given = as_batch(visible, rbm.weights, rbm.visible.size, "the RBM sees")
    check_known_values(rbm.visible, given)
    rbm.visible.check_states(given)
    there, missing = without_missing(given), (~known_variables(rbm.visible, given)).double()
    rows = max(1, _BLOCK // (rbm.visible.size + len(given)))
    total = torch.full((len(given),), -torch.inf, dtype=torch.float64, device=given.device)
    for start in range(0, rbm.hidden.states, rows):
        numbers = torch.arange(start, min(start + rows, rbm.hidden.states), device=given.device)
        hidden = rbm.hidden.state(numbers)
        field = product(hidden, rbm.weights.T)
        logs = field @ there.T + rbm.visible.log_partitions(field) @ missing.T - rbm.hidden.energy(hidden)[:, None]
        total = torch.logaddexp(total, torch.logsumexp(logs, dim=0))
    return total - rbm.visible.energy(there) - exact_log_z(rbm)
