"""Missing values are filled in by what a DBN makes of the known ones."""

import pytest
import torch
from torch import Tensor

from deepbelief import DBN, Bernoulli, Categorical, Gaussian, Random
from deepbelief.errors import DataError, SettingsError
from deepbelief.models import Joint, Standardisation, Units
from deepbelief.sampling import impute, impute_by_mean_field
from tests.small_models import all_states, tiny_dbn

NAN = torch.nan


def one_rbm(visible: Units) -> DBN:
    return tiny_dbn(visible, Bernoulli(3))


def expected(dbn: DBN, item: Tensor) -> Tensor:
    """E[v | known values] of an RBM by enumeration of its hidden states, of one item, (width,)."""
    rbm = dbn.layer(1)
    hidden = all_states(rbm.hidden)
    field = hidden @ rbm.weights.T
    means = rbm.visible.mean(field)
    known = ~item.isnan()
    ends = torch.tensor(rbm.visible.variable_sizes).cumsum(0) - 1
    there = torch.where(known, item, 0)
    logs = (
        field @ there
        - rbm.visible.energy(there[None])
        + rbm.visible.log_partitions(field)[:, ~known[ends]].sum(dim=1)
        - rbm.hidden.energy(hidden)
    )
    return torch.where(known, item, logs.softmax(dim=0) @ means)


ITEMS = {
    "Bernoulli": (Bernoulli(4), [1.0, NAN, NAN, 0.0]),
    "Categorical": (Categorical(2, 3), [0.0, 1, 0, NAN, NAN, NAN]),
    "Joint": (Joint(Bernoulli(2), Categorical(1, 3), Gaussian(2)), [NAN, 1.0, NAN, NAN, NAN, 0.5, NAN]),
    "all": (Bernoulli(3), [NAN, NAN, NAN]),
}


@pytest.mark.parametrize("name", ITEMS)
@pytest.mark.parametrize("samples", [False, True])
def test_what_is_filled_in_has_the_conditional_mean(name: str, samples: bool) -> None:
    units, item = ITEMS[name]
    dbn, given = one_rbm(units), torch.tensor(item, dtype=torch.float64)
    found = impute(dbn, given.repeat(4000, 1), 0, 30, samples=samples)
    torch.testing.assert_close(found.mean(dim=0), expected(dbn, given), atol=0.06, rtol=0)
    if samples:
        units.check_values(found)
    else:
        assert found.std(dim=0).max() < 0.5  # means over the second half of the steps, not single ones


@pytest.mark.parametrize("samples", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_known_values_stay_bit_for_bit(samples: bool, layers: int) -> None:
    dbn = DBN.from_units([Gaussian(3), Bernoulli(4), Bernoulli(2)][: layers + 1], Random(0)).requires_grad_(False)
    dbn.standardisation = Standardisation(torch.tensor([10.0, 20.0, 0.1]), torch.tensor([3.0, 7.0, 0.01]))
    items = torch.tensor([[11.7, NAN, 0.123], [NAN, 23.3, NAN], [9.1, 18.2, 0.1]])
    for found in (impute(dbn, items, 0, 10, samples=samples), impute_by_mean_field(dbn, items, 3)):
        assert torch.equal(torch.where(items.isnan(), NAN, found).nan_to_num(), items.nan_to_num())
        assert found.isfinite().all()
        assert 0 < float(found[0, 1]) < 50  # on the scale of the data
    assert torch.equal(impute(dbn, items, 7, 10), impute(dbn, items, 7, 10))


def test_mean_field_goes_up_and_down() -> None:
    dbn = one_rbm(Bernoulli(3))
    item, rbm = torch.tensor([[1.0, NAN, 0.0]], dtype=torch.float64), dbn.layer(1)
    values = torch.nan_to_num(item)
    for passes in range(1, 4):
        values = torch.where(item.isnan(), rbm.reconstruct(values), item)
        torch.testing.assert_close(impute_by_mean_field(dbn, item, passes), values)
    torch.testing.assert_close(impute_by_mean_field(dbn, item), impute_by_mean_field(dbn, item, 1))


def test_bad_items_are_told() -> None:
    dbn = one_rbm(Categorical(1, 3))
    for fill in (lambda items: impute(dbn, items, 0), lambda items: impute_by_mean_field(dbn, items)):
        with pytest.raises(DataError, match="item 0 has NaN at only one of the positions 0 and 1"):
            fill([[NAN, 0.0, 1.0]])
        with pytest.raises(DataError, match="item 0 has the value 2 at position 1"):
            fill([[0.0, 2.0, 1.0]])
        with pytest.raises(SettingsError, match="the DBN sees 3 values of each item"):
            fill([[0.0, 1.0]])
    with pytest.raises(SettingsError, match="takes at least 1 pass, not 0"):
        impute_by_mean_field(dbn, [[NAN, NAN, NAN]], 0)
    with pytest.raises(SettingsError, match="at least 2 steps, not 1"):
        impute(dbn, [[NAN, NAN, NAN]], 0, 1)
