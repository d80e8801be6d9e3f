"""An RBM that begins as the one below turned upside down leaves the DBN's distribution as it is."""

import pytest
import torch

from deepbelief.errors import SettingsError
from deepbelief.learning.rbm.tie import tie_to_below
from deepbelief.models.dbn import DBN
from deepbelief.models.units import Bernoulli, Categorical, ReLU
from deepbelief.randomness import Random
from tests.small_models import all_states, randomise


@torch.no_grad()
def test_the_values_between_have_the_same_distribution() -> None:
    random = Random(0)
    dbn = DBN.from_units([Bernoulli(3), Bernoulli(4), Bernoulli(5)], random, weight_std=1e-9).double()
    randomise(dbn.layer(1), random, 1.0)
    tie_to_below(dbn, 2)
    h = all_states(dbn.layer(1).hidden)
    below = dbn.layer(1)
    of_below = below.visible.log_partition(h @ below.weights.T) - below.hidden.energy(h)
    torch.testing.assert_close(
        torch.softmax(-dbn.layer(2).free_energy(h), 0), torch.softmax(of_below, 0), rtol=1e-6, atol=1e-8
    )


@torch.no_grad()
@pytest.mark.parametrize("hidden", [64, 128, 256])
def test_the_likelihood_of_the_layers_below_is_where_the_bound_starts(hidden: int) -> None:
    """The change of the mean log p of the values between, over what the RBM below makes of data: its posterior."""
    random = Random(0)
    dbn = DBN.from_sizes([64, 16, hidden], random).double()
    below, top = dbn.layer(1), dbn.layer(2)
    tie_to_below(dbn, 2)
    h = all_states(below.hidden)
    before = (below.visible.log_partition(h @ below.weights.T) - below.hidden.energy(h)).log_softmax(0)
    after = (-top.free_energy(h)).log_softmax(0)
    data = random.bernoulli(torch.full((50, 64), 0.4, dtype=torch.float64))
    posterior = torch.softmax(data @ below.weights @ h.T - below.hidden.energy(h), dim=1)
    assert abs(float((posterior @ (after - before)).mean())) < 0.01
    further = top.weights[:, 64:]
    assert len(further.T.unique(dim=0)) == hidden - 64


def test_what_cannot_be_turned_is_refused() -> None:
    random = Random(0)
    with pytest.raises(SettingsError, match="has no RBM below it"):
        tie_to_below(DBN.from_sizes([3, 4], random), 1)
    with pytest.raises(SettingsError, match="2 Bernoulli hidden units cannot begin as 3 Bernoulli visible ones"):
        tie_to_below(DBN.from_sizes([3, 4, 2], random), 2)
    with pytest.raises(SettingsError, match="9 ReLU hidden units cannot begin as 3 Bernoulli"):
        tie_to_below(DBN.from_units([Bernoulli(3), Bernoulli(4), ReLU(9)], random), 2)
    with pytest.raises(SettingsError, match="4 Categorical hidden units cannot begin as 4 Categorical visible ones"):
        tie_to_below(DBN.from_units([Categorical(1, 4), Bernoulli(3), Categorical(2, 2)], random), 2)
    tie_to_below(DBN.from_units([Categorical(1, 4), Bernoulli(3), Categorical(2, 4)], random), 2)
