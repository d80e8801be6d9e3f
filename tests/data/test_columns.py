"""Columns of a table: what is recognised, what a model sees of them, and what they refuse, by row and column."""

import datetime
import json

import numpy as np
import pytest

from deepbelief.data.columns import Column, Columns
from deepbelief.data.recognition import recognise_columns
from deepbelief.errors import DataError, SettingsError

NAN = float("nan")
COLOUR = Column("colour", "category", ("blue", "green", "red"))
CODE = Column("code", "category", (3, 7, 20))


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        ([0, 1, 1], "binary", ()),
        ([0.0, 0.25, NAN], "binary", ()),
        ([True, False, True], "binary", ()),
        (np.array([0, 1, 2], np.uint8), "real", ()),
        ([0.5, -0.001, 0.0], "real", ()),
        ([1.5, None, 0.2], "real", ()),
        (["red", "blue", "red"], "category", ("blue", "red")),
        (["red", None, ""], "category", ("red",)),
        (np.array([b"red", b"blue", b""]), "category", ("blue", "red")),
        (["10", "9", "10"], "category", ("10", "9")),  # text is a category, whatever it says
        (np.ma.masked_array([0.0, 1.0, 5.0], [False, False, True]), "binary", ()),
    ],
)
def test_kinds_are_recognised(cells: object, kind: str, values: tuple[str, ...]) -> None:
    (column,) = recognise_columns({"x": cells}).each  # type: ignore[dict-item]
    assert (column.name, column.kind, column.values) == ("x", kind, values)


def test_fractions_are_probabilities_only_where_all_numbers_of_the_table_may_be() -> None:
    table = {"a": [0.5, 0.0], "b": [1, 0], "c": [NAN, 1.0], "d": ["x", "y"]}
    assert [column.kind for column in recognise_columns(table).each] == ["binary", "binary", "binary", "category"]
    beside = {**table, "e": [0.5, 7.0]}
    assert [column.kind for column in recognise_columns(beside).each] == [
        *("real", "binary", "binary", "category", "real")
    ]
    assert recognise_columns(beside, {"a": "binary"}).each[0].kind == "binary"
    assert recognise_columns(table, {"b": "real"}).each[0].kind == "binary"


def test_declared_kinds_are_taken() -> None:
    table = {"a": [0, 1, 1], "b": [20.0, 3.0, NAN], "c": ["1.5", "2", None], "d": [1, 2, 3]}
    columns = recognise_columns(table, {"a": "real", "b": "category", "c": "real"})
    assert [column.kind for column in columns.each] == ["real", "category", "real", "real"]
    assert columns.each[1].values == (3, 20)
    assert columns.encode(table)[:, 3].tolist()[:2] == [1.5, 2.0]


@pytest.mark.parametrize(
    ("table", "declared", "sentence"),
    [
        ({"x": [1, np.inf]}, {}, "row 2 of the column 'x' holds inf, which is no finite number"),
        ({"x": [1, -np.inf]}, {}, "row 2 of the column 'x' holds -inf"),
        ({"x": [1.0, 1e300]}, {}, "row 2 of the column 'x' holds 1e\\+300"),
        ({"x": [1, 2, "many"]}, {}, "row 3 of the column 'x' holds the text 'many', and row 1 the number 1"),
        ({"x": [NAN, None, ""]}, {}, "the column 'x' is empty in every row"),
        ({"x": []}, {}, "the column 'x' has no rows"),
        ({"x": [1, 2], "y": [1]}, {}, "the column 'x' has 2 rows and the column 'y' 1: make them equal"),
        ({"x": [[1, 2]]}, {}, r"the column 'x' has the shape \(1, 2\)"),
        ({"x": np.array(["2020-01-01"], "datetime64[D]")}, {}, r"the column 'x' holds datetime64\[D\]"),
        ({"x": [None, datetime.date(2020, 1, 1)]}, {}, "row 2 of the column 'x' holds '2020-01-01', a date"),
        ({"x": [1j]}, {}, "the column 'x' holds complex128"),
        ({"x": [f"name {n}" for n in range(51)]}, {}, "the column 'x' holds 51 different texts in 51 rows"),
        ({"x": ["1,5", None, "-12,25"]}, {}, "the column 'x' holds numbers with a decimal comma, such as '1,5'"),
        ({"x": [0.0, 1.5]}, {"x": "binary"}, "row 2 of the column 'x' holds 1.5"),
        ({"x": [1.0, 1.5]}, {"x": "category"}, "row 2 of the column 'x' holds 1.5, and a category is text or a whole"),
        ({"x": ["1", "1_000"]}, {"x": "real"}, "row 2 of the column 'x' holds '1_000', where numbers are wanted"),
        ({}, {}, "there is no column"),
    ],
)
def test_what_is_no_table_is_refused_by_row_and_column(table: dict, declared: dict, sentence: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(DataError, match=f"^{sentence}"):
        recognise_columns(table, declared)


def test_impossible_declarations_are_refused() -> None:
    with pytest.raises(SettingsError, match="no column 'size' to declare"):
        recognise_columns({"x": [1]}, {"size": "real"})
    with pytest.raises(
        SettingsError, match="'number' is no kind of column for 'x': give one of binary, real, category"
    ):
        recognise_columns({"x": [1]}, {"x": "number"})  # type: ignore[dict-item]


def test_many_texts_are_a_category_where_they_repeat_or_are_declared() -> None:
    names = [f"name {number}" for number in range(51)]
    assert len(recognise_columns({"x": names * 2}).each[0].values) == 51
    assert len(recognise_columns({"x": names}, {"x": "category"}).each[0].values) == 51


def test_rows_become_numbers_and_back() -> None:
    columns = Columns((Column("on", "binary"), COLOUR, Column("size", "real"), CODE))
    table = {
        "size": [5.5, NAN, -2.0],
        "colour": np.array(["red", "blue", ""]),
        "further": [1, 2, 3],
        "code": [20.0, NAN, 3.0],
        "on": [True, False, True],
    }
    matrix = columns.encode(table)
    assert columns.width == matrix.shape[1] == 8
    np.testing.assert_array_equal(
        matrix,
        [
            [1, 0, 0, 1, 5.5, 0, 0, 1],
            [0, 1, 0, 0, NAN, NAN, NAN, NAN],
            [1, NAN, NAN, NAN, -2, 1, 0, 0],
        ],
    )
    back = columns.decode(matrix)
    assert list(back) == ["on", "colour", "size", "code"]
    assert back["on"].tolist() == [1, 0, 1]
    assert back["colour"].tolist() == ["red", "blue", None]
    np.testing.assert_array_equal(back["size"], [5.5, NAN, -2])
    assert back["code"].tolist() == [20, None, 3]


def test_numbers_are_single_precision_where_that_holds_them() -> None:
    columns = Columns((Column("x", "real"), COLOUR))
    for dtype, wanted in {"f4": "f4", "u1": "f4", "?": "f4", "f8": "f8", "i8": "f8", "f2": "f4"}.items():
        assert columns.encode({"x": np.ones(2, dtype), "colour": ["red", "red"]}).dtype == wanted
    assert columns.encode({"x": [2.0**25 + 1], "colour": ["red"]})[0, 0] == 2**25 + 1


def test_the_most_probable_category_is_decoded() -> None:
    assert COLOUR.decode(np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])).tolist() == ["green", "blue"]


@pytest.mark.parametrize(
    ("column", "cells", "sentence"),
    [
        (
            COLOUR,
            ["red", "pink"],
            "row 2 of the column 'colour' holds 'pink', which is none of the categories .*'blue'",
        ),
        (COLOUR, ["red", 3], "row 2 of the column 'colour' holds the number 3, where text is wanted"),
        (CODE, [3, 4], "row 2 of the column 'code' holds 4, which is none of the categories"),
        (CODE, [3, 7.5], "row 2 of the column 'code' holds 7.5"),
        (CODE, [3, "red"], "row 2 of the column 'code' holds 'red', where numbers are wanted"),
        (Column("p", "binary"), [1, -0.1], "row 2 of the column 'p' holds -0.1, where all that was known"),
        (Column("p", "binary"), [0.5, 1.1], "row 2 of the column 'p' holds 1.1"),
        (Column("x", "real"), [NAN, np.inf], "row 2 of the column 'x' holds inf"),
        (Column("x", "real"), ["1.5", "much"], "row 2 of the column 'x' holds 'much', where numbers are wanted"),
    ],
)
def test_new_rows_that_do_not_fit_are_refused_by_row_and_column(column: Column, cells: list, sentence: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(DataError, match=f"^{sentence}"):
        Columns((column,)).encode({column.name: cells})


def test_tables_of_other_columns_are_refused() -> None:
    columns = Columns((COLOUR, CODE))
    with pytest.raises(DataError, match="no column 'code'"):
        columns.encode({"colour": ["red"]})
    with pytest.raises(DataError, match="'colour' has 1 rows and the column 'code' 2"):
        columns.encode({"colour": ["red"], "code": [3, 7]})
    with pytest.raises(DataError, match=r"shape \(1, 4\) are no rows of 6 numbers"):
        columns.decode(np.zeros((1, 4)))


def test_a_column_without_known_cells_is_missing() -> None:
    assert np.isnan(Columns((COLOUR,)).encode({"colour": [NAN, NAN]})).all()
    assert np.isnan(Columns((CODE,)).encode({"code": ["", None]})).all()


def test_descriptions_make_the_same_columns_again() -> None:
    columns = Columns((Column("on", "binary"), COLOUR, Column("size", "real"), CODE))
    assert Columns.from_description(json.loads(json.dumps(columns.description))) == columns


@pytest.mark.parametrize(
    "description",
    [
        None,
        3,
        [],
        ["size"],
        [{"name": "size"}],
        [{"name": "size", "kind": "number"}],
        [{"name": "size", "kind": ["real"]}],
        [{"name": "size", "kind": "real", "values": ["a"]}],
        [{"name": "size", "kind": "category"}],
        [{"name": "size", "kind": "category", "values": ["b", "a"]}],
        [{"name": "size", "kind": "category", "values": ["a", "a"]}],
        [{"name": "size", "kind": "category", "values": ["a", 1]}],
        [{"name": "size", "kind": "category", "values": [["a"], ["b"]]}],
        [{"name": "size", "kind": "category", "values": 3}],
        [{"name": "size", "kind": "real"}, {"name": "size", "kind": "real"}],
    ],
)
def test_what_describes_no_columns_is_refused(description: object) -> None:
    with pytest.raises(DataError):
        Columns.from_description(description)


def test_the_summary_counts_columns_rows_and_missing_cells() -> None:
    columns = Columns((Column("on", "binary"), COLOUR, Column("size", "real"), CODE))
    table = {"on": [1, 0], "colour": ["red", None], "size": [1, 2], "code": [3, 3]}
    assert (
        columns.summary(columns.encode(table)) == "1 binary column, 1 real column, 2 categories, 12 % missing; 2 rows"
    )
    two = Columns((Column("a", "real"), Column("b", "real")))
    assert two.summary(np.zeros((1797, 2))) == "2 real columns; 1,797 rows"
    few = np.zeros((1000, 2))
    few[0, 0] = NAN
    assert two.summary(few) == "2 real columns, 0.05 % missing; 1,000 rows"


def test_columns_that_never_change_are_named() -> None:
    table = {"a": [2.0, NAN, 2.0], "b": [1, 2, 3], "c": ["red", "red", None], "d": ["red", "blue", None]}
    columns = recognise_columns(table)
    assert columns.constant(columns.encode(table)) == ["a", "c"]
