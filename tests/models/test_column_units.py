"""Visible units for the columns of a table."""

import torch

from deepbelief.data.columns import Columns
from deepbelief.data.recognition import recognise_columns
from deepbelief.models import DBN, Bernoulli, Categorical, Gaussian, Joint
from deepbelief.models.column_units import units_of_columns

TABLE = {
    "a": [0, 1],
    "b": [1, 0],
    "c": [2.5, 3.0],
    "d": ["x", "y"],
    "e": ["p", "q"],
    "f": [5, 6],
    "g": ["only", "only"],
}


def test_neighbours_alike_share_units_in_the_order_of_the_columns() -> None:
    columns = recognise_columns({**TABLE, "h": ["r", "s"]}, {"f": "category"})
    units = units_of_columns(columns)
    wanted = Joint(Bernoulli(2), Gaussian(1), Categorical(3, 2), Bernoulli(1), Categorical(1, 2))
    assert units.description == wanted.description
    units.check_values(torch.from_numpy(columns.encode({**TABLE, "h": ["r", "s"]})))  # each unit can take its numbers


def test_columns_of_one_kind_are_one_kind_of_units() -> None:
    for names, wanted in {"ab": Bernoulli(2), "cf": Gaussian(2), "de": Categorical(2, 2)}.items():
        units = units_of_columns(recognise_columns({name: TABLE[name] for name in names}))
        assert units.description == wanted.description


def test_a_dbn_sees_the_numbers_of_the_columns() -> None:
    columns: Columns = recognise_columns(TABLE)
    dbn = DBN.from_units([units_of_columns(columns), Bernoulli(3)], 0)
    assert dbn.encode(columns.encode(TABLE)).shape == (2, 3)
