"""Whatever a file holds, it is read or refused by one sentence, and takes little memory.

`tests/fuzz.py` searches further in the same way.
"""

import io
import re
import runpy
import tomllib
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from deepbelief.errors import DeepBeliefError
from tests.file_kinds import KINDS

KINDS_HERE = [name for name in KINDS if name != "model"]  # models have a test of their own, test_checkpoint.py
MOST_MEMORY = 64 << 20  # bytes; no file here has more than some thousands

edits = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "cut", "repeat"]),
        st.integers(0, 10**6),
        st.binary(min_size=1, max_size=8) | st.sampled_from([b"\xff" * 8, b"\0" * 8, b"9" * 400, b"[" * 400, b"\n"]),
    ),
    min_size=1,
    max_size=3,
)


def edited(content: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    """The content after some changes, each at a place counted on from the start again where it is too short."""
    for how, where, new in changes:
        at = where % (len(content) + 1)
        before, after = content[:at], content[at:]
        content = {
            "replace": before + new + after[len(new) :],
            "insert": before + new + after,
            "cut": before + after[where % 50 + 1 :],
            "repeat": content + after,
        }[how]
    return content


def read(kind: str, content: bytes, folder: Path) -> list[Any]:
    """What the kind's readers make of it, in little memory."""
    tracemalloc.start()
    try:
        found = KINDS[kind].read(content, folder)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
        return found
    finally:
        tracemalloc.stop()


def test_the_fuzzer_knows_every_kind() -> None:
    assert set(runpy.run_path(str(Path(__file__).parent / "fuzz.py"))["NAMES"]) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_can_be_read(tmp_path: Path, kind: str) -> None:
    for example in KINDS[kind].examples:
        found = KINDS[kind].read(example, tmp_path)
        assert not all(isinstance(one, DeepBeliefError) for one in found), found


@pytest.mark.parametrize("fault", [ValueError("no sentence"), MemoryError(), DeepBeliefError("no end of a sentence")])
def test_another_error_is_a_finding(tmp_path: Path, fault: Exception) -> None:
    def reader(path: Path) -> None:
        raise fault

    kind = type(KINDS["table"])(".x", (), (reader,))
    with pytest.raises((type(fault), AssertionError)):
        kind.read(b"", tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        'levelled = ["a\\rb"]',
        'contestants = ["a\\nb"]',
        '"a\\u0007b" = 1',
        '[perturbations]\n"a\\nb" = [1.0]',
        '[dbn]\n"a\\nb" = 3',
        '[data]\nname = "a\\u2028b"',
        '[dbn]\nvisible = "a\\nb"',
    ],
)
def test_names_of_any_characters_are_told_on_one_line(tmp_path: Path, text: str) -> None:
    for error in KINDS["recipe"].read(text.encode(), tmp_path):
        assert isinstance(error, DeepBeliefError)
        assert str(error).isprintable()


@pytest.mark.parametrize("kind", KINDS_HERE)
@given(data=st.data())
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    start = data.draw(st.sampled_from([b"", *(example[:12] for example in KINDS[kind].examples)]))
    read(kind, start + data.draw(st.binary(max_size=200)), tmp_path_factory.getbasetemp())


@pytest.mark.parametrize("kind", KINDS_HERE)
@given(data=st.data())
def test_a_changed_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    content = edited(data.draw(st.sampled_from(KINDS[kind].examples)), data.draw(edits))
    read(kind, content, tmp_path_factory.getbasetemp())


anything = npst.arrays(
    st.one_of(
        npst.scalar_dtypes(),
        npst.byte_string_dtypes(),
        npst.unicode_string_dtypes(),
        npst.array_dtypes(max_size=2),
        npst.nested_dtypes(max_leaves=3),
    ),
    npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)


def stored(save: Callable[..., None], *arrays: Any, **named: Any) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of names that old versions of NumPy cannot read
        save(stream, *arrays, **named)
    return stream.getvalue()


@settings(max_examples=50)
@given(anything)
def test_an_array_of_any_type_and_shape_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray
) -> None:
    read("npy", stored(np.save, array), tmp_path_factory.getbasetemp())


@settings(max_examples=50)
@given(st.sampled_from(["x_train", "y_train", "x_test", "y_test", "class_names"]), anything)
def test_any_array_in_the_place_of_another_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, array: np.ndarray
) -> None:
    images, labels = np.arange(8, dtype=np.uint8).reshape(4, 2), [0, 1, 1, 0]
    whole = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    read("npz", stored(np.savez, **{**whole, name: array}), tmp_path_factory.getbasetemp())


SETTINGS = re.compile(r"^(\s*\w+ = ).*$", re.MULTILINE)
values = st.one_of(
    st.integers().map(str),
    st.integers(min_value=2**63).map(str),
    st.floats().map(str),
    st.booleans().map(lambda value: str(value).lower()),
    st.text("ab.é \"\\'", max_size=20).map(lambda text: "'''" + text.replace("'", "") + "'''"),
    st.sampled_from(["1979-05-27", "07:32:00", "1979-05-27T00:32:00Z", "{ }", "{ a.b = 1 }", "[[], [[1]]]", "[{ }]"]),
).flatmap(lambda value: st.sampled_from([value, f"[{value}]", f"[{value}, 1, 0.5]", f"{{ epochs = {value} }}"]))


@settings(max_examples=50)
@given(st.sampled_from(KINDS["recipe"].examples), st.lists(st.tuples(st.integers(0, 10**6), values), min_size=1))
def test_a_recipe_with_any_value_in_any_place_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, example: bytes, changes: list[tuple[int, str]]
) -> None:
    text = example.decode()
    for place, value in changes:
        lines = list(SETTINGS.finditer(text))
        chosen = lines[place % len(lines)]
        text = f"{text[: chosen.start()]}{chosen[1]}{value}{text[chosen.end() :]}"
    tomllib.loads(text)  # it is TOML all right
    read("recipe", text.encode(), tmp_path_factory.getbasetemp())
