"""What may be told to be known of items that a model completes, and what the rest of them may hold."""

import itertools

import pytest
import torch

from deepbelief.errors import SettingsError
from deepbelief.models.dbn import DBN
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, Joint, ReLU, Units
from deepbelief.randomness import Random
from deepbelief.sampling import Clamp, clamped_chain, fantasies, inpaint


def test_a_group_is_known_as_a_whole_or_not_at_all() -> None:
    dbn = DBN.from_units([Joint(Bernoulli(2), Categorical(2, 3)), Bernoulli(2)], Random(0))
    items = torch.tensor([[0, 1, 0, 1, 0, 0, 0, 1.0]]).repeat(4, 1)
    known = torch.tensor([True, False, True, True, True, False, False, False])
    assert torch.equal(inpaint(dbn, items, known, Random(0), 4)[:, known], items[:, known])
    for at, per_item in itertools.product((2, 4, 6), (False, True)):
        broken = known.clone()
        broken[at] = not broken[at]
        broken = broken.repeat(4, 1) if per_item else broken
        for sampled in (
            lambda mask: inpaint(dbn, items, mask, Random(0), 4),
            lambda mask: next(clamped_chain(dbn.layer(1), items, mask, Random(0))),
            lambda mask: fantasies(dbn, 4, Random(0), 4, clamp=Clamp(items, mask)),
        ):
            with pytest.raises(SettingsError, match=r"positions \d and \d, which are one categorical group, only one"):
                sampled(broken)


@pytest.mark.parametrize("hidden", [Bernoulli, Gaussian, ReLU])
def test_unknown_pixels_may_hold_anything(hidden: type[Units]) -> None:
    dbn = DBN.from_units([Bernoulli(6), hidden(4), Bernoulli(3)], Random(0), weight_std=0.5)
    known = torch.arange(6) < 3
    images = torch.rand(200, 6)
    missing = torch.where(known, images, torch.nan)
    completed = (inpaint(dbn, given, known, Random(1), 2, samples=True) for given in (missing, images))
    assert torch.equal(*completed)
