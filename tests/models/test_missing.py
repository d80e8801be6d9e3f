"""Missing values: what counts as one, and what sees it."""

import pytest
import torch

from deepbelief import DBN, Bernoulli, Categorical, Gaussian, Random, encode_source, standardise
from deepbelief.data import Images, Labelled, Source, TensorSource
from deepbelief.data.views import Binarised, Weighted
from deepbelief.errors import DataError
from deepbelief.models import Joint, Standardisation, base_rate_bias
from deepbelief.models.checks import check_known
from deepbelief.models.missing import broken_groups, known_values, known_variables
from deepbelief.models.views import Encoded, encode_source_all

NAN = torch.nan
UNITS = Joint(Bernoulli(1), Categorical(1, 3), Gaussian(1))
ITEMS = torch.tensor([[1.0, 0, 1, 0, 2.5], [NAN, NAN, NAN, NAN, NAN], [0.0, NAN, NAN, NAN, -1.0]])


def test_a_variable_is_missing_as_a_whole() -> None:
    check_known(TensorSource(ITEMS), UNITS)
    assert known_values(UNITS, ITEMS).tolist() == (~ITEMS.isnan()).tolist()
    assert known_variables(UNITS, ITEMS).tolist() == [[True, True, True], [False] * 3, [True, False, True]]


@pytest.mark.parametrize(("missing", "at"), [([1], 1), ([2], 1), ([2, 3], 1), ([3], 2), ([1, 2], 2)])
def test_half_a_group_is_told(missing: list[int], at: int) -> None:
    items = ITEMS[:1].repeat(3, 1)
    items[1, missing] = NAN
    with pytest.raises(DataError, match=f"item 1 has NaN at only one of the positions {at} and {at + 1}, which are"):
        check_known(TensorSource(items), UNITS)


@pytest.mark.parametrize("position", range(5))
def test_what_is_known_is_checked(position: int) -> None:
    items = ITEMS.clone()
    items[0, position] = torch.inf
    with pytest.raises(DataError, match=f"item 0 has the value inf at position {position}"):
        check_known(TensorSource(items), UNITS)


def test_units_without_groups_have_none_to_break() -> None:
    assert not len(broken_groups(Bernoulli(3), torch.tensor([[True, False, True]])))


class Own(Source):
    """A user's source, which knows nothing of missing values."""

    width = 5

    def __len__(self) -> int:
        return 3

    def batch(self, rows: torch.Tensor | slice) -> torch.Tensor:
        return ITEMS[rows]


def test_sources_tell_the_share_that_is_missing() -> None:
    share = 8 / 15
    for source in (TensorSource(ITEMS), Own(), Weighted(ITEMS, [1, 2, 3])):
        assert source.missing == pytest.approx(share)
    assert Labelled(ITEMS, [0, 1, 0], 5).missing == pytest.approx(share / 2)
    assert Images(torch.zeros(3, 2, dtype=torch.uint8), 255).missing == 0
    assert Encoded(DBN.from_units([UNITS, Bernoulli(2)], Random(0)), Own(), 1).missing == 0
    assert TensorSource(torch.zeros(0, 4)).missing == 0


def test_states_are_drawn_of_what_is_known() -> None:
    values = torch.tensor([[0.0, NAN, 1.0, 0.5]]).repeat(500, 1)
    drawn = Binarised(TensorSource(values), Random(0))
    for states in (drawn.batch(slice(0, 500)), drawn.reader(500, torch.float64)(slice(0, 500))):
        assert torch.equal(states.isnan(), values.isnan())
        assert states[:, 0].eq(0).all() and states[:, 2].eq(1).all()
        assert 0.4 < float(states[:, 3].mean()) < 0.6


def test_means_are_of_what_is_known() -> None:
    random = Random(0)
    values = 1e6 + random.normal((60, 3))
    values[random.uniform((60, 3)) < 0.4] = NAN
    values[0, 0] = NAN
    ours = Standardisation.of(values.split(7))
    for column in range(3):
        known = values[:, column][~values[:, column].isnan()]
        alone = Standardisation.of([known[:, None]])
        assert float(ours.mean[column]) == pytest.approx(float(alone.mean), rel=1e-12)
        assert float(ours.scale[column]) == pytest.approx(float(alone.scale), rel=1e-6)
        probabilities = torch.sigmoid(known - 1e6)[:, None]
        both = torch.cat([torch.sigmoid(values[:, column : column + 1] - 1e6), torch.full((5, 1), NAN)])
        units = Bernoulli(1)
        torch.testing.assert_close(base_rate_bias(units, [both]), base_rate_bias(units, [probabilities]))


def test_a_constant_column_of_which_the_first_is_missing_stays_constant() -> None:
    assert Standardisation.of([torch.tensor([[NAN], [5.0], [5.0]])]).scale.tolist() == [0]


def test_a_column_without_any_value_has_no_mean() -> None:
    with pytest.raises(DataError, match="position 1 is missing in every item: leave it out"):
        Standardisation.of([torch.tensor([[1.0, NAN], [2.0, NAN]])])
    with pytest.raises(DataError, match="infinite"):
        Standardisation.of([torch.tensor([[1.0, NAN], [2.0, torch.inf]])])


def test_what_is_missing_sends_nothing_up() -> None:
    dbn = DBN.from_units([Gaussian(3), Bernoulli(4), Bernoulli(2)], Random(0), weight_std=1.0).requires_grad_(False)
    items = torch.tensor([[3.0, NAN, 5.0], [1.0, 7.0, NAN], [2.0, 9.0, 1.0]])
    standardise(dbn, items)
    assert dbn.standardisation is not None
    seen = torch.where(items.isnan(), 0, dbn.standardisation(items))
    layers = [dbn.layer(1).hidden_mean(seen)]
    layers.append(dbn.layer(2).hidden_mean(layers[0]))
    for found in (dbn.encode_all(items), encode_source_all(dbn, TensorSource(items))):
        assert all(torch.equal(one, other) for one, other in zip(found, layers, strict=True))
    assert torch.equal(dbn.encode(items), layers[1]) and torch.equal(encode_source(dbn, items), layers[1])
    assert torch.equal(Encoded(dbn, TensorSource(items), 1).reader(3, torch.float32)(slice(0, 3)), layers[0])
    assert torch.equal(dbn.encode(items, 0).isnan(), items.isnan())  # layer 0 is the values themselves
