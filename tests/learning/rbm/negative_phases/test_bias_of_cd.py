"""Where CD-k ends: with samples in its chain at the maximum of the likelihood, with means the farther the larger k."""

import pytest
import torch

from deepbelief.data import TensorSource
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.models.dbn import DBN
from deepbelief.models.rbm import RBM
from deepbelief.models.units import Bernoulli
from deepbelief.randomness import Random
from tests.small_models import log_likelihood


def noisy_patterns(n: int = 1500) -> torch.Tensor:
    """Two groups of four bits, each all on or all off, and an eighth of the bits wrong."""
    random = Random(0, "patterns")
    groups = random.bernoulli(torch.tensor([0.5, 0.3]).expand(n, 2)).repeat_interleave(4, dim=1)
    return (groups - random.bernoulli(torch.full((n, 8), 0.12))).abs().double()


@pytest.fixture(scope="module")
def best() -> tuple[RBM, torch.Tensor]:
    """The RBM of the exact maximum of the likelihood, by gradient ascent, and its data."""
    rbm, data = RBM(Bernoulli(8), Bernoulli(4), Random(0), weight_std=0.5).double(), noisy_patterns()
    optimizer = torch.optim.LBFGS(rbm.parameters(), lr=0.5, max_iter=300, history_size=20)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = 1e-4 * rbm.weights.square().sum() - log_likelihood(rbm, data)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)
    return rbm, data


@pytest.mark.parametrize("k", [5, 30])
def test_a_gibbs_chain_stays_at_the_maximum_and_one_of_means_does_not(best: tuple[RBM, torch.Tensor], k: int) -> None:
    rbm, data = best
    lost = {}
    for samples in (True, False):
        dbn = DBN([RBM(Bernoulli(8), Bernoulli(4), Random(0)).double()])
        dbn.layer(1).load_state_dict(rbm.state_dict())
        settings = RBMSettings(
            epochs=60,
            batch_size=500,
            learning_rate=0.2,
            final_momentum=0.5,
            weight_decay=0.0,
            learning_rate_to_zero=True,
            gibbs_steps=k,
            visible_samples=samples,
        )
        list(Pretraining(dbn, TensorSource(data), [settings], random=Random(7)).epochs())
        with torch.no_grad():
            lost[samples] = float(log_likelihood(rbm, data) - log_likelihood(dbn.layer(1), data))
    assert lost[False] > 0.01
    assert lost[True] < 0.001
