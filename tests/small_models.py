"""Small RBMs and DBNs of all kinds of units, and their exact mathematics by enumeration, in double precision."""

import itertools

import torch
from torch import Tensor

from deepbelief.likelihood import exact_log_z
from deepbelief.models.dbn import DBN
from deepbelief.models.rbm import RBM
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, Joint, ReLU, ReplicatedSoftmax, Units
from deepbelief.randomness import Random

KINDS = {
    "Bernoulli": lambda: Bernoulli(3),
    "Categorical": lambda: Categorical(2, 3),
    "Gaussian": lambda: Gaussian(3),
    "ReLU": lambda: ReLU(2),
    "ReplicatedSoftmax": lambda: ReplicatedSoftmax(3, 2),
    "Joint": lambda: Joint(Bernoulli(2), Categorical(1, 3)),
}
PAIRS = [
    (visible, hidden)
    for visible, hidden in itertools.product(KINDS, KINDS)
    if KINDS[visible]().bounded or KINDS[hidden]().bounded
]


def randomise(rbm: RBM, random: Random, scale: float = 0.5) -> RBM:
    """Every parameter of the RBM from N(0, scale^2), float64."""
    rbm.double()
    with torch.no_grad():
        for parameter in rbm.parameters():
            parameter.copy_(random.normal(parameter.shape, scale))
    return rbm


def small_rbm(visible: str, hidden: str, seed: int = 0, scale: float = 0.5) -> RBM:
    """A random RBM of two kinds of units, float64."""
    random = Random(seed, "small")
    return randomise(RBM(KINDS[visible](), KINDS[hidden](), random), random, scale)


def all_states(units: Units) -> Tensor:
    """Every state of finite units; for counts those up to 24, which have all the probability at these sizes."""
    if units.states is not None:
        return units.state(torch.arange(units.states))
    assert isinstance(units, ReLU)
    numbers = torch.arange(25, dtype=torch.float64)
    return torch.cartesian_prod(*[numbers] * units.size).view(-1, units.size)


def some_values(units: Units, n: int, random: Random) -> Tensor:
    """Values that such units can have."""
    return units.sample(random.normal((n, units.size)).to(units.bias), random)


def log_z(rbm: RBM) -> Tensor:
    """log of the partition function by enumeration of a finite side, the other in closed form; differentiable."""
    if rbm.hidden.states is not None:
        h = all_states(rbm.hidden)
        return torch.logsumexp(rbm.visible.log_partition(h @ rbm.weights.T) - rbm.hidden.energy(h), dim=0)
    v = all_states(rbm.visible)
    return torch.logsumexp(-rbm.free_energy(v), dim=0)


def log_likelihood(rbm: RBM, visible: Tensor) -> Tensor:
    """Mean exact log p(v); differentiable."""
    return -rbm.free_energy(visible).mean() - log_z(rbm)


def tiny_dbn(*layers: Units) -> DBN:
    """A random DBN of these units, float64."""
    random = Random(11)
    dbn = DBN.from_units(layers, random)
    for number in range(1, len(dbn) + 1):
        randomise(dbn.layer(number), random, 0.8)
    return dbn.requires_grad_(False)


def exact_log_probabilities(dbn: DBN, visible: Tensor) -> Tensor:
    """log p(v) of a DBN of any number of layers, (batch,), by sums over all states of each layer from the top down."""
    top = dbn.layer(len(dbn))
    states = all_states(top.visible) if len(dbn) > 1 else visible
    log_p = -top.free_energy(states) - log_z(top)
    for number in range(len(dbn) - 1, 0, -1):
        rbm = dbn.layer(number)
        below, field = all_states(rbm.visible) if number > 1 else visible, states @ rbm.weights.T
        given = field @ below.T - rbm.visible.energy(below) - rbm.visible.log_partition(field)[:, None]
        states, log_p = below, torch.logsumexp(given + log_p[:, None], dim=0)
    return log_p


def top_log_z(dbn: DBN) -> float:
    """The exact log Z of the RBM on top."""
    return exact_log_z(dbn.layer(len(dbn)))
