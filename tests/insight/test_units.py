"""What single units are worth and what they make: variances, and DBNs made by hand."""

import torch

from deepbelief.insight.strength import unit_strengths
from deepbelief.insight.top_down import top_down_effects
from deepbelief.models import DBN
from deepbelief.models.rbm import bernoulli_rbm
from deepbelief.randomness import Random


def test_strength_is_the_spread_of_what_a_unit_adds_to_the_fields_below() -> None:
    rbm, hidden = bernoulli_rbm(6, 4, Random(0), weight_std=1.0).double(), Random(1).uniform((50, 4)).double()
    hidden[:, 3] = 1.0  # always on: it says nothing
    found = unit_strengths(rbm, hidden)
    for unit in range(4):
        added = hidden[:, unit, None] * rbm.weights.detach()[:, unit]
        assert torch.isclose(found[unit] ** 2, added.var(dim=0, correction=0).sum())
    assert found[3] == 0 and found.argmax() < 3 and not found.requires_grad


def switches(dbn: DBN, number: int, weights: list[list[float]]) -> None:
    """A layer whose visible units are on where a unit with a weight of 1 is on, and off where none is."""
    rbm = dbn.layer(number)
    with torch.no_grad():
        rbm.weights.copy_(60 * torch.tensor(weights))
        rbm.visible.bias.fill_(-30)


def test_a_unit_makes_the_picture_that_its_switches_lead_to() -> None:
    dbn = DBN.from_sizes([4, 3, 2], Random(0))
    switches(dbn, 1, [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])  # unit 0 makes the left half, 1 and 2 a pixel each
    switches(dbn, 2, [[1, 0], [0, 1], [0, 0]])
    off, on = torch.zeros(5, 2), torch.ones(5, 2)
    made = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 0]])
    for states in (off, on):  # whatever the other unit does
        torch.testing.assert_close(top_down_effects(dbn, 2, torch.tensor([0, 1]), states), made)
    below = torch.tensor([[0.0, 0, 0], [0, 0, 1]])
    torch.testing.assert_close(top_down_effects(dbn, 1, torch.tensor([2, 0]), below)[1], made[0])


def test_effects_are_means_over_states_and_leave_these_alone() -> None:
    dbn, states = DBN.from_sizes([5, 4, 3], Random(2), weight_std=2.0), Random(3).uniform((6, 3))
    before = states.clone()
    found = top_down_effects(dbn, 2, torch.tensor([2, 0]), states)
    for row, unit in enumerate((2, 0)):
        changes = []
        for state in before:
            on, off = state.clone(), state.clone()
            on[unit], off[unit] = 1, 0
            changes.append((dbn.decode(on[None]) - dbn.decode(off[None])).detach())
        torch.testing.assert_close(found[row], torch.cat(changes).mean(dim=0))
    assert torch.equal(states, before)
